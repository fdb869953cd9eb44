package report

import (
	"maps"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
)

// Judge returns the judgement of what a run measured, by the terms that the
// measurement holds.
func Judge(m *measure.Measurement) (*Report, error) {
	terms, err := DecodeTerms(m)
	if err != nil {
		return nil, err
	}
	main := newSums(&m.Main, len(m.Groups), m.GoodWithin)
	r := &Report{
		Schema: Schema, Scenario: m.Scenario, Description: terms.Description, Target: terms.Target,
		ScenarioText: terms.Scenario, Hash: m.Hash, Version: m.Version,
		Started: m.Started, Labels: maps.Clone(m.Labels), Duration: number.Round(m.Main.Planned.Seconds()),
		Reasons: []string{}, Closed: closed(terms.Closed), Figures: main.all.figures(&m.Main),
		Groups: []Group{}, Violations: violations(m), Thresholds: []Threshold{},
		Coverage: coverage(m), Connections: connections(m), NoUsers: m.NoUsers,
		Run: runOf(m), Shards: shards(m.Merged),
		RateLimit: rateLimit(m, main.all), TimeSpent: timeSpent(m), Flow: flow(m),
	}
	r.Generator = generator(&m.Generator, m.Main.Own, workersNeeded(main.all.Scheduled, m.Main.Planned,
		main.all.service))
	if r.Closed != nil && m.Shard != nil {
		r.Closed.Users = m.Generator.Workers // the shard's share
	}
	for i, name := range m.Groups {
		r.Groups = append(r.Groups, Group{Name: name, Users: users(m, i),
			Transfer: groupTransfer(&m.Main, i), Figures: main.groups[i].figures(&m.Main)})
	}
	if m.Warmup.Planned > 0 {
		figures := newSums(&m.Warmup, len(m.Groups), m.GoodWithin).all.figures(&m.Warmup)
		r.Warmup = &figures
	}
	r.WarmupEnd = warmupEnd(m)
	if m.NotStarted != "" {
		return r.didNotStart(m.NotStarted).bound().escaped(), nil
	}
	j := assessment{report: r, measurement: m, sums: main, token: terms.Token, tokenEnds: terms.TokenEnds,
		confidence: terms.eachLook(), between: terms.Between}
	r.Generator.WorkersNeeded = max(r.Generator.WorkersNeeded, j.doubtful().Needed)
	j.judge(terms.Thresholds, terms.Flow)
	return r.bound().escaped(), nil
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
	goodWithin        []time.Duration  // of its groups; none if good responses were not counted
}

// outcome sums up requests that ended alike.
type outcome struct{ response, service *measure.Histogram }

func newSums(p *measure.Phase, groups int, goodWithin []time.Duration) sums {
	s := sums{all: newSum()}
	s.all.goodWithin = goodWithin
	for g := range groups {
		s.groups = append(s.groups, newSum())
		if g < len(goodWithin) {
			s.groups[g].goodWithin = goodWithin[g : g+1]
		}
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
		s.all.add(c)
		s.groups[c.Group].add(c)
	}
	return s
}

func newSum() *sum {
	return &sum{
		statuses: map[string]uint64{}, errors: map[string]uint64{}, withheld: map[string]uint64{},
		unexpected: map[string]uint64{},
		service:    measure.NewHistogram(), lateness: measure.NewHistogram(), outcomes: map[string]*outcome{},
	}
}

// of takes over what a phase counts of a group, or of all where it is below 0.
func (s *sum) of(p *measure.Phase, group int) {
	s.Counts = p.Counts(group)
	s.judged = [2]measure.Waits{p.Waits(group, false), p.Waits(group, true)}
}

func (s *sum) add(c *measure.Cell) {
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
	o.response.Merge(c.Response)
	o.service.Merge(c.Service)
	s.service.Merge(c.Service)
	s.lateness.Merge(c.Lateness)
}

