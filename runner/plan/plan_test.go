package plan_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/runner/plan"
	"mfaload/scenario"
)

var constant = testkit.Constant

func oneGroup(stages ...scenario.Stage) *scenario.Scenario {
	return testkit.OneGroup(testkit.Load(stages...))
}

func TestPlannedWorkers(t *testing.T) {
	s := oneGroup(scenario.Stage{From: 0, To: 100, Duration: time.Minute})
	want := plan.PlannedWorkers{Latency: 200, LatencyFrom: "default", InFlight: 20, Needed: 34, Stalled: 1000,
		Workers: 8, WorkersBy: measure.ByScenario}
	if diff := cmp.Diff(want, plan.New(s, 0).Workers); diff != "" {
		t.Error(diff)
	}
	s.Thresholds = []scenario.Threshold{
		{Metric: scenario.Service, Stat: "p99", Quantile: 99, Limit: 0.4, Written: "400ms"},
		{Group: "all", Metric: scenario.Response, Stat: "p99", Quantile: 99, Limit: 0.3, Written: "300ms"},
	}
	if w := plan.New(s, 0).Workers; w.LatencyFrom != "threshold service p99 <= 400ms" || w.InFlight != 40 {
		t.Errorf("got %+v", w)
	}
	if w := plan.New(s, 50*time.Millisecond).Workers; w.LatencyFrom != "--latency" || w.InFlight != 5 {
		t.Errorf("got %+v", w)
	}
}

// Of a run over several days the busiest counts: ten times a day's rate on the
// second of three.
func TestPlannedDay(t *testing.T) {
	s := oneGroup(constant(0.001, 24*time.Hour), constant(0.01, 24*time.Hour), constant(0.001, 24*time.Hour))
	s.Groups[0].Expect.HTTPStatuses = []int{201}
	g := plan.New(s, 0).Groups[0]
	if g.PerUser != 1036 || g.PerUserDay < 864 || g.PerUserDay > 870 ||
		math.Abs(g.LimitShare-float64(g.PerUserDay)/50) > 1e-9 {
		t.Errorf("got %+v", g)
	}
}

func TestPlannedMessages(t *testing.T) {
	device := func(kind string, test bool) map[string]any {
		return map[string]any{"selectedDevice": map[string]any{"oneTime": map[string]any{"type": kind,
			"testMode": test}}}
	}
	for _, test := range []struct {
		expect  scenario.Expect
		request map[string]any
		kinds   string
		limited bool
	}{
		{scenario.Expect{HTTPStatuses: []int{201}}, nil, "e-mail, SMS, voice or push", true},
		{scenario.Expect{HTTPStatuses: []int{201, 429}, Statuses: []string{"OTP_REQUIRED"}}, nil,
			"e-mail, SMS or voice", true},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"OTP_REQUIRED", "FAILED"}}, nil,
			"e-mail, SMS or voice", true},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"SOMETHING_NEW"}}, nil,
			"e-mail, SMS, voice or push", true},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"PUSH_CONFIRMATION_REQUIRED"}}, nil,
			"push", false},
		{scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"DEVICE_SELECTION_REQUIRED",
			"COMPLETED"}}, nil, "", false},
		{scenario.Expect{HTTPStatuses: []int{404}}, nil, "", false},
		{scenario.Expect{HTTPStatuses: []int{201}}, device("EMAIL", false), "e-mail", true},
		{scenario.Expect{HTTPStatuses: []int{201}}, device("VOICE", false), "voice", false},
		{scenario.Expect{HTTPStatuses: []int{201}}, device("SMS", true), "", false},
	} {
		s := oneGroup(constant(1, 100*time.Second))
		s.Groups[0].Expect, s.Groups[0].Request = test.expect, test.request
		p := plan.New(s, 0)
		want, share := uint64(0), 0.0
		if test.kinds != "" {
			want = 100
		}
		if test.limited {
			share = 2
		}
		if g := p.Groups[0]; g.Kinds != test.kinds || g.Messages != want || p.Messages != want ||
			g.LimitShare != share {
			t.Errorf("%+v: got %+v", test, g)
		}
	}
}
