//go:build unix

package shards

import (
	"os/exec"
	"syscall"
)

func ownProcessGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
