package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"mfaload/internal/text"
	"mfaload/report"
	"mfaload/scenario/form"
)

// Exit codes, as documented.
const (
	exitPass         = 0
	exitFail         = 1
	exitUsage        = 2
	exitNotStarted   = 3
	exitInconclusive = 4
	exitInterrupted  = 130
)

var verdictCodes = map[report.Verdict]int{
	report.Pass: exitPass, report.Fail: exitFail,
	report.Inconclusive: exitInconclusive, report.Interrupted: exitInterrupted,
}

// exitError is an error with an exit code. Its err is nil where all was said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode says what is left to say of an error and returns its code.
func (a *app) exitCode(err error) int {
	var problems form.Problems
	var exit *exitError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &problems):
		// They name their places themselves, in the form that editors read.
		a.ui.Tell("%v\n", problems)
		return exitUsage
	case errors.As(err, &exit):
		if exit.err != nil {
			a.ui.Tell("mfaload: %v\n", advised(exit.err))
		}
		return exit.code
	default:
		a.ui.Tell("mfaload: %v\n", advised(err))
		return exitUsage
	}
}

// advised adds what to do to an error of the system that comes without.
func advised(err error) error {
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
			return fmt.Errorf("%w\n%s", err, hint("%s", a.next))
		}
	}
	return err
}

// end says what is left to say and returns the exit code. An error waits for its
// reader, progress does not.
func (a *app) end(err error) (code int) {
	if failed := a.ui.Failed(); err == nil && failed != nil {
		err = fmt.Errorf("write to the standard output: %w", failed)
	}
	code = a.exitCode(err)
	patience := time.Second
	var exit *exitError
	if err != nil && !(errors.As(err, &exit) && exit.err == nil) {
		patience = 0
	}
	a.ui.Flush(patience)
	return code
}

// hint is the line below an error that says what to do.
func hint(format string, args ...any) string { return text.Hint(format, args...) }
