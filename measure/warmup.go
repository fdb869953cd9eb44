package measure

import (
	"errors"
	"math"
	"slices"
	"time"

	"mfaload/internal/stat"
)

// WarmupParts say into how many parts a warm-up is cut whose end is still to be found, and how long
// each is; the last one may be longer. The zero value is for a warm-up of a fixed length.
type WarmupParts struct {
	Each  time.Duration
	Count int
}

// MaxWarmupParts is the most parts of a warm-up.
const MaxWarmupParts = 12

// SplitWarmup says into which parts a warm-up is cut of at most so many whole seconds.
func SplitWarmup(most time.Duration) WarmupParts {
	each := (most/time.Second + MaxWarmupParts - 1) / MaxWarmupParts * time.Second
	return WarmupParts{each, int(most / max(each, 1))}
}

// Part is the index of the part that a time of the warm-up is in; there is one at least.
func (w WarmupParts) Part(at time.Duration) int { return max(0, min(int(at/w.Each), w.Count-1)) }

// FoundWarmup says how the end of a warm-up was found, which is when the judged part begins.
type FoundWarmup struct {
	// Most is how long the warm-up was at most, Each the steps in which its end was looked for.
	Most time.Duration `json:"most_ns"`
	Each time.Duration `json:"each_ns"`
	// Unsteady says that response times were not yet steady when it was over: it lasted as long as it may.
	Unsteady bool `json:"unsteady,omitempty"`
	// Unknown says why its end could not be looked for; it lasted as long as it may.
	Unknown string `json:"unknown,omitempty"`
	// Before and After are the geometric means of the response times of requests that were served, in
	// the warm-up and in the judged part; 0 if there are none.
	Before time.Duration `json:"before_ns"`
	After  time.Duration `json:"after_ns"`
}

// newParts returns parts of a warm-up in which nothing was sent.
func newParts(count, groups int) (parts []*Phase) {
	for range count {
		p := newPhase(groups)
		parts = append(parts, &p)
	}
	return parts
}

// SplitParts says into which parts its warm-up is cut.
func (m *Measurement) SplitParts() WarmupParts {
	if len(m.WarmupParts) < 2 {
		return WarmupParts{max(m.Main.Start, 1), len(m.WarmupParts)}
	}
	return WarmupParts{max(m.WarmupParts[1].Start, 1), len(m.WarmupParts)}
}

// DescribeWarmup fills in when the parts of the warm-up begin and end, after when the phases do.
func (m *Measurement) DescribeWarmup(parts WarmupParts) {
	if m.WarmupParts == nil {
		m.WarmupParts = newParts(parts.Count, len(m.Groups))
	}
	for i, p := range m.WarmupParts {
		from, to := time.Duration(i)*parts.Each, time.Duration(i+1)*parts.Each
		if i == parts.Count-1 {
			to = m.Main.Start
		}
		p.Start, p.Planned = from, max(min(to, m.Warmup.Planned)-from, 0)
	}
}

// SettleWarmup finds where the warm-up ended, by the times of the whole run, and makes what came after
// that a part of the judged part. It does nothing to a warm-up of a fixed length, or of a shard, whose run
// has others. The seconds are as they were, so the end can be found again.
func (m *Measurement) SettleWarmup() {
	if len(m.WarmupParts) > 0 && m.Shard == nil {
		m.settleWarmup(m.findWarmup())
	}
}

// settleWarmup lets the warm-up have its first parts only.
func (m *Measurement) settleWarmup(kept int) {
	if len(m.WarmupParts) == 0 {
		return
	}
	m.cutWarmup(kept)
	for _, g := range m.Violations {
		g.cutWarmup(kept)
	}
	m.cutStages()
}

// findWarmup returns how many of its parts the warm-up has.
func (m *Measurement) findWarmup() (parts int) {
	parts = len(m.WarmupParts)
	if m.Main.Planned == 0 {
		return parts // it ended before
	}
	found := &FoundWarmup{Most: m.Main.Start, Each: m.SplitParts().Each}
	m.FoundWarmup = found
	level := m.Level(0, int64((m.Main.Start+m.Main.Planned)/time.Second))
	switch each := int(found.Each / time.Second); {
	case m.SecondsLost != "":
		found.Unknown = secondsLost
		return parts
	case len(level) < max(2*parts*each, levelMin):
		found.Unknown = tooShort
	default:
		var steady bool
		parts, steady = stat.SteadyFrom(level, each, parts)
		found.Unsteady = !steady
	}
	end := int(m.partEnd(parts) / time.Second)
	found.Before, found.After = typical(level[:min(end, len(level))]), typical(level[min(end, len(level)):])
	return parts
}

// Why it may not be known when a warm-up ends.
const (
	secondsLost = "the figures per second are lost"
	tooShort    = "the judged part is too short"
)

// levelMin is from how many seconds it can be told where a warm-up ends.
const levelMin = 25

