package runner_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner"
	"mfaload/scenario"
)

// flowService is a service whose steps take a time, and one of whose rules wrong passcodes break.
type flowService struct {
	*service
	step func(ctx context.Context, s scenario.FlowStep) error
}

func (f *flowService) Follow(*contract.Exchange) runner.FollowedTransaction {
	return &flowTransaction{service: f}
}

type flowTransaction struct {
	service *flowService
	done    bool
}

func (t *flowTransaction) Possible(a scenario.Action) bool { return !t.done || a == scenario.ReadStep }

func (t *flowTransaction) Send(ctx context.Context, s scenario.FlowStep, _ bool,
	ex *contract.Exchange) error {
	ex.Status = 200
	return t.service.step(ctx, s)
}

func (t *flowTransaction) Check(s scenario.FlowStep, wrong bool, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	ex.Label, ex.AsExpected = "200", true
	ex.Evaluated = append(ex.Evaluated[:0], 2)
	if wrong {
		ex.Label = "400 INVALID_OTP"
		return append(dst, contract.Violation{Rule: "flow.b", Level: contract.Note, Expected: "x",
			Got: "123456"})
	}
	t.done = t.done || s.Action == scenario.CheckOTP
	return dst
}

func (t *flowTransaction) Mask(text string) string {
	return string(bytes.ReplaceAll([]byte(text), []byte("123456"), []byte("***")))
}

func constantly(d time.Duration) scenario.Latency { return scenario.Latency{Kind: "constant", A: d} }

func flowOf(group scenario.Group, steps ...scenario.FlowStep) scenario.Group {
	for i := range steps {
		if steps[i].Share == 0 {
			steps[i].Share = 1
		}
	}
	group.Then = steps
	return group
}

func newFlow(requests func(context.Context) error,
	step func(context.Context, scenario.FlowStep) error) *flowService {
	return &flowService{&service{answer: requests}, step}
}

func stepTakes(d time.Duration) func(context.Context, scenario.FlowStep) error {
	return func(ctx context.Context, _ scenario.FlowStep) error { return sleep(ctx, d) }
}

// instances are the violations that are kept: which of them are the first ones is chance.
var instances = cmpopts.IgnoreFields(measure.ViolationGroup{}, "Instances")

// runSteps runs a scenario with a journal, and holds what is rebuilt of that against what was measured.
func runSteps(t *testing.T, s *scenario.Scenario, op runner.Operation, of *measure.Shard,
	start time.Time) *measure.Measurement {
	t.Helper()
	file := &book{}
	r := runner.New(runner.Config{Scenario: s, Operation: op, Wait: machine.TimerWait, Shard: of,
		StepRules: []string{"a", "flow.b"}})
	m, err := r.Run(t.Context(), runner.Start{At: start,
		Journal: journal.NewAppender(file, &measure.Measurement{})})
	if err != nil {
		t.Fatal(err)
	}
	addsUp(t, m)
	rebuilt, err := journal.Rebuild(&file.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Steps, rebuilt.Steps, histograms, seconds, instances); diff != "" {
		t.Errorf("the steps rebuilt of the journal: %s", diff)
	}
	return m
}

// Steps change nothing of what is measured of the requests before them, also where the service stands still
// for both: to the byte. Their own times count from when they are due.
func TestStepsLeaveRequestsAlone(t *testing.T) {
	one := func(t *testing.T, then ...scenario.FlowStep) (requests []byte, steps *measure.Measurement) {
		synctest.Test(t, func(t *testing.T) {
			s := oneGroup(load(constant(100, 10*time.Second)))
			s.Load.Workers, s.Load.Warmup = 20, time.Second
			s.Groups[0] = flowOf(s.Groups[0], then...)
			start := time.Now()
			stall := func(ctx context.Context) error {
				into := time.Since(start) % (3 * time.Second)
				if time.Since(start) >= 3*time.Second && into < time.Second {
					return sleep(ctx, time.Second-into)
				}
				return sleep(ctx, 10*ms)
			}
			op := newFlow(stall, func(ctx context.Context, _ scenario.FlowStep) error { return stall(ctx) })
			m := runSteps(t, s, op, nil, time.Time{})
			steps, m.Steps, m.Hash = m.Steps, nil, ""
			m.Generator = measure.Generator{Hiccups: measure.NewSparse()}
			var err error
			if requests, err = m.Encode(); err != nil {
				t.Fatal(err)
			}
		})
		return requests, steps
	}
	alone, none := one(t)
	followed, steps := one(t, scenario.FlowStep{Action: scenario.ReadStep, After: constantly(500 * ms)})
	if !bytes.Equal(alone, followed) || none != nil {
		t.Errorf("the requests are measured otherwise where steps follow:\n%s\n%s", alone, followed)
	}
	// 1,000 reads of the judged part; those that are due in a stall wait for its end.
	h := total(t, &steps.Main, response)
	if h.Count() != 1000 || steps.Main.Scheduled[0] != 1000 || h.Percentile(99) < 900*ms {
		t.Errorf("%d of %d reads, p99 %v", h.Count(), steps.Main.Scheduled[0], h.Percentile(99))
	}
}

