package measure

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// MergeConflict is a measurement that can't be merged with others.
type MergeConflict struct {
	// Measurement is its index among those that were to be merged.
	Measurement int
	// Twin is the index of the other measurement of the same shard, -1 where that
	// is not the reason.
	Twin int
	// Why says what is wrong with it.
	Why string
}

// MergeError says which measurements can't be merged.
type MergeError struct{ Conflicts []MergeConflict }

func (e *MergeError) Error() string {
	texts := []string{"merge measurements"}
	for _, m := range e.Conflicts {
		texts = append(texts, fmt.Sprintf("number %d: %s", m.Measurement+1, m.Why))
	}
	return strings.Join(texts, ": ")
}

// Merge adds up the measurements of shards of one run, or of what was merged
// from some. The result does not depend on their order, nor on which were merged
// before, and shares nothing with them. Histograms are added bucket by bucket; of
// labels it has those that all have alike. A measurement of something else, or of a
// duplicate shard, is a [MergeError], which names them all. What was known
// of lost shards is kept of those that are still missing; the caller may say more,
// and how many may be lost, in the result's Merged.
func Merge(all []*Measurement) (*Measurement, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("merge measurements: there is none")
	}
	if conflicts := conflicts(all); len(conflicts) > 0 {
		return nil, &MergeError{conflicts}
	}
	merged := all[0].empty()
	for _, m := range all {
		merged.mergeShard(m)
	}
	if err := merged.mergeSeconds(all); err != nil {
		return nil, fmt.Errorf("merge measurements: %w", err)
	}
	merged.mergeParts(all)
	slices.SortFunc(merged.Merged.Parts, func(a, b *Part) int { return a.Index - b.Index })
	merged.Merged.Lost = stillLost(merged.Merged, all)
	if err := merged.Check(); err != nil {
		return nil, fmt.Errorf("merge measurements: %w", err)
	}
	return merged, nil
}

// NoMeasurement returns what was measured of a run of so many shards that are all lost: nothing.
// What about says of the run stands in it: its name, hash, groups and terms.
func NoMeasurement(about *Measurement, run string, count int, lost []LostShard) (*Measurement, error) {
	m := about.empty()
	m.Merged.Run, m.Merged.Count, m.Merged.Lost = run, count, lost
	if err := m.Check(); err != nil {
		return nil, fmt.Errorf("describe a run without a measurement: %w", err)
	}
	return m, nil
}

// empty returns a measurement of the same run in which nothing was measured.
func (m *Measurement) empty() *Measurement {
	phase := func(p *Phase) Phase {
		empty := newPhase(len(m.Groups))
		empty.Start = p.Start
		return empty
	}
	e := &Measurement{
		Schema: Schema, Scenario: m.Scenario, Hash: m.Hash, Version: m.Version, Started: m.Started,
		Labels: maps.Clone(m.Labels),
		Groups: slices.Clone(m.Groups), GoodWithin: slices.Clone(m.GoodWithin),
		Parts: maps.Clone(m.Parts), Terms: bytes.Clone(m.Terms),
		Main: phase(&m.Main), Warmup: phase(&m.Warmup), Generator: Generator{Hiccups: NewSparse()},
		Merged: &Merged{},
	}
	e.Merged.Run, e.Merged.Count = m.run()
	e.Steps = m.Steps.emptySteps()
	e.WarmupParts = newParts(len(m.WarmupParts), len(m.Groups))
	for i, p := range m.WarmupParts {
		e.WarmupParts[i].Start = p.Start
	}
	for _, c := range m.Coverage {
		e.Coverage = append(e.Coverage, RuleCount{Rule: c.Rule})
	}
	return e
}

func (m *Measurement) run() (name string, count int) {
	switch {
	case m.Shard != nil:
		return m.Shard.Run, m.Shard.Count
	case m.Merged != nil:
		return m.Merged.Run, m.Merged.Count
	}
	return "", 0
}

func (m *Measurement) mergeShard(o *Measurement) {
	m.Labels = m.Labels.Shared(o.Labels)
	m.Interrupted = m.Interrupted || o.Interrupted
	m.mergeRebuilt(o)
	m.mergeSteps(o)
	m.Main.Planned, m.Warmup.Planned = max(m.Main.Planned, o.Main.Planned),
		max(m.Warmup.Planned, o.Warmup.Planned)
	for i, p := range o.WarmupParts {
		m.WarmupParts[i].Planned = max(m.WarmupParts[i].Planned, p.Planned)
	}
	m.merge(o)
	m.Generator.add(&o.Generator)
}

