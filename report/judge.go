package report

import (
	"math"
	"time"

	"mfaload/measure"
)

// Judge returns the judgement of what a run measured, by the terms that the
// measurement holds.
func Judge(m *measure.Measurement) (*Report, error) {
	terms, err := DecodeTerms(m)
	if err != nil {
		return nil, err
	}
	main, err := newSums(&m.Main, len(m.Groups))
	if err != nil {
		return nil, err
	}
	r := &Report{
		Schema: Schema, Scenario: m.Scenario, Description: terms.Description, Target: terms.Target, ScenarioText: terms.Scenario, Hash: m.Hash, Version: m.Version,
		Started: m.Started, Duration: round(m.Main.Planned.Seconds()),
		Reasons: []string{}, Closed: closed(terms.Closed), Figures: main.all.figures(&m.Main),
		Groups: []Group{}, Violations: violations(m), Thresholds: []Threshold{},
		Coverage: coverage(m), Connections: connections(m), NoUsers: m.NoUsers,
		Run: runOf(m), Shards: shards(m.Merged),
		RateLimit: rateLimit(m, main.all),
	}
	r.Generator = generator(&m.Generator, m.Main.Own, workersNeeded(main.all.Scheduled, m.Main.Planned, main.all.service))
	if r.Closed != nil && m.Shard != nil {
		r.Closed.Users = m.Generator.Workers // the shard's share
	}
	for i, name := range m.Groups {
		r.Groups = append(r.Groups, Group{name, users(m, i), main.groups[i].figures(&m.Main)})
	}
	if m.Warmup.Planned > 0 {
		warmup, err := newSums(&m.Warmup, len(m.Groups))
		if err != nil {
			return nil, err
		}
		figures := warmup.all.figures(&m.Warmup)
		r.Warmup = &figures
	}
	if m.NotStarted != "" {
		return r.didNotStart(m.NotStarted).bound().escape(), nil
	}
	j := judgement{report: r, measurement: m, sums: main, token: terms.Token, tokenEnds: terms.TokenEnds}
	r.Generator.WorkersNeeded = max(r.Generator.WorkersNeeded, j.doubtful().Needed)
	j.judge(terms.Thresholds)
	return r.bound().escape(), nil
}

// sums are a phase's cells added up, for the whole and by group.
type sums struct {
	all    *sum
	groups []*sum
}

// sum is what several cells add up to.
type sum struct {
	measure.Counts
	clean                      uint64
	statuses, errors, withheld map[string]uint64
	unexpected                 map[string]uint64 // by status
	// Of all requests that were sent, and of those that ended alike.
	service, lateness *measure.Histogram
	outcomes          map[string]*outcome
	judged            [2]measure.Waits // response, service
}

// outcome sums up requests that ended alike.
type outcome struct{ response, service *measure.Histogram }

func newSums(p *measure.Phase, groups int) (sums, error) {
	s := sums{all: newSum()}
	for range groups {
		s.groups = append(s.groups, newSum())
	}
	s.all.of(p, -1)
	for g, sum := range s.groups {
		sum.of(p, g)
	}
	for _, w := range p.Withheld {
		s.groups[w.Group].withheld[w.Reason] += w.Count
		s.all.withheld[w.Reason] += w.Count
	}
	for _, c := range p.Cells {
		for _, to := range []*sum{s.all, s.groups[c.Group]} {
			if err := to.add(c); err != nil {
				return sums{}, err
			}
		}
	}
	return s, nil
}

func newSum() *sum {
	return &sum{
		statuses: map[string]uint64{}, errors: map[string]uint64{}, withheld: map[string]uint64{}, unexpected: map[string]uint64{},
		service: measure.NewHistogram(), lateness: measure.NewHistogram(), outcomes: map[string]*outcome{},
	}
}

// of takes over what a phase counts of a group, or of all where it is below 0.
func (s *sum) of(p *measure.Phase, group int) {
	s.Counts = p.Counts(group)
	s.judged = [2]measure.Waits{p.Waits(group, false), p.Waits(group, true)}
}

func (s *sum) add(c *measure.Cell) error {
	n := c.Response.Count()
	name := "served"
	switch {
	case c.Failed:
		name = "failed"
		s.errors[c.Label] += n
	default:
		s.statuses[c.Label] += n
		if other := n - c.AsExpected; other > 0 {
			s.unexpected[c.Label] += other
		}
	}
	if c.Refused {
		name = "refused"
	}
	s.clean += c.Clean
	o := s.outcomes[name]
	if o == nil {
		o = &outcome{measure.NewHistogram(), measure.NewHistogram()}
		s.outcomes[name] = o
	}
	for _, h := range []struct{ to, from *measure.Histogram }{
		{o.response, c.Response}, {o.service, c.Service}, {s.service, c.Service}, {s.lateness, c.Lateness},
	} {
		if err := h.to.Merge(h.from); err != nil {
			return err
		}
	}
	return nil
}