// A step that finds all workers in flight waits, and that is its response time; one that is not due before
// the end of the run is not sent.
func TestStepsWaitForTheirWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, 4*time.Second)))
		s.Load.Workers, s.Load.Drain = 2, 5*time.Second
		s.Groups[0] = flowOf(s.Groups[0],
			scenario.FlowStep{Action: scenario.ReadStep, After: constantly(100 * ms)},
			scenario.FlowStep{Action: scenario.ReadStep, After: constantly(time.Minute)})
		m := runSteps(t, s, newFlow(takes(ms), stepTakes(300*ms)), nil, time.Time{})
		// 40 reads of 0.3 s by two workers take 6 s: the last is due after 4.001 s, and done after 6.1 s.
		reads := m.Steps.Main
		h, service := total(t, &reads, response), total(t, &reads, serviceT)
		if h.Count() != 40 || service.Max() != 300*ms || h.Max() < 2*time.Second || h.Max() > 2200*ms {
			t.Errorf("%d reads, service max %v, response max %v", h.Count(), service.Max(), h.Max())
		}
		if own := reads.Own.Max(); own > 0 {
			t.Errorf("own lateness %v: the wait for a worker is none", own)
		}
		want := []measure.Withheld{{Group: 1, Reason: measure.AfterEnd, Count: 40}}
		if diff := cmp.Diff(want, reads.Withheld); diff != "" || reads.Scheduled[1] != 40 {
			t.Errorf("%v: %s", reads.Scheduled, diff)
		}
	})
}

// What follows is drawn by the number of the request: shards have the steps of the whole run among them.
func TestStepsOfShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(time.Minute)
		one := func(of *measure.Shard) *measure.Measurement {
			s := oneGroup(load(constant(50, 10*time.Second)))
			s.Load.Workers = 50
			s.Groups = []scenario.Group{flowOf(group("a", 12),
				scenario.FlowStep{Action: scenario.ReadStep, Share: 0.5,
					After: scenario.Latency{Kind: "exponential", A: time.Second}},
				scenario.FlowStep{Action: scenario.Abandon, Share: 0.2},
				scenario.FlowStep{Action: scenario.CheckOTP, Wrong: 0.25, After: constantly(time.Second)},
				scenario.FlowStep{Action: scenario.CheckOTP}), group("b", 9)}
			return runSteps(t, s, newFlow(takes(30*ms), stepTakes(20*ms)), of, start)
		}
		done := make(chan *measure.Measurement)
		for _, of := range shards(3) {
			go func() { done <- one(of) }()
		}
		whole := one(nil)
		parts := []*measure.Measurement{<-done, <-done, <-done}
		m, err := measure.Merge(parts)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.Steps, m.Steps, histograms, seconds, instances); diff != "" {
			t.Error(diff)
		}
		names := []string{"a.read", "a.abandon", "a.checkOTP", "a.checkOTP-2"}
		if diff := cmp.Diff(names, whole.Steps.Groups); diff != "" {
			t.Error(diff)
		}
		// Of 250 requests of the group about 125 read, 50 abandon, and 200 check, 50 of them wrongly and then
		// again; the second check of the others is not possible any more.
		sent := map[string]uint64{}
		for _, c := range whole.Steps.Main.Cells {
			sent[whole.Steps.Groups[c.Group]+" "+c.Label] += c.Response.Count()
		}
		withheld := map[string]uint64{}
		for _, w := range whole.Steps.Main.Withheld {
			withheld[w.Reason] += w.Count
		}
		right, wrong := sent["a.checkOTP 200"], sent["a.checkOTP 400 INVALID_OTP"]
		if !near(sent["a.read 200"], 125) || !near(wrong, 50) || !near(withheld[measure.Abandoned], 50) ||
			right+wrong+withheld[measure.Abandoned] != 250 || withheld[measure.NotPossible] != right ||
			sent["a.checkOTP-2 200"] != wrong {
			t.Errorf("sent %v, withheld %v", sent, withheld)
		}
		v := whole.Steps.Violations
		if len(v) != 1 || v[0].Count != wrong || v[0].Instances[0].Got != "***" ||
			whole.Steps.Coverage[1].Evaluated != whole.Steps.Main.Sent() {
			t.Errorf("%d violations: %+v", len(v), whole.Steps.Coverage)
		}
	})
}

func near(n, want uint64) bool { return n > want*2/3 && n < want*4/3 }

// An interrupted run sends no more steps. Those that were due by then are unsent.
func TestStepsOfAnInterruptedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := oneGroup(load(constant(10, time.Minute)))
		s.Load.Workers = 1
		s.Groups[0] = flowOf(s.Groups[0],
			scenario.FlowStep{Action: scenario.ReadStep, After: constantly(5 * time.Second)})
		ctx, cancel := context.WithTimeout(t.Context(), 10050*ms)
		defer cancel()
		m := run(t, ctx, s, newFlow(takes(ms), stepTakes(200*ms)))
		steps := m.Steps.Main
		counts := steps.Counts(-1)
		if !m.Interrupted || counts.Scheduled != 101 || counts.Withheld != 50 || counts.NeverSent() != 25 {
			t.Errorf("%+v, %d unsent", counts, counts.NeverSent())
		}
	})
}
