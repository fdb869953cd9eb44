package capacity_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"mfaload/capacity"
	"mfaload/measure"
)

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
		if trial.Verdict != capacity.Break || trial.By != m.Stopped.Condition || trial.Broken < 0.9 || len(trial.Seconds) != int(seconds) || len(trial.Reasons) == 0 {
			t.Errorf("after %d s: %+v", seconds, trial)
		}
		if i := slices.IndexFunc(trial.Judged, func(j capacity.Judged) bool { return j.Limit == limits[2].Name && j.Observed > 0 }); i >= 0 {
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
