package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// goodWithin is the longest response time of a good response of a [tale].
const goodWithin = 150 * ms

// tale is a run of which the test knows every arrival.
type tale struct {
	sent    []*measure.Observation
	unsent  [2]uint64 // by group
	own     [2]uint64 // not sent for a limit of mfaload's own
	harmful bool
}

func newTale(rng *rand.Rand) *tale {
	s := &tale{harmful: rng.IntN(2) == 0}
	bad := []float64{0, 0.01, 0.2, 1}[rng.IntN(4)]
	slow := time.Duration(1+rng.IntN(400)) * ms
	for i := range []int{0, 7, 60, 400}[rng.IntN(4)] {
		o := &measure.Observation{Group: rng.IntN(2), Intended: time.Duration(i) * 5 * ms,
			Label: "201 OTP_REQUIRED", AsExpected: true}
		o.Sent = o.Intended + time.Duration(rng.Int64N(1e5))
		o.Done = o.Sent + time.Duration(rng.ExpFloat64()*float64(slow))
		if s.harmful && rng.IntN(6) == 0 {
			if rng.IntN(2) == 0 {
				o.Own = measure.HarmFloor + time.Duration(rng.Int64N(2e8))
				o.Sent, o.Done, o.Harmed = o.Sent+o.Own, o.Done+o.Own, o.Own
			}
			if rng.IntN(2) == 0 {
				froze := time.Duration(1 + rng.Int64N(4e8))
				o.Done, o.Harmed = o.Done+froze, o.Harmed+froze
			}
		}
		if rng.Float64() < bad {
			switch rng.IntN(5) {
			case 0:
				o.Label, o.Failed, o.AsExpected = "timeout", true, false
			case 1:
				o.Label, o.Refused, o.RateLimited, o.AsExpected = "429 REQUEST_LIMITED", true, true,
					rng.IntN(2) == 0
			case 2:
				o.Label, o.Failed, o.Refused, o.AsExpected = "connection refused", true, true, false
			case 3:
				o.Label, o.AsExpected = "500", false
			case 4:
				violating(o)
			}
		}
		s.sent = append(s.sent, o)
	}
	for g := range s.unsent {
		s.unsent[g] = uint64(rng.IntN(2) * rng.IntN(4))
		s.own[g] = uint64(rng.IntN(2) * rng.IntN(4))
	}
	return s
}

func (s *tale) judge(t *testing.T, thresholds []scenario.Threshold) *report.Report {
	r := newRun(t)
	scheduled := []uint64{s.unsent[0] + s.own[0], s.unsent[1] + s.own[1]}
	for _, o := range s.sent {
		o.GoodWithin = goodWithin
		r.recorder.Record(o.Group, exercised(o))
		scheduled[o.Group]++
	}
	r.finish = func(m *measure.Measurement) {
		m.Main.Scheduled, m.GoodWithin = scheduled, []time.Duration{goodWithin, goodWithin}
		for g, n := range s.own {
			if n > 0 {
				m.Main.Withheld = append(m.Main.Withheld, measure.Withheld{Group: g, Reason: measure.NoPorts,
					Count: n})
			}
		}
	}
	return r.judge(thresholds...)
}

// oracle is what a threshold comes to, from the arrivals one by one.
func (s *tale) oracle(t scenario.Threshold) report.State {
	in := func(group int) bool { return t.Group == "" || t.Group == []string{"email", "sms"}[group] }
	var unsent, own uint64
	for g := range s.unsent {
		if in(g) {
			unsent, own = unsent+s.unsent[g], own+s.own[g]
		}
	}
	var measured, best []float64
	var good, bestGood uint64
	var errors, doubtfulErrors, responses, violations, limited, doubtfulLimits, sent, lost uint64
	for _, o := range s.sent {
		if !in(o.Group) {
			continue
		}
		sent++
		frozen := o.Harmed - o.Own
		if o.Own < measure.HarmFloor {
			frozen = o.Harmed
		}
		lostToUs := o.Failed && !o.Refused && frozen > 0 || o.Refused && o.Harmed > 0
		switch {
		case !o.Failed:
			responses++
		case lostToUs:
			lost++
		}
		took, atBest := o.Done-o.Intended, o.Done-o.Intended-o.Harmed
		clean := o.AsExpected && len(o.Violations) == 0
		switch {
		case clean && took <= goodWithin:
			good++
			fallthrough
		case clean && atBest <= goodWithin, lostToUs && !o.AsExpected:
			bestGood++
		}
		if !o.AsExpected {
			errors++
			if lostToUs {
				doubtfulErrors++
			}
		}
		if o.RateLimited {
			limited++
			if lostToUs {
				doubtfulLimits++
			}
		}
		if len(o.Violations) > 0 {
			violations++
		}
		if o.Refused {
			continue
		}
		if t.Metric == scenario.Service {
			took, atBest = o.Done-o.Sent, o.Done-o.Sent-frozen
		}
		x, y := took.Seconds(), atBest.Seconds()
		if o.Failed {
			if x = math.Inf(1); !lostToUs {
				y = x
			}
		}
		measured, best = append(measured, x), append(best, y)
	}
	for range unsent {
		measured, best = append(measured, math.Inf(1)), append(best, math.Inf(1))
	}
	decide := func(missed, certain bool, n, needed uint64) report.State {
		switch {
		case n == 0:
			return report.NoData
		case missed && certain:
			return report.Missed
		case missed || n < needed:
			return report.Undecided
		}
		return report.Met
	}
	share := func(n, of, least, most uint64) report.State {
		return decide(float64(n) > t.Limit*float64(of), float64(least) > t.Limit*float64(most), of, 1)
	}
	switch t.Metric {
	case scenario.Goodput:
		const seconds = 10
		return decide(float64(good)/seconds < t.Limit, float64(bestGood+own)/seconds < t.Limit,
			sent+unsent+own, 1)
	case scenario.ErrorRate:
		return share(errors+unsent, sent+unsent, errors+unsent-doubtfulErrors, sent+unsent+own)
	case scenario.ViolationRate:
		// What got no response for our sake would have got a conforming one.
		return share(violations, responses, violations, responses+own+doubtfulErrors)
	case scenario.RateLimitedRate:
		return share(limited, responses, limited-doubtfulLimits, responses+own+doubtfulErrors)
	}
	n, needed := uint64(len(measured)), uint64(1)
	if t.Quantile > 0 && t.Quantile < 100 {
		needed = uint64(math.Ceil(100/(100-t.Quantile) - 1e-9))
	}
	for range own {
		best = append(best, 0)
	}
	for uint64(len(best)) < max(needed, n) {
		best = append(best, 0)
	}
	return decide(statisticOf(t, measured) > t.Limit, statisticOf(t, best) > t.Limit, n, needed)
}