func (s *sum) figures(p *measure.Phase) Figures {
	return Figures{
		Requests: Requests{
			Scheduled: s.Scheduled, Sent: s.Sent(), Answered: s.Responded, AsExpected: s.clean,
			Unexpected: s.Responded - s.clean - s.Violating,
			Violating:  s.Violating, RateLimited: s.RateLimited, Failed: s.Failed, Unsent: s.Unsent(),
		},
		Rate: Rate{Planned: number.Round(ratio(s.Scheduled, p.Planned.Seconds())),
			Achieved: number.Round(ratio(s.Sent(), p.Sending().Seconds()))},
		Goodput:  s.goodput(p),
		Response: waits(&s.judged[0]), Service: waits(&s.judged[1]), Lateness: TimesOf(s.lateness),
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

// TimesOf are the times of a histogram.
func TimesOf(h *measure.Histogram) Times {
	return Times{
		Min: Milliseconds(h.Min()), Mean: Milliseconds(h.Mean()), Max: Milliseconds(h.Max()),
		P50: Milliseconds(h.Percentile(50)), P90: Milliseconds(h.Percentile(90)),
		P95: Milliseconds(h.Percentile(95)),
		P99: Milliseconds(h.Percentile(99)), P999: Milliseconds(h.Percentile(99.9)),
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
		{"min", &t.Min, w.Min()}, {"mean", &t.Mean, w.Mean()}, {"p50", &t.P50, w.Percentile(50)},
		{"p90", &t.P90, w.Percentile(90)},
		{"p95", &t.P95, w.Percentile(95)}, {"p99", &t.P99, w.Percentile(99)},
		{"p99.9", &t.P999, w.Percentile(99.9)}, {"max", &t.Max, w.Max()},
	} {
		*of.to = Milliseconds(of.bound.Time)
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
		all[name] = OutcomeTimes{o.response.Count(), TimesOf(o.response), TimesOf(o.service)}
	}
	return all
}

// Milliseconds is d in milliseconds, to the microsecond.
func Milliseconds(d time.Duration) float64 { return number.Round(d.Seconds() * 1000) }

func connections(m *measure.Measurement) Connections {
	c := m.Main.Connections
	r := Connections{Ahead: m.Warmup.Connections.Opened, Opened: c.Opened, Resumed: c.Resumed,
		Protocols: m.Protocols(), Successors: c.Successors, Dial: TimesOf(c.Dial),
		Handshake: TimesOf(c.Handshake)}
	if c.Waits != nil {
		times := TimesOf(c.Waits)
		r.Waited, r.Waits = c.Waits.Count(), &times
	}
	return r
}

func violations(m *measure.Measurement) []Violation {
	all := []Violation{}
	for _, g := range m.Violations {
		if g.Count == g.InWarmup {
			continue // seen in the warm-up only, which is not judged
		}
		all = append(all, Violation{
			Rule: text.Clip(g.Rule, MaxText), Pointer: text.Clip(g.Pointer, MaxText), Level: LevelOf(g),
			Count: g.Count - g.InWarmup, Explained: g.Explained,
			Expected: text.Clip(g.Instances[0].Expected, MaxText), Got: text.Clip(g.Instances[0].Got,
				MaxText), Example: ExampleOf(g.Instances[0].Example),
		})
	}
	return all
}

// ExampleOf is the exchange of a violation, with texts of bounded length.
func ExampleOf(e measure.Example) Example {
	return Example{Step: text.Clip(e.Step, MaxText), UserID: text.Clip(e.UserID, MaxText),
		CorrelationID: text.Clip(e.CorrelationID, MaxText),
		TransactionID: text.Clip(e.TransactionID, MaxText), Curl: Curl(e.Method, e.URL, e.Body)}
}

// LevelOf is what breaking the rule of a group means: "fail" or "note".
func LevelOf(g *measure.ViolationGroup) string {
	if g.Fails {
		return "fail"
	}
	return "note"
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
