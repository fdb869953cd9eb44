package plan

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"mfaload/pingone/limits"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
)

// PlannedLimit is a documented limit as the run would meet it, of the group that comes closest to it or of
// each that passes it.
type PlannedLimit struct {
	Name string `json:"limit"`
	// Group is left out for limits of an environment, an address or a license.
	Group string `json:"group,omitempty"`
	Scope string `json:"scope"`
	// Unit is what Allowed and Planned count, within Window where there is one. Assumed says that Allowed
	// is the documented default, because the scenario has no number.
	Unit    string  `json:"unit"`
	Window  string  `json:"window,omitempty"`
	Allowed float64 `json:"allowed"`
	Assumed bool    `json:"assumed,omitempty"`
	// Planned is the most that the run would have. May says that it would only if all messages are of
	// the kind that counts.
	Planned float64 `json:"planned_max"`
	May     bool    `json:"may,omitempty"`
	// PassedAt is about when the run passes it, in seconds since its start, and Stage where; left out if it
	// does not.
	PassedAt *float64 `json:"passed_at_s,omitempty"`
	Stage    string   `json:"stage,omitempty"`
	// Needed is how many users or addresses it takes to stay within the limit.
	Needed uint64 `json:"needed,omitempty"`
	// Refused says that a run is refused for it: it would shut its users out.
	Refused bool `json:"refused,omitempty"`
}

// Passed says whether the run passes the limit.
func (l *PlannedLimit) Passed() bool { return l.PassedAt != nil }

// Blocking are the limits for which a run is refused.
func (p *RunPlan) Blocking() []PlannedLimit {
	return slices.DeleteFunc(slices.Clone(p.Limits), func(l PlannedLimit) bool { return !l.Refused })
}

// UsersOf is how many users a group has; 0 for none of that name.
func (p *RunPlan) UsersOf(group string) uint64 {
	for _, g := range p.Groups {
		if g.Name == group {
			return uint64(g.Users)
		}
	}
	return 0
}

// First is the limit that the run passes first; nil for none.
func (p *RunPlan) First() (first *PlannedLimit) {
	for i := range p.Limits {
		if l := &p.Limits[i]; l.Passed() && (first == nil || *l.PassedAt < *first.PassedAt) {
			first = l
		}
	}
	return first
}

// StartAt says when the run would start: counters of a day begin again at midnight UTC.
func (p *RunPlan) StartAt(t time.Time) {
	t = t.UTC()
	p.Start = &t
	p.fillLimits()
}

func newPlanSource(s *scenario.Scenario) planSource {
	of, weights := planSource{scenario: s, times: 1, steps: 1,
		replayed: map[time.Duration][]schedule.GroupDemand{}}, 0
	for i := range s.Groups {
		weights += s.Groups[i].Weight
	}
	for i := range s.Groups {
		of.shares = append(of.shares, float64(s.Groups[i].Weight)/float64(weights))
		of.kinds = append(of.kinds, groupMessages(&s.Groups[i]))
		f := newFollowing(&s.Groups[i])
		of.sent, of.wrong = append(of.sent, f.sent), append(of.wrong, f.wrong)
		of.steps += f.steps * of.shares[i]
	}
	return of
}

// limitsApply says whether the documented limits say anything about a target: one that may be real, or one
// whose scenario says what it would be entitled to.
func limitsApply(t *scenario.Target) bool {
	return t.IsRemote() || t.Entitlement != nil || len(t.Limits) > 0
}

// fillLimits compares what is planned with the documented limits.
func (p *RunPlan) fillLimits() {
	if !limitsApply(&p.of.scenario.Target) {
		return
	}
	p.Limits, p.Rehearsal = p.rateLimits(), !p.of.scenario.Target.IsRemote()
	p.AddressesNeeded, p.UsersNeeded = p.Limits[len(p.Limits)-1].Needed, 0
	needed := make([]uint64, len(p.Groups))
	for i := range p.Groups {
		needed[i] = max(p.Groups[i].UsersNeeded, min(1, p.Groups[i].Requests))
	}
	for _, l := range limits.All() {
		value, off := p.of.scenario.Target.Limit(&l)
		trial := p.of.scenario.Target.Entitlement != nil && p.of.scenario.Target.Entitlement.Trial
		switch {
		case off || value == 0 || l.Trial && !trial:
		case l.Scope == limits.Environment:
			p.Limits = append(p.Limits, p.environmentLimit(&l, value)...)
		case l.Scope == limits.User:
			p.Limits = append(p.Limits, p.userLimits(&l, value, needed)...)
		}
	}
	for _, n := range needed {
		p.UsersNeeded += n
	}
}