func statisticOf(t scenario.Threshold, values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	switch t.Stat {
	case "min":
		return sorted[0]
	case "max":
		return sorted[len(sorted)-1]
	case "mean":
		sum := 0.0
		for _, x := range sorted {
			sum += x
		}
		return sum / float64(len(sorted))
	}
	return sorted[int(math.Ceil(t.Quantile/100*float64(len(sorted))-1e-9))-1]
}

// clear says whether no time of the tale shares a bucket with a limit: then the
// histogram can tell them apart.
func (s *tale) clear(limit float64) bool {
	for _, o := range s.sent {
		frozen := o.Harmed
		if o.Own >= measure.HarmFloor {
			frozen -= o.Own
		}
		for _, d := range []time.Duration{o.Done - o.Intended, o.Done - o.Sent,
			o.Done - o.Intended - o.Harmed, o.Done - o.Sent - frozen} {
			if math.Abs(d.Seconds()-limit) <= limit/400+2e-6 {
				return false
			}
		}
	}
	return true
}

// TestJudgeIsTheOracle holds the judge against one that knows each request.
func TestJudgeIsTheOracle(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 15))
		s := newTale(rng)
		var thresholds []scenario.Threshold
		for len(thresholds) < 12 {
			limit := rng.ExpFloat64() * 0.3
			th := scenario.Threshold{Metric: []scenario.Metric{scenario.Response,
				scenario.Service}[rng.IntN(2)], Stat: "p", Limit: limit, Written: fmt.Sprint(limit)}
			switch rng.IntN(5) {
			case 4:
				th.Metric, th.Stat, th.Limit = scenario.Goodput, "", float64(1+rng.IntN(400))/10
			case 0:
				th.Stat = []string{"min", "mean", "max"}[rng.IntN(3)]
			case 1:
				th.Metric = []scenario.Metric{scenario.ErrorRate, scenario.ViolationRate,
					scenario.RateLimitedRate}[rng.IntN(3)]
				th.Stat, th.Limit = "", []float64{0, 0.013, 0.21, 0.77}[rng.IntN(4)]
			default:
				th.Quantile = []float64{1, 50, 75, 95, 99, 99.9, 100}[rng.IntN(7)]
				th.Stat = fmt.Sprintf("p%g", th.Quantile)
			}
			if th.Metric != scenario.Goodput && th.Stat != "" && !s.clear(limit) {
				continue
			}
			th.Group = []string{"", "", "email", "sms"}[rng.IntN(4)]
			thresholds = append(thresholds, th)
		}
		got := s.judge(t, thresholds)
		verdict := report.Pass
		for i, th := range thresholds {
			want := s.oracle(th)
			if state := got.Thresholds[i].State; state != want ||
				got.Thresholds[i].Passed != (want == report.Met) {
				t.Errorf("seed %d: %s: %s, want %s: %+v", seed, th, state, want, got.Thresholds[i])
			}
			seen[fmt.Sprint(th.Metric, " ", want)]++
			switch {
			case want == report.Missed:
				verdict = report.Fail
			case want != report.Met && verdict == report.Pass:
				verdict = report.Inconclusive
			}
		}
		if verdict == report.Pass && s.own != [2]uint64{} {
			verdict = report.Inconclusive
		}
		if got.Verdict != verdict {
			t.Errorf("seed %d: verdict %s, want %s: %q", seed, got.Verdict, verdict, got.Reasons)
		}
	}
	for _, metric := range []scenario.Metric{scenario.Response, scenario.Service, scenario.ErrorRate,
		scenario.RateLimitedRate, scenario.Goodput} {
		for _, state := range []report.State{report.Met, report.Missed, report.NoData, report.Undecided} {
			if seen[fmt.Sprint(metric, " ", state)] == 0 {
				t.Errorf("no %s was ever %s: the test is too weak", metric, state)
			}
		}
	}
}
