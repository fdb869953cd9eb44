//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownProcessGroup gives a process a group of its own.
func ownProcessGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
