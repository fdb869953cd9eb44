package runner_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

// What a plan says is what the schedule then does: by stage, by group and by
// user.
func TestPlanIsWhatTheScheduleDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 30 {
		l := load(anyStage(r), anyStage(r), constant(7, 3*time.Second))
		l.Repeat, l.MaxRequests = 1+r.IntN(3), uint64(r.IntN(2)*500)
		for i := range l.Stages {
			l.Stages[i].Name = "named" // to describe a stage takes longer than to find it
		}
		if n%2 == 0 {
			l.Arrivals = scenario.Poisson
		}
		if l.Stages[0].Begins() > 1 {
			l.Warmup = 2 * time.Second
		}
		s := oneGroup(l)
		s.Groups = []scenario.Group{
			{Name: "a", IDs: []string{"a0", "a1", "a2"}, Weight: 5}, {Name: "b", IDs: []string{"b0"}, Weight: 2}, {Name: "c", IDs: []string{"c0", "c1"}, Weight: 3},
		}
		checkPlan(t, s, runner.NewPlan(s, time.Second))
	}
}

func checkPlan(t *testing.T, s *scenario.Scenario, p *runner.Plan) {
	t.Helper()
	sch := runner.NewSchedule(s)
	groups, users, stages := make([]uint64, 3), map[string]uint64{}, map[int]int64{}
	for a := range sch.All() {
		groups[a.User.Group]++
		users[a.User.ID]++
		if place, ok := sch.Place(a.At); ok {
			stages[place.Stage]++
		}
	}
	if p.Requests != sch.Count() {
		t.Fatalf("the plan has %d requests, the schedule %d", p.Requests, sch.Count())
	}
	for i, g := range p.Groups {
		most := uint64(0)
		for _, id := range s.Groups[i].IDs {
			most = max(most, users[id])
		}
		if g.Requests != groups[i] || g.PerUser != most || g.PerUserDay != most {
			t.Fatalf("group %s: planned %d, %d a user; the schedule has %d, %d", g.Name, g.Requests, g.PerUser, groups[i], most)
		}
	}
	sum, warmup := uint64(0), len(p.Stages)-len(s.Load.Stages)
	for i, st := range p.Stages {
		sum += st.Requests
		stage := i + 1 - warmup // 0 is the warm-up
		// A request that is due at the very nanosecond of a stage's end may be
		// looked up on the other side of it.
		if off := int64(st.Requests) - stages[stage]; off > int64(2*st.Times) || off < -int64(2*st.Times) {
			t.Fatalf("stage %d: planned %d, the schedule has %d", i, st.Requests, stages[stage])
		}
	}
	if sum != p.Requests {
		t.Fatalf("the stages add up to %d of %d", sum, p.Requests)
	}
	top := 0.0
	for _, rate := range p.Rates {
		top = max(top, rate)
	}
	if math.Abs(top-p.Peak) > 1e-9*p.Peak || p.Peak != sch.Peak() {
		t.Fatalf("the highest rate of the plot is %v, the peak %v, that of the schedule %v", top, p.Peak, sch.Peak())
	}
}

func TestPlannedWorkers(t *testing.T) {
	s := oneGroup(load(ramp(0, 100, time.Minute)))
	want := runner.PlannedWorkers{Latency: 200, LatencyFrom: "default", InFlight: 20, Needed: 34, Stalled: 1000, Workers: 8, WorkersBy: measure.ByScenario}
	if diff := cmp.Diff(want, runner.NewPlan(s, 0).Workers); diff != "" {
		t.Error(diff)
	}
	s.Thresholds = []scenario.Threshold{
		{Metric: scenario.Service, Stat: "p99", Quantile: 99, Limit: 0.4, Written: "400ms"},
		{Group: "all", Metric: scenario.Response, Stat: "p99", Quantile: 99, Limit: 0.3, Written: "300ms"},
	}
	if w := runner.NewPlan(s, 0).Workers; w.LatencyFrom != "threshold service p99 <= 400ms" || w.InFlight != 40 {
		t.Errorf("got %+v", w)
	}
	if w := runner.NewPlan(s, 50*ms).Workers; w.LatencyFrom != "--latency" || w.InFlight != 5 {
		t.Errorf("got %+v", w)
	}
}

// Of a run over several days the busiest counts: ten times a day's rate on the
// second of three.
func TestPlannedDay(t *testing.T) {
	s := oneGroup(load(constant(0.001, 24*time.Hour), constant(0.01, 24*time.Hour), constant(0.001, 24*time.Hour)))
	s.Groups[0].Expect.HTTPStatuses = []int{201}
	g := runner.NewPlan(s, 0).Groups[0]
	if g.PerUser != 1036 || g.PerUserDay < 864 || g.PerUserDay > 870 || math.Abs(g.LimitShare-float64(g.PerUserDay)/50) > 1e-9 {
		t.Errorf("got %+v", g)
	}
}

func TestPlannedMessages(t *testing.T) {
	device := func(kind string, test bool) map[string]any {
		return map[string]any{"selectedDevice": map[string]any{"oneTime": map[string]any{"type": kind, "testMode": test}}}
	}
	for _, test := range []struct {
		expect  scenario.Expect
		request map[string]any
		kinds   string
		limited bool
	}{
		{scenario.Expect{HTTPStatuses: []int{201}}, nil, "e-mail, SMS, voice or push", true},
		{scenario.Expect{HTTPStatuses: []int{201, 429}, Statuses: []string{"OTP_REQUIRED"}}, nil, "e-mail, SMS or voice", true},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"OTP_REQUIRED", "FAILED"}}, nil, "e-mail, SMS or voice", true},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"SOMETHING_NEW"}}, nil, "e-mail, SMS, voice or push", true},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"PUSH_CONFIRMATION_REQUIRED"}}, nil, "push", false},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"DEVICE_SELECTION_REQUIRED", "COMPLETED"}}, nil, "", false},
		{scenario.Expect{HTTPStatuses: []int{404}}, nil, "", false},
		{scenario.Expect{HTTPStatuses: []int{201}}, device("EMAIL", false), "e-mail", true},
		{scenario.Expect{HTTPStatuses: []int{201}}, device("VOICE", false), "voice", false},
		{scenario.Expect{HTTPStatuses: []int{201}}, device("SMS", true), "", false},
	} {
		s := oneGroup(load(constant(1, 100*time.Second)))
		s.Groups[0].Expect, s.Groups[0].Request = test.expect, test.request
		p := runner.NewPlan(s, 0)
		want, share := uint64(0), 0.0
		if test.kinds != "" {
			want = 100
		}
		if test.limited {
			share = 2
		}
		if g := p.Groups[0]; g.Kinds != test.kinds || g.Messages != want || p.Messages != want || g.LimitShare != share {
			t.Errorf("%+v: got %+v", test, g)
		}
	}
}
