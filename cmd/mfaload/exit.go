package main

import (
	"errors"
	"fmt"

	"mfaload/report"
	"mfaload/scenario"
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
func (u *ui) exitCode(err error) int {
	var problems scenario.Problems
	var exit *exitError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &problems):
		// They name their places themselves, in the form that editors read.
		u.tell("%v\n", problems)
		return exitUsage
	case errors.As(err, &exit):
		if exit.err != nil {
			u.error(exit.err)
		}
		return exit.code
	default:
		u.error(err)
		return exitUsage
	}
}