// mergeParts adds what is kept apart of the shards. Where their warm-up ends is found by all of them.
func (m *Measurement) mergeParts(all []*Measurement) {
	kept := len(m.WarmupParts)
	if kept > 0 {
		kept = m.findWarmup()
	}
	for _, o := range all {
		if len(o.WarmupParts) > 0 {
			settled := *o
			settled.cutWarmup(kept)
			o = &settled
		}
		m.Merged.Parts = append(m.Merged.Parts, o.parts()...)
	}
	m.settleWarmup(kept)
}

func (m *Measurement) mergeRebuilt(o *Measurement) {
	if o.Rebuilt == nil {
		return
	}
	if m.Rebuilt == nil {
		m.Rebuilt = &Rebuilt{}
	}
	m.Rebuilt.Unread += o.Rebuilt.Unread
}

// mergeSeconds adds the seconds of all; none where those of a part are lost.
func (m *Measurement) mergeSeconds(all []*Measurement) (err error) {
	lists := make([]*Seconds, len(all))
	for i, o := range all {
		lists[i] = &o.Seconds
		if o.SecondsLost != "" {
			m.LoseSeconds(o.SecondsLost)
		}
	}
	if m.SecondsLost == "" {
		m.Seconds, err = joinSeconds(lists)
	}
	return err
}

// stillLost is what was known of the shards that are missing, each reason once.
func stillLost(merged *Merged, all []*Measurement) (lost []LostShard) {
	missing := merged.Missing()
	for _, m := range all {
		if m.Merged == nil {
			continue
		}
		for _, l := range m.Merged.Lost {
			if slices.Contains(missing, l.Index) {
				lost = append(lost, l)
			}
		}
	}
	slices.SortStableFunc(lost, CompareLostShards)
	return slices.CompactFunc(lost, func(a, b LostShard) bool { return CompareLostShards(a, b) == 0 })
}

// parts returns copies of the shards that are in it.
func (m *Measurement) parts() (parts []*Part) {
	if m.Shard != nil {
		return []*Part{m.part()}
	}
	for _, from := range m.Merged.Parts {
		p := *from
		p.Response, p.Service = from.Response.copied(), from.Service.copied()
		p.Own, p.Generator.Hiccups = from.Own.copied(), from.Generator.Hiccups.copied()
		p.Generator.Seconds = slices.Clone(p.Generator.Seconds)
		if f := from.Failures; f != nil {
			p.Failures = copyOf(f.Response, f.Service)
		}
		parts = append(parts, &p)
	}
	return parts
}

func (m *Measurement) indices() (list []int) {
	if m.Shard != nil {
		return []int{m.Shard.Index}
	}
	for _, p := range m.Merged.Parts {
		list = append(list, p.Index)
	}
	return list
}

// conflicts finds what does not belong to the run that most measurements are of,
// and duplicate shards.
func conflicts(all []*Measurement) (list []MergeConflict) {
	run := prevailing(all)
	twins := map[int]int{}
	for i, m := range all {
		if err := m.Check(); err != nil {
			list = append(list, MergeConflict{i, -1, err.Error()})
			continue
		}
		if why := m.foreign(all[run]); why != "" {
			list = append(list, MergeConflict{i, -1, why})
			continue
		}
		for _, index := range m.indices() {
			if twin, twice := twins[index]; twice {
				list = append(list, MergeConflict{i, twin, fmt.Sprintf("shard %d is a duplicate", index)})
				break
			}
			twins[index] = i
		}
	}
	return list
}

// prevailing returns a measurement of the run that most are of; the first where there
// are several such runs.
func prevailing(all []*Measurement) (best int) {
	seen := 0
	for i, m := range all {
		n := 0
		for _, o := range all {
			if o.foreign(m) == "" {
				n++
			}
		}
		if n > seen {
			best, seen = i, n
		}
		if n == len(all) {
			break
		}
	}
	return best
}

