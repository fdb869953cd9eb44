package console

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"mfaload/internal/text"
)

// Advised adds what to do to an error of the system that comes without.
func Advised(err error) error {
	if strings.Contains(err.Error(), "\n  ") {
		return err
	}
	for _, a := range []struct {
		is   error
		next string
	}{
		{fs.ErrNotExist, "check the name: it is looked for from the folder that mfaload was started in"},
		{fs.ErrPermission, "let this user in, or name another place"},
		{syscall.EISDIR, "name a file: this is a folder"},
		{syscall.ENOTDIR, "name a folder: a part of this is a file"},
		{syscall.ENOSPC, "make room on the disk, or name another place"},
		{syscall.EADDRINUSE, "something else listens there: choose another port"},
		{syscall.EADDRNOTAVAIL, "this machine has no such address: choose one of its own, such as 127.0.0.1"},
		// Windows has other numbers for them.
		{syscall.Errno(10048), "something else listens there: choose another port"},
		{syscall.Errno(10049), "this machine has no such address: choose one of its own, such as 127.0.0.1"},
		{syscall.Errno(10013), "something else has the port for itself, or the system keeps it: choose " +
			"another port"},
	} {
		if errors.Is(err, a.is) {
			return fmt.Errorf("%w\n%s", err, text.Hint("%s", a.next))
		}
	}
	return err
}
