package live_test

import (
	"context"
	"net/http"
	"time"

	"mfaload/contract"
	"mfaload/runner"
	"mfaload/scenario"
)

// followedRead is what the service began: each request that was as expected is read at once. One of ten
// reads gets no response, and the one before it breaks a rule.
type followedRead struct{ *service }

func (s *service) Follow(*contract.Exchange) runner.FollowedTransaction { return &followedRead{s} }

func (*followedRead) Possible(scenario.Action) bool { return true }

func (f *followedRead) Send(_ context.Context, _ scenario.FlowStep, _ bool, ex *contract.Exchange) error {
	time.Sleep(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	ex.Status, ex.Label = http.StatusOK, ""
	if f.reads%10 == 9 {
		ex.Status = http.StatusTeapot
	}
	if f.reads%10 == 0 {
		return &contract.Failure{Kind: "timeout"}
	}
	return nil
}

func (f *followedRead) Check(_ scenario.FlowStep, _ bool, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	ex.Label, ex.AsExpected = "200", true
	if ex.Status != http.StatusOK {
		dst = append(dst, contract.Violation{Rule: "flow.id", Level: contract.Fail})
	}
	return dst
}