// foreign says in what it differs from what another shard of the run has to
// have in common with it; "" where they belong together.
func (m *Measurement) foreign(o *Measurement) string {
	run, count := m.run()
	theirRun, theirCount := o.run()
	switch {
	case m.NotStarted != "":
		return "it is of a run that did not start"
	case count == 0:
		return "it is a whole run and no shard of one"
	case run != theirRun:
		return fmt.Sprintf("it is of the run %q, not of %q", run, theirRun)
	case count != theirCount:
		return fmt.Sprintf("its run had %d shards, not %d", count, theirCount)
	case m.Version != o.Version:
		return fmt.Sprintf("it is of mfaload %.100q, not of %.100q", m.Version, o.Version)
	case m.Hash != o.Hash || m.Scenario != o.Scenario:
		return fmt.Sprintf("it is of another scenario: %.60q, hash %.12s, not %.60q, hash %.12s", m.Scenario,
			m.Hash, o.Scenario, o.Hash)
	case !m.Started.Equal(o.Started):
		return fmt.Sprintf("it started at %s, not at %s", m.Started.Format(time.RFC3339Nano),
			o.Started.Format(time.RFC3339Nano))
	case !maps.Equal(m.Parts, o.Parts) || !slices.EqualFunc(m.Coverage, o.Coverage,
		func(a, b RuleCount) bool { return a.Rule == b.Rule }):
		return "its contract is another one, or its users are"
	case !bytes.Equal(m.Terms, o.Terms):
		return "its scenario file is another one: text, description, thresholds or kind of token are " +
			"not the same"
	case m.Merged != nil && m.FoundWarmup != nil && m != o:
		return "it was merged, and found without the others when its warm-up ends: merge the shards " +
			"themselves"
	case !slices.Equal(m.Groups, o.Groups) || !slices.Equal(m.GoodWithin, o.GoodWithin) ||
		m.Main.Start != o.Main.Start || len(m.Users) != len(o.Users),
		len(m.WarmupParts) != len(o.WarmupParts), !m.sameSteps(o):
		return "its groups or its warm-up are not the same"
	}
	return ""
}

// merge adds copies of what o observed to m, but for its seconds.
func (m *Measurement) merge(o *Measurement) {
	m.Main.merge(&o.Main)
	m.Warmup.merge(&o.Warmup)
	for i, p := range o.WarmupParts {
		m.WarmupParts[i].merge(p)
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
}

func (p *Phase) merge(o *Phase) {
	p.LastSent = max(p.LastSent, o.LastSent)
	p.Own.Merge(o.Own)
	for g, n := range o.Scheduled {
		p.Scheduled[g] += n
	}
	if p.InFlight == nil && o.InFlight != nil {
		p.InFlight = make([]uint64, len(p.Scheduled))
	}
	for g, n := range o.InFlight {
		p.InFlight[g] += n
	}
	p.Connections.merge(&o.Connections)
	mergeBreakdown(&p.Breakdown, o.Breakdown)
	p.mergeWithheld(o)
	for _, c := range o.Cells {
		p.addCell(c)
	}
	p.sort()
}

func (p *Phase) addCell(from *Cell) {
	to := p.cell(from.kind())
	to.Response.Merge(from.Response)
	to.Service.Merge(from.Service)
	to.Lateness.Merge(from.Lateness)
	to.AsExpected += from.AsExpected
	to.Violating += from.Violating
	to.Clean += from.Clean
	to.RateLimited += from.RateLimited
	to.GoodCount.add(from.GoodCount)
	mergeHarmed(&to.Harmed, from.Harmed)
}

// mergeViolations keeps of a group's instances the earliest ones, so that the
// order of merging does not show.
func (m *Measurement) mergeViolations(from []*ViolationGroup) {
	for _, f := range from {
		i, found := slices.BinarySearchFunc(m.Violations, f, compareGroups)
		if !found {
			copied := *f
			copied.Instances, copied.ByGroup = slices.Clone(f.Instances), slices.Clone(f.ByGroup)
			copied.InParts = nil
			copied.addParts(f)
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
		to.addParts(f)
	}
}

// addParts adds what another record of the group counts by part of the warm-up.
func (g *ViolationGroup) addParts(o *ViolationGroup) {
	for len(g.InParts) < len(o.InParts) {
		g.InParts = append(g.InParts, nil)
	}
	for i, groups := range o.InParts {
		g.InParts[i] = addEach(g.InParts[i], groups)
	}
}

// compareGroups puts what breaks conformance first.
func compareGroups(a, b *ViolationGroup) int {
	return cmp.Or(boolOrder(b.Fails, a.Fails), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Pointer, b.Pointer))
}

func compareInstances(a, b Instance) int {
	return cmp.Or(cmp.Compare(a.Example.At, b.Example.At), cmp.Compare(a.Example.UserID, b.Example.UserID),
		cmp.Compare(a.Got, b.Got), cmp.Compare(a.Expected, b.Expected),
		cmp.Compare(a.Example.CorrelationID, b.Example.CorrelationID))
}
