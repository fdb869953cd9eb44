// Package runner turns a scenario into timed, checked requests. Its schedule is
// a pure function of the scenario; its workers send what the schedule promised
// and record when it happened and what came back.
package runner

import (
	"context"

	"mfaload/contract"
	"mfaload/scenario"
)

// Operation is what a run sends. Its methods are called by many workers at
// once, each with an exchange of its own.
type Operation interface {
	// Send sends one request for the user and reads the whole answer into ex.
	// It never retries. Any HTTP status is an answer; an error is a
	// [contract.Failure] and means that there is no whole answer.
	Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error
	// Open opens connections ahead of the requests, until n are open.
	Open(ctx context.Context, n int) error
	// Watch has each connection that is opened told to seen. It is called once,
	// before the first request.
	Watch(seen func(contract.Connection))
	// Mask takes secrets and personal data out of a text that is kept.
	Mask(text string) string
	// CorrelationID returns the ID that the service gave the response in ex, and whether
	// it gave one.
	CorrelationID(ex *contract.Exchange) (id string, given bool)
	// Check judges the answer in ex: it sets its label and whether it is as
	// expected, and appends to dst what it violates.
	Check(u scenario.User, ex *contract.Exchange, dst []contract.Violation) []contract.Violation
}