// rateLimits are those of requests a second, the address's last.
func (p *RunPlan) rateLimits() (all []PlannedLimit) {
	t := &p.of.scenario.Target
	e := scenario.Entitlement{}
	if t.Entitlement != nil {
		e = *t.Entitlement
	}
	license := limits.Get(limits.RateLicense)
	p.LicenseRate = cmp.Or(float64(e.Rate), float64(license.Value))
	perAddress := cmp.Or(e.PerAddress, percent(limits.RateAddress))
	if e.Trial && e.PerAddress == 0 {
		perAddress = 1
	}
	peak := p.Peak * p.of.steps
	addresses := float64(cmp.Or(e.Addresses, max(len(t.SourceAddresses), 1)))
	for _, l := range []struct {
		name             string
		allowed, planned float64
	}{
		{limits.RateLicense, p.LicenseRate, peak},
		{limits.RateAlert, p.LicenseRate * percent(limits.RateAlert), peak},
		{limits.RateAddress, p.LicenseRate * perAddress, peak / addresses},
	} {
		planned := PlannedLimit{Name: l.name, Scope: limits.Get(l.name).Scope, Unit: license.Unit,
			Allowed: l.allowed, Assumed: e.Rate == 0, Planned: l.planned}
		if l.planned > l.allowed*(1+1e-9) {
			p.pass(&planned, p.of.line.above(l.allowed*p.Peak/l.planned))
		}
		if l.name == limits.RateAddress {
			planned.Needed = uint64(math.Ceil(peak/l.allowed - 1e-9))
		}
		all = append(all, planned)
	}
	for i := range p.Stages {
		p.Stages[i].LicenseShare = p.Stages[i].Peak * p.of.steps / p.LicenseRate
	}
	return all
}

func percent(name string) float64 { return float64(limits.Get(name).Value) / 100 }

func (p *RunPlan) pass(l *PlannedLimit, at float64) {
	l.Stage = p.of.line.stage(at)
	at = math.Round(at*10) / 10
	l.PassedAt = &at
}

// environmentLimit counts the messages of all groups together.
func (p *RunPlan) environmentLimit(l *limits.ServiceLimit, value uint64) []PlannedLimit {
	share, may := 0.0, false
	for i := range p.Groups {
		each, unsure := p.counts(i, l)
		share += p.of.shares[i] * each
		may = may || each > 0 && unsure
	}
	if share == 0 {
		return nil
	}
	within := p.of.line.within(windowOf(l, value), p.Start)
	planned := PlannedLimit{Name: l.Name, Scope: l.Scope, Unit: l.Unit, Window: l.Window,
		Allowed: float64(value), Planned: math.Ceil(p.of.times*within.most()*share - 1e-6), May: may}
	if planned.Planned > planned.Allowed {
		p.pass(&planned, within.first(float64(value)/share/p.of.times))
	}
	return []PlannedLimit{planned}
}

// userLimits are those of one limit that groups pass, or else that of the group that comes closest.
func (p *RunPlan) userLimits(l *limits.ServiceLimit, value uint64, needed []uint64) (all []PlannedLimit) {
	messages := value
	if l.Name == limits.Cooldown {
		messages = 1
	}
	within := p.of.line.within(windowOf(l, value), p.Start)
	var closest *PlannedLimit
	for i := range p.Groups {
		each, may := p.counts(i, l)
		if each == 0 {
			continue
		}
		g := &p.of.scenario.Groups[i]
		requests := uint64(math.Ceil(within.most()*p.of.shares[i] - 1e-6))
		requests = min(withUsers(g, requests, within.length), p.Groups[i].Requests)
		user := math.Ceil(p.of.times*each*float64(p.perUser(i, requests, within.length)) - 1e-6)
		planned := PlannedLimit{Name: l.Name, Group: g.Name, Scope: l.Scope, Unit: l.Unit, Window: l.Window,
			Allowed: float64(messages), Planned: user, May: may,
			Needed: uint64(math.Ceil(p.of.times*each*float64(requests)/float64(messages) - 1e-6))}
		if l.Name == limits.Cooldown {
			planned.Unit, planned.Window = "messages", windowOf(l, value).length.String()
		}
		needed[i] = max(needed[i], planned.Needed)
		if user <= planned.Allowed {
			if closest == nil || user > closest.Planned {
				closest = &planned
			}
			continue
		}
		p.pass(&planned, within.first(p.enough(i, float64(messages)/p.of.times/each)/p.of.shares[i]))
		planned.Refused = l.Blocks && !may && !p.Rehearsal
		all = append(all, planned)
	}
	if closest != nil && len(all) == 0 {
		all = append(all, *closest)
	}
	return all
}

// perUser is how many of a group's requests within some seconds one user gets at most.
func (p *RunPlan) perUser(group int, requests uint64, seconds float64) uint64 {
	g := &p.of.scenario.Groups[group]
	if g.Order == users.Recorded {
		window := time.Duration(seconds * 1e9)
		if p.of.replayed[window] == nil {
			p.of.replayed[window] = p.of.line.schedule.Demand(window)
		}
		return p.of.replayed[window][group].PerUserWithin
	}
	n := maxPerUser(g, requests)
	if g.PerUser > 0 {
		n = min(n, 1+uint64(seconds/g.PerUser.Seconds()))
	}
	if g.Order == users.Random && g.MaxPerUser > 0 {
		n = min(n, g.MaxPerUser)
	}
	return n
}