// typical is what logarithms of times are on average, as a time; 0 of none.
func typical(logs []float64) time.Duration {
	if len(logs) == 0 {
		return 0
	}
	return time.Duration(math.Round(math.Exp(stat.Mean(logs)) * 1e9))
}

// Level is the mean logarithm of the response times, in seconds, of the requests that were served in each
// second, from one up to but without another. A second without any has the mean of the others. It is
// empty if there are none at all.
func (m *Measurement) Level(from, to int64) []float64 {
	level, sum, n := make([]float64, max(to-from, 0)), 0.0, 0.0
	for i := range level {
		level[i] = math.NaN()
	}
	for s := range m.Seconds.Between(from, to) {
		times, _ := s.Split.Of(s.Response, s.Service)
		logs, count := 0.0, 0.0
		for at, k := range times.Buckets {
			logs += float64(k) * math.Log(max(at.Seconds(), 1e-9))
			count += float64(k)
		}
		if count > 0 {
			level[s.Second-from] = logs / count
			sum, n = sum+logs/count, n+1
		}
	}
	if n == 0 {
		return nil
	}
	for i := range level {
		if math.IsNaN(level[i]) {
			level[i] = sum / n
		}
	}
	return level
}

// partEnd is when so many parts of the warm-up are over.
func (m *Measurement) partEnd(parts int) time.Duration {
	if parts == len(m.WarmupParts) {
		return m.Main.Start
	}
	return m.WarmupParts[parts].Start
}

// cutWarmup lets the warm-up have its first parts only. What the measurement shares with others it does
// not change. Connections stay where they were counted.
func (m *Measurement) cutWarmup(kept int) {
	end := m.partEnd(kept)
	main, warmup := newPhase(len(m.Groups)), newPhase(len(m.Groups))
	main.Start, main.Planned = end, m.Main.Planned+m.Main.Start-end
	warmup.Planned = min(m.Warmup.Planned, end)
	warmup.Connections = m.Warmup.Connections
	main.merge(&m.Main)
	for i, p := range m.WarmupParts {
		to := &main
		if i < kept {
			to = &warmup
		}
		to.merge(p)
	}
	m.Main, m.Warmup, m.WarmupParts = main, warmup, nil
}

// cutStages lets the warm-up among the stages end where it ended.
func (m *Measurement) cutStages() {
	stages := slices.Clone(m.Profile.Stages)
	for i := range stages {
		switch {
		case stages[i].Warmup:
			stages[i].End = min(stages[i].End, m.Main.Start)
		case i > 0 && stages[i-1].Warmup:
			stages[i].Start = m.Main.Start
		}
	}
	m.Profile.Stages = slices.DeleteFunc(stages,
		func(s StageSpan) bool { return s.Warmup && s.Start == s.End })
}

// cutWarmup counts what came after the first parts of a warm-up as of the judged part.
func (g *ViolationGroup) cutWarmup(kept int) {
	for i, groups := range g.InParts {
		if i >= kept {
			g.InWarmup -= total(groups)
			g.ByGroup = addEach(g.ByGroup, groups)
		}
	}
	g.InParts = nil
}

// inPart counts one of a part of the warm-up, by group of users.
func (g *ViolationGroup) inPart(part, group int) {
	for len(g.InParts) <= part {
		g.InParts = append(g.InParts, nil)
	}
	countIn(&g.InParts[part], group)
}

// checkWarmup finds parts of a warm-up that are not its.
func (m *Measurement) checkWarmup() error {
	if f := m.FoundWarmup; f != nil && (f.Most < m.Main.Start || min(f.Each, f.Before, f.After) < 0 ||
		!slices.Contains([]string{"", secondsLost, tooShort}, f.Unknown)) {
		return errors.New("when its warm-up ends can't be")
	}
	if len(m.WarmupParts) == 0 {
		return nil
	}
	wrong := errors.New("the parts of its warm-up do not add up to it")
	var sent, scheduled uint64
	last := time.Duration(-1)
	if len(m.WarmupParts) > MaxWarmupParts {
		return wrong
	}
	for _, p := range m.WarmupParts {
		if p == nil || p.Start <= last || p.Planned < 0 {
			return wrong
		}
		if err := p.check(len(m.Groups)); err != nil {
			return err
		}
		last = p.Start
		sent += p.Sent()
		scheduled += total(p.Scheduled)
	}
	if sent != m.Warmup.Sent() || scheduled != total(m.Warmup.Scheduled) || last >= max(m.Main.Start, 1) {
		return wrong
	}
	for _, g := range m.Violations {
		in := uint64(0)
		for _, groups := range g.InParts {
			if len(groups) > len(m.Groups) {
				return wrong
			}
			in += total(groups)
		}
		if in != g.InWarmup || len(g.InParts) > len(m.WarmupParts) {
			return wrong
		}
	}
	return nil
}
