package capacity_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"mfaload/capacity"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// What mfaload itself may have caused breaks no trial, as it misses no threshold of a
// run; what it can't have caused does.
func TestTrialBlamesNoOtherThanTheService(t *testing.T) {
	const ms = time.Millisecond
	const rate, length = 50, 20
	terms := &scenario.Scenario{Name: "s", Groups: []scenario.Group{{Name: "all", IDs: []string{"a"}}},
		Thresholds: []scenario.Threshold{
			{Metric: scenario.Response, Stat: "p95", Quantile: 95, Limit: 0.2, Written: "200ms"},
			{Metric: scenario.ErrorRate, Limit: 0.01, Written: "1%"},
			{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"},
		}}
	limits := capacity.Criteria(terms)
	timeout := func(o *measure.Observation) {
		o.Done, o.Failed, o.AsExpected, o.Label = o.Sent+900*ms, true, false, "timeout"
	}
	slow := func(o *measure.Observation) { o.Done += 800 * ms }
	queued := func(o *measure.Observation) { o.Sent += 800 * ms; o.Done += 800 * ms }
	for name, test := range map[string]struct {
		bad    func(*measure.Observation) // what the requests of the seconds 5 to 9 are
		short  bool                       // mfaload had no processor time to spare in them
		capped int                        // workers that were all in flight in them
		want   capacity.TrialVerdict
	}{
		"all well, and a full processor": {func(*measure.Observation) {}, true, 0, capacity.Pass},
		"slow":                           {slow, false, 0, capacity.Break},
		"slow, on a full processor":      {slow, true, 0, capacity.Inconclusive},
		"slow, as mfaload stood still": {func(o *measure.Observation) { slow(o); o.Harmed = 790 * ms },
			false, 0, capacity.Inconclusive},
		"slow, and mfaload stood still a bit": {func(o *measure.Observation) { slow(o); o.Harmed = 50 * ms },
			false, 0, capacity.Break},
		"timeouts":                     {timeout, false, 0, capacity.Break},
		"timeouts of a full processor": {timeout, true, 0, capacity.Inconclusive},
		"responses 500, and a full processor": {func(o *measure.Observation) {
			o.AsExpected, o.Label = false,
				"500"
		}, true, 0, capacity.Break},
		"waits for a worker, of too few":      {queued, false, 4, capacity.Inconclusive},
		"waits for a worker, of many":         {queued, false, 40, capacity.Break},
		"slow once sent, and too few workers": {slow, false, 4, capacity.Break},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := measure.NewRecorder(1, nil, 0)
			profile := measure.LoadProfile{}
			for n := range rate * length {
				at := time.Duration(n) * time.Second / rate
				o := &measure.Observation{Intended: at, Sent: at, Done: at + 100*ms,
					Label: "201 OTP_REQUIRED", AsExpected: true}
				if second := at / time.Second; second >= 5 && second < 10 {
					test.bad(o)
				}
				recorder.Record(0, o)
				profile.Add(at, false)
			}
			m, err := recorder.Final()
			if err != nil {
				t.Fatal(err)
			}
			m.Schema, m.Scenario, m.Groups, m.Profile = measure.Schema, "s", []string{"all"}, profile
			m.Main.Planned, m.Main.LastSent, m.Main.Scheduled = length*time.Second, length*time.Second,
				[]uint64{rate * length}
			g := &m.Generator
			g.Elapsed, g.Processors, g.Cores, g.Workers = 21*time.Second, 1, 1, max(test.capped, 1)
			for s := int64(5); s < 10; s++ {
				if test.short {
					g.Seconds = append(g.Seconds, measure.OwnSecond{Second: s, Available: time.Second,
						CPU: 900 * ms})
				}
				if test.capped > 0 {
					m.Profile.Busy(time.Duration(s)*time.Second, time.Duration(s+1)*time.Second)
				}
			}
			m.Terms = report.TermsOf(terms).Encode()
			r, err := report.Judge(m)
			if err != nil {
				t.Fatal(err)
			}
			a := capacity.TrialSpec{Number: 1, Rate: rate, Length: length * time.Second}
			tr := capacity.Judge(a, capacity.Read(m, r, limits, 0), limits)
			if tr.Verdict != test.want || tr.Verdict == capacity.Inconclusive &&
				(tr.By != capacity.LimitedByGenerator || len(tr.Doubts) == 0) {
				t.Errorf("%s by %s: %v; the run: %s, %v", tr.Verdict, tr.By, tr.Reasons, r.Verdict, r.Reasons)
			}
		})
	}
}

// What the scenario ended is a break, also before anything was judged; and what
// waited for a worker then is no error.
func TestEndedByTheScenario(t *testing.T) {
	limits := limits()
	m, r := measured(t, 100, 5*time.Second, 10*time.Second, time.Millisecond, time.Millisecond, 0.1)
	for _, seconds := range []time.Duration{0, 4, 10} {
		m.Stopped = &measure.Stop{Condition: "load.stopOn: response p50 > 5s over 10s", Early: true}
		m.Main.Planned = seconds * time.Second
		for i := range m.Profile.Due {
			m.Profile.Due[i] = 300
		}
		a := capacity.TrialSpec{Number: 1, Rate: 100, Warmup: 5 * time.Second, Length: 30 * time.Second}
		o := capacity.Read(m, r, limits, 0)
		o.Doubts = nil // of a profile that was bent
		trial := capacity.Judge(a, o, limits)
		if trial.Verdict != capacity.Break || trial.By != m.Stopped.Condition || trial.Broken < 0.9 ||
			len(trial.Seconds) != int(seconds) || len(trial.Reasons) == 0 {
			t.Errorf("after %d s: %+v", seconds, trial)
		}
		if i := slices.IndexFunc(trial.Judged,
			func(j capacity.Judged) bool { return j.Limit == limits[2].Name && j.Observed > 0 }); i >= 0 {
			t.Errorf("after %d s: %+v", seconds, trial.Judged[i])
		}
		// What mfaload itself is to blame for is not.
		o.Doubts = []string{"late"}
		if trial := capacity.Judge(a, o, limits); trial.Verdict != capacity.Inconclusive {
			t.Errorf("in doubt: %s", trial.Verdict)
		}
	}
}

// A single trial that broke says that its rate is too much, not that it holds.
func TestOneTrialBreaks(t *testing.T) {
	sys := refusing()
	o := sys.options(1)
	o.MaxRate, o.StartRate, o.Trials = 400, 400, 1
	f, err := capacity.Search(context.Background(), o, sys.trial(1))
	if err != nil || f.Low != 0 || f.High != 400 || f.Confidence < 0.9 {
		t.Errorf("%v: %v to %v with %v", err, f.Low, f.High, f.Confidence)
	}
}

// A rate that is achieved exactly is within its limit.
func TestAchievedExactly(t *testing.T) {
	limits := capacity.Criteria(&scenario.Scenario{Thresholds: []scenario.Threshold{
		{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"}}})
	for achieved, broken := range map[float64]bool{0.99: false, 0.9899: true, 1: false} {
		trial := capacity.Judge(capacity.TrialSpec{Rate: 50}, &capacity.Outcome{Achieved: achieved}, limits)
		if (trial.Verdict == capacity.Break) != broken {
			t.Errorf("%v achieved: %v", achieved, trial.Verdict)
		}
	}
}
