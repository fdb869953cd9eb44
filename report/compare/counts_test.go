package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mfaload/capacity"
	"mfaload/internal/testkit"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
)

// counted is a run of three groups in which everything happens that is counted, but for
// arrivals that were never sent: only of all groups together it is known when those
// were due. Ended is the tick of all that came to an end, the warm-up included.
func counted(t *testing.T, seed uint64) (m *measure.Measurement, ended measure.Tick) {
	t.Helper()
	const warmup, seconds = 2, 10
	random := rand.New(rand.NewPCG(seed, 6))
	r := measure.NewRecorder(3, []string{"a"}, 0)
	ticks := r.Ticks(true)
	described := &measure.Measurement{Groups: []string{"x", "y", "z"}}
	described.Main.Scheduled, described.Warmup.Scheduled = make([]uint64, 3), make([]uint64, 3)
	withheld := [2]uint64{}
	for second := range warmup + seconds {
		phase := &described.Main
		if second < warmup {
			phase = &described.Warmup
		}
		for range 20 + random.IntN(40) {
			o := testkit.Observation(random, second)
			o.Warmup, o.Own, o.Harmed, o.Refused = second < warmup, 0, 0, o.RateLimited
			if o.Failed && random.IntN(2) == 0 {
				o.Label = measure.IdleClosed
			}
			phase.Scheduled[o.Group]++
			described.Profile.Add(o.Intended, false)
			r.Record(random.IntN(4), o)
		}
		for range random.IntN(3) {
			phase.Scheduled[1]++
			withheld[min(second/warmup, 1)]++
			described.Profile.Add(time.Duration(second)*time.Second, true)
		}
	}
	m = testkit.Final(t, r)
	m.Groups, m.Profile = described.Groups, described.Profile
	for i, p := range []*measure.Phase{&m.Warmup, &m.Main} {
		p.Scheduled = []*measure.Phase{&described.Warmup, &described.Main}[i].Scheduled
		if withheld[i] > 0 {
			p.Withheld = []measure.Withheld{{Group: 1, Reason: measure.Paused, Count: withheld[i]}}
		}
	}
	m.Warmup.Planned, m.Main.Start, m.Main.Planned = warmup*time.Second, warmup*time.Second,
		seconds*time.Second
	m.Generator.Elapsed, m.Generator.Cores = (warmup+seconds)*time.Second, 1
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	return m, ticks.Take((warmup + seconds) * time.Second)
}

// rates are the metrics that are shares of [measure.Counts].
var rates = map[scenario.Metric]func(c *measure.Counts) measure.Share{
	scenario.ErrorRate:       (*measure.Counts).ErrorRate,
	scenario.ViolationRate:   (*measure.Counts).ViolationRate,
	scenario.RateLimitedRate: (*measure.Counts).RateLimitedRate,
}

// TestCountsAgree holds that everybody who counts shares of a run counts the same: the
// judge, capacity's tallies, load.stopOn, and the figures and units of a comparison.
func TestCountsAgree(t *testing.T) {
	for seed := range uint64(4) {
		m, ended := counted(t, seed)
		for metric, share := range rates {
			for group, name := range []string{"", "x", "y", "z"} {
				c := m.Main.Counts(group - 1)
				agree(t, fmt.Sprintf("seed %d: %s of %q", seed, metric, name), m, metric, name, group-1,
					share(&c))
			}
			all, warmup := m.Main.Counts(-1), m.Warmup.Counts(-1)
			all.Add(warmup)
			all.Withheld = 0 // it did not come to an end
			all.Scheduled = all.Sent()
			stopped(t, metric, ended, share(&all))
		}
	}
}

// agree compares what each counts of a metric with a share.
func agree(t *testing.T, name string, m *measure.Measurement, metric scenario.Metric, groupName string,
	group int, want measure.Share) {
	t.Helper()
	sc := &scenario.Scenario{Groups: []scenario.Group{{Name: "x"}, {Name: "y"}, {Name: "z"}},
		Thresholds: []scenario.Threshold{{Group: groupName, Metric: metric, Limit: 0.5, Written: "50%"}}}
	judged := *m
	judged.Terms = report.TermsOf(sc).Encode()
	r, err := report.Judge(&judged)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Thresholds[0]; got.Count != want.N || got.Of != want.Of {
		t.Errorf("%s: judged %d of %d, want %d of %d", name, got.Count, got.Of, want.N, want.Of)
	}
	var n, of float64
	for _, s := range capacity.Read(m, r, capacity.Criteria(sc), 1).Seconds {
		for _, over := range s.Tallies[0].Over { // all but that of the limit itself are 0
			n += over
		}
		of += s.Tallies[0].Of
	}
	near(t, name+", searched", n, of, want)
	kind, compared := map[scenario.Metric]metricKind{scenario.ErrorRate: errorRate,
		scenario.ViolationRate: violationRate}[metric]
	if !compared {
		return
	}
	runs, part := []Run{{Name: "a", Measurement: m}}, scope{groupName, group}
	if got := totalsOf(runs, part).share(metricSpec{kind: kind}); got != want {
		t.Errorf("%s: compared %d of %d, want %d of %d", name, got.N, got.Of, want.N, want.Of)
	}
	units := newUnitSeries(runs, []scope{part}, 1, true)[0]
	sums := units.shares((*measure.CountsOf[float64]).ErrorRate)
	if kind == violationRate {
		sums = units.shares((*measure.CountsOf[float64]).ViolationRate)
	}
	near(t, name+", by unit", sums.above[units.N], sums.below[units.N], want)
}

func near(t *testing.T, name string, n, of float64, want measure.Share) {
	t.Helper()
	if math.Abs(n-float64(want.N)) > 1e-6 || math.Abs(of-float64(want.Of)) > 1e-6 {
		t.Errorf("%s: %g of %g, want %d of %d", name, n, of, want.N, want.Of)
	}
}

// stopped holds what load.stopOn observes of all that ended against a share.
func stopped(t *testing.T, metric scenario.Metric, ended measure.Tick, want measure.Share) {
	t.Helper()
	g := runner.NewGuard([]scenario.StopCondition{{Threshold: scenario.Threshold{Metric: metric,
		Written: "0%"},
		Window: time.Duration(ended.Second) * time.Second}})
	stop := g.Add(ended)
	if stop == nil || !strings.Contains(stop.Observed, fmt.Sprintf(", %d of %d ", want.N, want.Of)) {
		t.Errorf("%s: the guard says %+v, want %d of %d", metric, stop, want.N, want.Of)
	}
}