func (s *sum) figures(p *measure.Phase) Figures {
	return Figures{
		Requests: Requests{
			Scheduled: s.Scheduled, Sent: s.Sent(), Answered: s.Responded, AsExpected: s.clean, Unexpected: s.Responded - s.clean - s.Violating,
			Violating: s.Violating, RateLimited: s.RateLimited, Failed: s.Failed, Unsent: s.Unsent(),
		},
		Rate:     Rate{Planned: round(ratio(s.Scheduled, p.Planned.Seconds())), Achieved: round(ratio(s.Sent(), p.Sending().Seconds()))},
		Response: waits(&s.judged[0]), Service: waits(&s.judged[1]), Lateness: times(s.lateness),
		ByOutcome: s.byOutcome(),
		Statuses:  s.statuses, Errors: s.errors, Withheld: s.withheld,
	}
}

// ratio is n a unit of d; 0 where there is no d.
func ratio(n uint64, d float64) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d
}

func times(h *measure.Histogram) Times {
	return Times{
		Min: ms(h.Min()), Mean: ms(h.Mean()), Max: ms(h.Max()),
		P50: ms(h.Percentile(50)), P90: ms(h.Percentile(90)), P95: ms(h.Percentile(95)),
		P99: ms(h.Percentile(99)), P999: ms(h.Percentile(99.9)),
	}
}

// waits are times of which some are only known to be at least so long.
func waits(all *measure.Waits) (t Times) {
	w := all.Joined()
	for _, of := range []struct {
		name  string
		to    *float64
		bound measure.Bound
	}{
		{"min", &t.Min, w.Min()}, {"mean", &t.Mean, w.Mean()}, {"p50", &t.P50, w.Percentile(50)}, {"p90", &t.P90, w.Percentile(90)},
		{"p95", &t.P95, w.Percentile(95)}, {"p99", &t.P99, w.Percentile(99)}, {"p99.9", &t.P999, w.Percentile(99.9)}, {"max", &t.Max, w.Max()},
	} {
		*of.to = ms(of.bound.Time)
		if of.bound.AtLeast {
			t.AtLeast = append(t.AtLeast, of.name)
		}
	}
	return t
}

// byOutcome has the times of requests that ended alike; nil where all were served.
func (s *sum) byOutcome() map[string]OutcomeTimes {
	if len(s.outcomes) == 0 || len(s.outcomes) == 1 && s.outcomes["served"] != nil {
		return nil
	}
	all := map[string]OutcomeTimes{}
	for name, o := range s.outcomes {
		all[name] = OutcomeTimes{o.response.Count(), times(o.response), times(o.service)}
	}
	return all
}

// ms is d in milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return round(d.Seconds() * 1000) }

// round keeps 3 decimals.
func round(x float64) float64 { return math.Round(x*1000) / 1000 }

func connections(m *measure.Measurement) Connections {
	c := m.Main.Connections
	return Connections{Ahead: m.Warmup.Connections.Opened, Opened: c.Opened, Resumed: c.Resumed,
		Dial: times(c.Dial), Handshake: times(c.Handshake)}
}

func violations(m *measure.Measurement) []Violation {
	all := []Violation{}
	for _, g := range m.Violations {
		if g.Count == g.InWarmup {
			continue // seen in the warm-up only, which is not judged
		}
		all = append(all, Violation{
			Rule: clip(g.Rule, maxText), Pointer: clip(g.Pointer, maxText), Level: levelOf(g), Count: g.Count - g.InWarmup, Explained: g.Explained,
			Expected: clip(g.Instances[0].Expected, maxText), Got: clip(g.Instances[0].Got, maxText), Example: example(g.Instances[0].Example),
		})
	}
	return all
}

func example(e measure.Example) Example {
	return Example{UserID: clip(e.UserID, maxText), CorrelationID: clip(e.CorrelationID, maxText), TransactionID: clip(e.TransactionID, maxText),
		Curl: Curl(e.Method, e.URL, e.Body)}
}

func coverage(m *measure.Measurement) []Coverage {
	violated := map[string]uint64{}
	for _, g := range m.Violations {
		violated[g.Rule] += g.Count
	}
	all := []Coverage{}
	for _, c := range m.Coverage {
		all = append(all, Coverage{c.Rule, c.Evaluated, violated[c.Rule]})
	}
	return all
}