// enough is the number of a group's requests after which a user has as many as allowed.
func (p *RunPlan) enough(group int, allowed float64) float64 {
	g := &p.of.scenario.Groups[group]
	most := p.Groups[group].Requests
	if g.Order == users.Recorded { // about: as if the user's requests were spread evenly
		return float64(most) * allowed / max(float64(p.Groups[group].PerUser), 1)
	}
	return float64(sort.Search(int(min(most, math.MaxInt32)), func(n int) bool {
		return float64(maxPerUser(g, uint64(n)+1)) > allowed
	}))
}

// counts says how many messages of a request a limit counts, 0 for none, and whether that is not sure.
func (p *RunPlan) counts(group int, l *limits.ServiceLimit) (each float64, may bool) {
	if l.Name == limits.Passcodes {
		return passcodes(&p.of.scenario.Groups[group])
	}
	for _, kind := range p.of.kinds[group] {
		if slices.Contains(l.Messages, kind) {
			each = p.of.sent[group]
		} else {
			may = true
		}
	}
	return each, may
}

// limitWindow is the time in which a limit counts.
type limitWindow struct {
	length time.Duration
	day    bool
}

func windowOf(l *limits.ServiceLimit, value uint64) limitWindow {
	if l.Name == limits.Cooldown {
		return limitWindow{length: time.Duration(value) * time.Second}
	}
	return limitWindow{l.Length(), l.Window == limits.Day}
}

// arrivalCurve says how many requests are due when: of a schedule, or of users who wait for their responses.
type arrivalCurve struct {
	schedule *schedule.Schedule // nil for the latter
	end, all float64            // seconds, and requests
	rate     float64            // of the latter
}

func (l *arrivalCurve) upto(seconds float64) float64 {
	if l.schedule == nil {
		return l.rate * min(max(seconds, 0), l.end)
	}
	return min(l.schedule.Upto(time.Duration(seconds*1e9)), l.all) // maxRequests may cut it short
}

// above is when the rate is first above another one.
func (l *arrivalCurve) above(rate float64) (seconds float64) {
	if l.schedule == nil {
		return 0
	}
	low, high := time.Duration(0), l.schedule.End()
	for high-low > time.Millisecond {
		if middle := low + (high-low)/2; l.schedule.PeakBetween(0, middle) > rate*(1+1e-9) {
			high = middle
		} else {
			low = middle
		}
	}
	return low.Seconds()
}

func (l *arrivalCurve) stage(seconds float64) string {
	if l.schedule == nil {
		return ""
	}
	place, _ := l.schedule.Place(time.Duration(seconds * 1e9))
	return place.Name
}

// windowCounts are how many requests are due at most within a window that ends at a time or before.
type windowCounts struct {
	length    float64 // of the window, or of the run if that is shorter
	ends, max []float64
}

// Steps in which the requests within windows are counted: enough to say when, and few enough for a month.
const (
	stepsOfRun    = 4096
	stepsOfWindow = 32
	maxSteps      = 100_000
)

// within counts the requests within a window wherever it begins; a day whose start is known is a day of UTC.
func (l *arrivalCurve) within(w limitWindow, start *time.Time) *windowCounts {
	c := &windowCounts{length: min(w.length.Seconds(), l.end)}
	step := max(min(l.end/stepsOfRun, c.length/stepsOfWindow), l.end/maxSteps)
	midnight, day := math.Inf(1), (24 * time.Hour).Seconds()
	begins := func(at float64) float64 { return max(at-c.length, 0) }
	if w.day && start != nil {
		midnight = start.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(*start).Seconds()
		begins = func(at float64) float64 { return max(midnight-day, 0) }
	}
	most := 0.0
	for i := 1; ; i++ {
		at := min(float64(i)*step, l.end)
		for midnight < at {
			most = c.add(midnight, max(most, l.upto(midnight)-l.upto(begins(midnight))))
			midnight += day
		}
		most = c.add(at, max(most, l.upto(at)-l.upto(begins(at))))
		if at >= l.end {
			return c
		}
	}
}

func (c *windowCounts) add(end, most float64) float64 {
	c.ends, c.max = append(c.ends, end), append(c.max, most)
	return most
}

func (c *windowCounts) most() float64 { return c.max[len(c.max)-1] }

// first is about when more than n requests are due within a window.
func (c *windowCounts) first(n float64) (seconds float64) {
	i := sort.Search(len(c.max), func(i int) bool { return c.max[i] > n+1e-9 })
	return c.ends[min(i, len(c.ends)-1)]
}
