package capacity_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"mfaload/capacity"
	"mfaload/scenario"
)

// searchPatient searches a service of 200/s.
func searchPatient(t *testing.T, errors float64, c scenario.Capacity) *capacity.SearchResult {
	t.Helper()
	f := foreigners()[0]
	f.errors = errors
	s := f.session(1)
	found, err := capacity.Search(context.Background(), capacity.SearchOptions{Capacity: c, Limits: s.limits},
		s.try)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A trial that is inconclusive tells no capacity, however the rates lie that it
// says nothing of.
func TestOneInconclusiveTrialFindsNothing(t *testing.T) {
	sys := erlang(95, 100*time.Millisecond)
	for _, broken := range []float64{0.3, 0.5, 0.7} {
		o := sys.options(1)
		o.Recorded = []*capacity.Trial{{TrialSpec: capacity.TrialSpec{Number: 1, Rate: 25,
			Length: time.Minute}, At: 25,
			Broken: broken, Verdict: capacity.Inconclusive}}
		o.MaxRate, o.StartRate = 800, 25
		found := capacity.Summarize(o, o.Recorded)
		if found.Low != 0 || found.High != 0 || found.Confidence != 0 ||
			found.LimitedBy != capacity.LimitedByUnknown {
			t.Errorf("%v: %+v", broken, found)
		}
	}
}

// What one trial says with 80 % is not said with more.
func TestConfidenceIsThatOfTheTrials(t *testing.T) {
	sys := erlang(95, 100*time.Millisecond)
	o := sys.options(1)
	o.MaxRate, o.StartRate = 100_000, 25
	for _, c := range []struct {
		broken  float64
		verdict capacity.TrialVerdict
	}{{0.2, capacity.Pass}, {0.8, capacity.Break}} {
		found := capacity.Summarize(o, []*capacity.Trial{{TrialSpec: capacity.TrialSpec{Number: 1, Rate: 25,
			Length: time.Minute}, At: 25, Broken: c.broken, Verdict: c.verdict}})
		if found.Low+found.High != 25 || found.Confidence > 0.8+1e-9 {
			t.Errorf("%v to %v with %v", found.Low, found.High, found.Confidence)
		}
	}
}

// A rate that was never tried is not a limit.
func TestRateNeverTriedIsNoLimit(t *testing.T) {
	c := short()
	c.Budget = time.Minute
	found := searchPatient(t, 0.001, c)
	if found.LimitedBy != capacity.LimitedByUnknown || found.High != 0 || found.Low == 0 {
		t.Errorf("limited by %s, %v to %v", found.LimitedBy, found.Low, found.High)
	}
	r := found.Result()
	var b strings.Builder
	if err := (capacity.TerminalText{}).Write(&b, r); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "nothing broke up to 160/s, the highest rate that was tried") ||
		strings.Contains(b.String(), "knee") || strings.Contains(b.String(), "scalability law") {
		t.Errorf("%s", b.String())
	}
}

// Where nothing broke, or a rate limit did, or few rates were tried, there is no
// knee and no maximum; one far beyond what was measured is none.
func TestNoKneeWithoutALimit(t *testing.T) {
	trials := synthetic(50, 0.03, 0.0005, 0.01)
	for name, c := range map[string]struct {
		found capacity.SearchResult
		curve bool
	}{
		"broke": {capacity.SearchResult{Low: 400, High: 410, LimitedBy: "response p95 <= 150ms",
			Trials: trials},
			true},
		"maxRate": {capacity.SearchResult{Low: 400, LimitedBy: capacity.LimitedByMaxRate, Trials: trials},
			false},
		"generator": {capacity.SearchResult{Low: 400, High: 410, LimitedBy: capacity.LimitedByGenerator,
			Trials: trials}, false},
		"429": {capacity.SearchResult{Low: 400, High: 410, LimitedBy: capacity.LimitedByRefusals,
			Trials: trials},
			false},
		"one rate": {capacity.SearchResult{Low: 400, High: 410, LimitedBy: "p95",
			Trials: []*capacity.Trial{trials[3], trials[3], trials[3], trials[3], trials[3]}}, false},
	} {
		r := c.found.Result()
		if (r.Curve.USL != nil) != c.curve || (r.Curve.Knee != nil) != c.curve {
			t.Errorf("%s: %+v", name, r.Curve)
		}
	}
	// Up to a twentieth of what the law would have as its largest.
	if u, ok := capacity.FitUSL(synthetic(50, 0.003, 0, 0.001)); ok && u.Peak != 0 {
		t.Errorf("a largest throughput of %v/s", u.Peak)
	}
}

