package measure

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
)

// maxSecond is the last second that a run can have.
const maxSecond = 10 * 366 * 24 * 3600

// groupName is what a scenario takes as a name: files and tags of logs are named
// by it.
var groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Check finds figures that contradict one another, so that a damaged file is
// an error and never a wrong number.
func (m *Measurement) Check() error {
	if m.Schema != Schema {
		return fmt.Errorf("its schema is %.60q, not %q", m.Schema, Schema)
	}
	if err := m.Labels.Check(); err != nil {
		return err
	}
	for i, name := range m.Groups {
		if !groupName.MatchString(name) || slices.Contains(m.Groups[:i], name) {
			return fmt.Errorf("%.60q is no name of a group, or not the only one", name)
		}
	}
	for _, p := range []*Phase{&m.Main, &m.Warmup} {
		if err := p.check(len(m.Groups)); err != nil {
			return err
		}
		if m.NotStarted != "" && total(p.Scheduled) > 0 {
			return errors.New("it did not start, and schedules requests")
		}
	}
	if err := m.checkProfile(); err != nil {
		return err
	}
	if err := m.checkFlow(); err != nil {
		return err
	}
	if err := checkSeconds(m.Seconds.All(), len(m.Groups)); err != nil {
		return err
	}
	if err := m.checkSum(); err != nil {
		return err
	}
	if err := m.Shapes.check(); err != nil {
		return err
	}
	if h := m.Generator.Hiccups; h == nil || h.unmade() {
		return errors.New("its generator has no hiccups")
	}
	if err := checkOwnSeconds(m.Generator.Seconds); err != nil {
		return err
	}
	for _, v := range m.Violations {
		if v == nil || v.InWarmup > v.Count || v.Explained > v.Count || len(v.Instances) == 0 ||
			!v.byGroupFits(len(m.Groups)) {
			return errors.New("a violation's counts do not add up")
		}
	}
	if err := m.checkEnd(); err != nil {
		return err
	}
	if err := m.checkUsers(); err != nil {
		return err
	}
	return m.checkShards()
}

// checkSeconds finds seconds that are not in order, or contradict themselves.
func checkSeconds(seconds iter.Seq[*Second], groups int) error {
	last := int64(-1)
	for s := range seconds {
		if s == nil || s.Second <= last || s.Second > maxSecond {
			return errors.New("its seconds are not in order, or beyond ten years")
		}
		last = s.Second
		if !sameCounts(s.Response, s.Service, s.Lateness) ||
			s.Failed+s.Clean+s.Violating > s.Response.Count() {
			return errors.New("a second's counts do not add up")
		}
		if s.Clean > s.Expected || max(s.Expected, s.RateLimited)+s.Failed > s.Response.Count() {
			return errors.New("a second's answers do not add up")
		}
		if err := s.Split.check(s.Response, s.Service); err != nil {
			return err
		}
		if err := s.checkEnds(); err != nil {
			return err
		}
		if err := s.checkGroups(groups); err != nil {
			return err
		}
	}
	return nil
}

func (p *Phase) check(groups int) error {
	if len(p.Scheduled) != groups {
		return fmt.Errorf("it has %d groups and schedules %d", groups, len(p.Scheduled))
	}
	sent := make([]uint64, groups)
	for _, c := range p.Cells {
		if c == nil || c.Group < 0 || c.Group >= groups || !sameCounts(c.Response, c.Service, c.Lateness) {
			return errors.New("a cell's counts do not add up")
		}
		n := c.Response.Count()
		if max(c.AsExpected, c.Violating, c.RateLimited) > n || c.Clean > c.AsExpected ||
			c.Clean+c.Violating > n ||
			(c.Failed && (c.AsExpected > 0 || c.Violating > 0 || c.RateLimited > 0)) {
			return fmt.Errorf("the counts of %.60q do not add up", c.Label)
		}
		if !c.Harmed.fits(c.Response.Count()) {
			return fmt.Errorf("the harmed requests of %.60q do not add up", c.Label)
		}
		sent[c.Group] += n
	}
	if p.Own == nil || p.Own.unmade() || p.Own.Count() != p.Sent() {
		return errors.New("the count of lateness is not that of the requests sent")
	}
	c := p.Connections
	if !sameCounts(c.Dial) || !sameCounts(c.Handshake) || c.Dial.Count() != c.Opened ||
		c.Handshake.Count() > c.Opened || c.Resumed > c.Handshake.Count() {
		return errors.New("the counts of connections do not add up")
	}
	for g, n := range sent {
		if n > p.Scheduled[g] {
			return fmt.Errorf("a group sent %d of %d scheduled requests", n, p.Scheduled[g])
		}
	}
	return p.checkWithheld(sent)
}

// byGroupFits says whether the counts by group can be of so many groups.
func (g *ViolationGroup) byGroupFits(groups int) bool {
	above := func(n uint64) bool { return n > g.Count }
	return len(g.ByGroup) <= groups && !slices.ContainsFunc(g.ByGroup, above) &&
		total(g.ByGroup) <= g.Count-g.InWarmup
}

func sameCounts(first *Histogram, others ...*Histogram) bool {
	if first == nil || first.unmade() {
		return false
	}
	for _, h := range others {
		if h == nil || h.unmade() || h.Count() != first.Count() {
			return false
		}
	}
	return true
}
