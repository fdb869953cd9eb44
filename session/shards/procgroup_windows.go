package shards

import (
	"os/exec"
	"syscall"
)

// ownProcessGroup gives a process a group of its own.
func ownProcessGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
