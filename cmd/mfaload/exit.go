package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mfaload/internal/text"
	"mfaload/live/console"
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
			a.ui.Tell("mfaload: %v\n", console.Advised(exit.err))
		}
		return exit.code
	default:
		a.ui.Tell("mfaload: %v\n", console.Advised(err))
		return exitUsage
	}
}

// interruptible is [console.Console.Interruptible] with the exit code of a second signal.
func (a *app) interruptible(ctx context.Context, kept func() string) (context.Context, func()) {
	return a.ui.Interruptible(ctx, kept, func() { a.env.leave(exitInterrupted) })
}

// nothingKept is what a second signal leaves of a verb that writes nothing.
func nothingKept() string { return "nothing is kept" }

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
