package runner_test

import (
	"context"
	"fmt"

	"mfaload/contract"
	"mfaload/runner"
	"mfaload/scenario"
)

// echo is an operation that needs no network: every response is as expected. The
// real one is pingone.Operation.
type echo struct{}

func (echo) Send(_ context.Context, _ scenario.User, ex *contract.Exchange) error {
	ex.Status = 201
	return nil
}

func (echo) Check(_ scenario.User, ex *contract.Exchange, dst []contract.Violation) []contract.Violation {
	ex.Label, ex.AsExpected = "201", true
	return dst
}

func (echo) Open(context.Context, int) error                 { return nil }
func (echo) Watch(func(contract.Connection))                 {}
func (echo) Mask(text string) string                         { return text }
func (echo) CorrelationID(*contract.Exchange) (string, bool) { return "", false }

// A runner sends what a scenario says by means of an operation, and returns what
// it measured.
func ExampleRunner() {
	s, err := scenario.Parse("short.yaml", []byte(`
name: short
target: {simulator: {}}
users: [{name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]
load: {stages: [{rate: 200/s, duration: 50ms}]}
`), noVariables)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := runner.New(runner.Config{Scenario: s, Operation: echo{}})
	m, err := r.Run(context.Background(), runner.Start{})
	if err != nil {
		fmt.Println(err)
		return
	}
	counts := m.Main.Counts(-1) // -1 is all groups
	fmt.Printf("%d scheduled, %d sent, %d as expected\n", counts.Scheduled, counts.Sent(), counts.Expected)
	// Output:
	// 10 scheduled, 10 sent, 10 as expected
}

func noVariables(string) (string, bool) { return "", false }
