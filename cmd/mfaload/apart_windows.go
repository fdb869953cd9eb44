package main

import (
	"os/exec"
	"syscall"
)

// apart gives a process a group of its own.
func apart(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
