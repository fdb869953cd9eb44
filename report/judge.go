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
	r.Generator = generator(&m.Generator, m.Main.Own, workersNeeded(main.all.scheduled, m.Main.Planned, main.all.service))
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
	j := judgement{report: r, measurement: m, sums: main, token: terms.Token}
	j.judge(terms.Thresholds)
	return r.escape(), nil
}

// sums are a phase's cells added up, for the whole and by group.
type sums struct {
	all    *sum
	groups []*sum
}

// sum is what several cells add up to.
type sum struct {
	scheduled                   uint64
	answered, failed            uint64
	expected, violating, clean  uint64
	limited                     uint64 // answers that are 429
	inFlight                    uint64 // when the journal ends
	statuses, errors, withheld  map[string]uint64
	response, service, lateness *measure.Histogram
}

func newSums(p *measure.Phase, groups int) (sums, error) {
	s := sums{all: newSum()}
	for g := range groups {
		s.groups = append(s.groups, newSum())
		s.groups[g].scheduled = p.Scheduled[g]
		s.all.scheduled += p.Scheduled[g]
	}
	for g, n := range p.InFlight {
		s.groups[g].inFlight = n
		s.all.inFlight += n
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
		statuses: map[string]uint64{}, errors: map[string]uint64{}, withheld: map[string]uint64{},
		response: measure.NewHistogram(), service: measure.NewHistogram(), lateness: measure.NewHistogram(),
	}
}

func (s *sum) add(c *measure.Cell) error {
	n := c.Response.Count()
	if c.Failed {
		s.failed += n
		s.errors[c.Label] += n
	} else {
		s.answered += n
		s.statuses[c.Label] += n
	}
	s.expected += c.AsExpected
	s.violating += c.Violating
	s.clean += c.Clean
	s.limited += c.RateLimited
	for _, h := range []struct{ to, from *measure.Histogram }{
		{s.response, c.Response}, {s.service, c.Service}, {s.lateness, c.Lateness},
	} {
		if err := h.to.Merge(h.from); err != nil {
			return err
		}
	}
	return nil
}

func (s *sum) sent() uint64   { return s.answered + s.failed }
func (s *sum) unsent() uint64 { return s.scheduled - s.sent() }

// sendingTime is the planned time, or the time up to the last send where that
// is longer.
func sendingTime(p *measure.Phase) time.Duration { return max(p.Planned, p.LastSent-p.Start) }

func (s *sum) figures(p *measure.Phase) Figures {
	return Figures{
		Requests: Requests{
			Scheduled: s.scheduled, Sent: s.sent(), Answered: s.answered, AsExpected: s.clean,
			Violating: s.violating, RateLimited: s.limited, Failed: s.failed, Unsent: s.unsent(),
		},
		Rate:     Rate{Planned: round(ratio(s.scheduled, p.Planned.Seconds())), Achieved: round(ratio(s.sent(), sendingTime(p).Seconds()))},
		Response: times(s.response), Service: times(s.service), Lateness: times(s.lateness),
		Statuses: s.statuses, Errors: s.errors, Withheld: s.withheld,
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
			Rule: g.Rule, Pointer: g.Pointer, Level: levelOf(g), Count: g.Count - g.InWarmup, Explained: g.Explained,
			Expected: g.Instances[0].Expected, Got: g.Instances[0].Got, Example: example(g.Instances[0].Example),
		})
	}
	return all
}

func example(e measure.Example) Example {
	return Example{UserID: e.UserID, CorrelationID: e.CorrelationID, TransactionID: e.TransactionID, Curl: Curl(e.Method, e.URL, e.Body)}
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