// A threshold that the first trials are too short for does not repeat them until the
// budget is gone: what is far from its limit is passed, and judged near the end.
func TestTooShortForItsThreshold(t *testing.T) {
	for _, limits := range [][]capacity.Criterion{
		{{Name: "p99", Group: -1, Metric: scenario.Response, Over: 0.3, Allowed: 0.01}},
		{{Name: "p99.9", Group: -1, Metric: scenario.Response, Over: 0.3, Allowed: 0.001}},
		{{Name: "p95", Group: -1, Metric: scenario.Response, Over: 0.2, Allowed: 0.05},
			{Name: "errorRate", Group: -1, Metric: scenario.ErrorRate, Allowed: 0.0001}},
		{{Name: "p95", Group: -1, Metric: scenario.Response, Over: 0.2, Allowed: 0.05},
			{Name: "violationRate", Group: -1, Metric: scenario.ViolationRate, Allowed: 0.001}},
	} {
		f := foreigners()[0]
		s := f.session(1)
		s.limits = limits
		c := short()
		c.StartRate, c.Budget = 20, 30*time.Minute
		found, err := capacity.Search(context.Background(), capacity.SearchOptions{Capacity: c,
			Limits: s.limits},
			s.try)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{20, 40, 80, 160, 320} {
			if found.Trials[i].Rate != want {
				t.Errorf("%s: trial %d at %v/s: %s", limits[len(limits)-1].Name, i+1, found.Trials[i].Rate,
					trialsText(found))
				break
			}
		}
		if found.Low > 200 || found.High < 200 || found.Low < 180 {
			t.Errorf("%s: %s", limits[len(limits)-1].Name, trialsText(found))
		}
	}
}

// A rate of which no event was seen is judged near the end: by as many requests as
// the rule of three asks for, or the result is not as sure as it was asked for.
func TestZeroEventsAreJudgedNearTheEnd(t *testing.T) {
	c := short()
	found := searchPatient(t, 0.001, c)
	if n := passedRequests(found); !found.Settled || n < 2995 || len(found.Unproved) > 0 {
		t.Errorf("%v requests: %s", n, trialsText(found))
	}
	c.Budget = 7 * time.Minute
	found = searchPatient(t, 0.00001, c)
	if found.Settled || found.Confidence > 0.5 || len(found.Unproved) != 1 ||
		!strings.Contains(found.Unproved[0], "it takes 299572 to be sure (about 3 divided by the limit)") {
		t.Errorf("%s", trialsText(found))
	}
}

// passedRequests are those of the trials about the lower end that passed.
func passedRequests(f *capacity.SearchResult) (n float64) {
	for _, t := range f.Trials {
		if t.Verdict == capacity.Pass && t.Rate >= 0.9*f.Low {
			for _, s := range t.Seconds {
				n += s.Sent
			}
		}
	}
	return n
}

// Throughput is what was served while a trial lasted: it bends at the capacity.
func TestThroughputBends(t *testing.T) {
	found := searchPatient(t, 0.001, short())
	bent := false
	for _, row := range found.Result().Trials {
		if row.Rate <= 200 && math.Abs(row.Served/row.Rate-1) > 0.02 {
			t.Errorf("served %v/s of %v/s", row.Served, row.Rate)
		}
		if row.Rate > 250 {
			bent = true
			if row.Served > 212 {
				t.Errorf("served %v/s of %v/s, and the service does 200/s", row.Served, row.Rate)
			}
		}
	}
	if !bent {
		t.Error("no trial beyond the capacity")
	}
}
