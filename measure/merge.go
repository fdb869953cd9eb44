package measure

import (
	"cmp"
	"slices"
)

// merge adds what o observed to m, but for its seconds. Nothing of o is kept: all is
// copied.
func (m *Measurement) merge(o *Measurement) error {
	if err := m.Main.merge(&o.Main); err != nil {
		return err
	}
	if err := m.Warmup.merge(&o.Warmup); err != nil {
		return err
	}
	m.Profile.merge(&o.Profile)
	m.Flow.merge(&o.Flow)
	m.mergeViolations(o.Violations)
	m.Shapes.merge(o.Shapes)
	m.mergeUsers(o)
	m.mergeEnd(o)
	m.UngroupedViolations += o.UngroupedViolations
	for i, c := range o.Coverage {
		m.Coverage[i].Evaluated += c.Evaluated
	}
	return nil
}

func (p *Phase) merge(o *Phase) error {
	p.LastSent = max(p.LastSent, o.LastSent)
	if err := p.Own.Merge(o.Own); err != nil {
		return err
	}
	for g, n := range o.Scheduled {
		p.Scheduled[g] += n
	}
	if p.InFlight == nil && o.InFlight != nil {
		p.InFlight = make([]uint64, len(p.Scheduled))
	}
	for g, n := range o.InFlight {
		p.InFlight[g] += n
	}
	if err := mergeAll([]*Histogram{p.Connections.Dial, p.Connections.Handshake},
		[]*Histogram{o.Connections.Dial, o.Connections.Handshake}); err != nil {
		return err
	}
	p.Connections.Opened += o.Connections.Opened
	p.Connections.Resumed += o.Connections.Resumed
	p.mergeWithheld(o)
	for _, from := range o.Cells {
		to := p.cell(from.kind())
		if err := mergeAll([]*Histogram{to.Response, to.Service, to.Lateness},
			[]*Histogram{from.Response, from.Service, from.Lateness}); err != nil {
			return err
		}
		to.AsExpected += from.AsExpected
		to.Violating += from.Violating
		to.Clean += from.Clean
		to.RateLimited += from.RateLimited
		if err := mergeHarmed(&to.Harmed, from.Harmed); err != nil {
			return err
		}
	}
	p.sort()
	return nil
}

func mergeAll(to, from []*Histogram) error {
	for i := range to {
		if err := to[i].Merge(from[i]); err != nil {
			return err
		}
	}
	return nil
}

// mergeViolations keeps of a group's instances the earliest ones, so that the
// order of merging does not show.
func (m *Measurement) mergeViolations(from []*ViolationGroup) {
	for _, f := range from {
		i, found := slices.BinarySearchFunc(m.Violations, f, compareGroups)
		if !found {
			copied := *f
			copied.Instances, copied.ByGroup = slices.Clone(f.Instances), slices.Clone(f.ByGroup)
			m.Violations = slices.Insert(m.Violations, i, &copied)
			continue
		}
		to := m.Violations[i]
		to.Instances = append(to.Instances, f.Instances...)
		slices.SortStableFunc(to.Instances, compareInstances)
		to.Instances = to.Instances[:min(len(to.Instances), Instances)]
		to.Explained += f.Explained
		to.Count += f.Count
		to.InWarmup += f.InWarmup
		to.ByGroup = addEach(to.ByGroup, f.ByGroup)
	}
}

// compareGroups puts what breaks conformance first.
func compareGroups(a, b *ViolationGroup) int {
	return cmp.Or(boolOrder(b.Fails, a.Fails), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Pointer, b.Pointer))
}

func compareInstances(a, b Instance) int {
	return cmp.Or(cmp.Compare(a.Example.At, b.Example.At), cmp.Compare(a.Example.UserID, b.Example.UserID),
		cmp.Compare(a.Got, b.Got), cmp.Compare(a.Expected, b.Expected), cmp.Compare(a.Example.CorrelationID, b.Example.CorrelationID))
}
