package schedule

import (
	"math"
	"sort"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// maxStages bounds the stages that a measurement names: stages may be repeated
// a million times.
const maxStages = 1000

// StagesUntil returns the stages of the schedule up to a time of the run, the
// warm-up first; a repeated stage once for each time it was run. The last one
// ends there where the run was cut short. Beyond [maxStages] they are left out.
func (s *Schedule) StagesUntil(end time.Duration) (all []measure.StageSpan) {
	for i := range s.sections {
		p := &s.sections[i]
		for cycle := range p.cycles {
			for j := range p.stages {
				from := p.start + time.Duration(cycle)*p.cycle + p.stages[j].start
				to := min(from+p.stages[j].Duration, p.end, end)
				if from >= to || len(all) == maxStages {
					return all
				}
				name := warmupName
				if !p.warmup {
					name = stageName(&p.stages[j].Stage)
				}
				all = append(all, measure.StageSpan{Name: name, Warmup: p.warmup, Start: from, End: to})
			}
		}
	}
	return all
}

// Stages returns the stages of the schedule with their times, the warm-up first,
// a repeated stage once for each time; the first thousand of them.
func (s *Schedule) Stages() []measure.StageSpan { return s.StagesUntil(s.End()) }

// Place is where a time of the run is in the schedule.
type Place struct {
	// Warmup says that it is before the first stage; the rest is 0 then.
	Warmup bool
	// Stage counts from 1 to Stages, Cycle from 1 to Cycles.
	Stage, Stages, Cycle, Cycles int
	// Name is the stage's, or what it is in a few words.
	Name string
}

// Place returns the place of a time of the run; false where it has none.
func (s *Schedule) Place(t time.Duration) (place Place, ok bool) {
	p := s.section(t)
	if p == nil {
		return place, false
	}
	if p.warmup {
		return Place{Warmup: true, Name: warmupName}, true
	}
	cycle, st := p.find(t)
	i := sort.Search(len(p.stages), func(i int) bool { return p.stages[i].start > st.start })
	return Place{Stage: i, Stages: len(p.stages), Cycle: cycle + 1, Cycles: p.cycles,
		Name: stageName(&st.Stage)}, true
}

const warmupName = "warm-up"

func stageName(s *scenario.Stage) string {
	if s.Name != "" {
		return s.Name
	}
	return s.String()
}

// StageCount is how many arrivals of all shards a stage has.
type StageCount struct {
	scenario.Stage
	// Label is the stage's name, or what it is in a few words.
	Label  string
	Warmup bool
	// Times is how often the stage is run, Requests how many it has in all of them.
	Times    int
	Requests uint64
}

// StageCounts counts the arrivals by stage, the warm-up first.
func (s *Schedule) StageCounts() (all []StageCount) {
	for i := range s.sections {
		p := &s.sections[i]
		for j, n := range s.countStages(i) {
			st := &p.stages[j].Stage
			one := StageCount{Stage: *st, Label: stageName(st), Warmup: p.warmup,
				Times: p.cycles, Requests: n}
			if p.warmup {
				one.Label = warmupName
			}
			all = append(all, one)
		}
	}
	return all
}

func (s *Schedule) countStages(i int) []uint64 {
	p := &s.sections[i]
	counts, of, before := make([]uint64, len(p.stages)), s.positions(i), uint64(0)
	if len(p.stages)*p.cycles > maxCounted {
		return p.countRoughly()
	}
	for cycle := range p.cycles {
		for j := range p.stages {
			st := &p.stages[j]
			upTo := float64(cycle)*p.once + st.before + st.total
			through := min(of.below(upTo-tolerance(upTo)), p.count)
			if cycle == p.cycles-1 && j == len(p.stages)-1 {
				through = p.count
			}
			counts[j] += through - before
			before = through
		}
		if before == p.count {
			break
		}
	}
	return counts
}

const maxCounted = 200_000

// countRoughly shares a section's arrivals out as the stages share its R: of stages
// that are repeated so often each is off by a few arrivals.
func (p *section) countRoughly() []uint64 {
	counts, sum, before := make([]uint64, len(p.stages)), 0.0, uint64(0)
	for j := range p.stages {
		sum += p.stages[j].total
		through := min(uint64(math.Round(float64(p.count)*sum/p.once)), p.count)
		if j == len(p.stages)-1 {
			through = p.count
		}
		counts[j], before = through-before, through
	}
	return counts
}

// Peak returns the highest rate of the shard, in requests a second; 0 of a closed load, of
// which nobody knows.
func (s *Schedule) Peak() (peak float64) {
	return s.PeakBetween(0, s.End()) / float64(s.shard.Count)
}

// PeakBetween returns the highest rate of all shards between two times of the run, in
// requests a second.
func (s *Schedule) PeakBetween(from, to time.Duration) (peak float64) {
	for i := range s.sections {
		peak = max(peak, s.sections[i].peak(from, to))
	}
	return peak
}

// peak returns the highest rate between two times of the run.
func (p *section) peak(from, to time.Duration) (peak float64) {
	for t := max(from, p.start); t < min(to, p.end); {
		cycle, st := p.find(t)
		begins := p.start + p.cycle*time.Duration(cycle) + st.start
		ends := min(begins+st.Duration, to, p.end)
		first, last := (t - begins).Seconds(), (ends - begins).Seconds()
		for i := st.PieceAt(first); i < st.Pieces(); i++ {
			piece := st.Piece(i)
			if piece.Start >= last {
				break
			}
			peak = max(peak, piece.Peak(first-piece.Start, last-piece.Start))
		}
		// What comes after a whole cycle is known by it.
		if t = max(ends, t+1); t >= max(from, p.start)+p.cycle {
			break
		}
	}
	return peak
}

// find returns the cycle and the stage at a time of the run within the section.
func (p *section) find(t time.Duration) (cycle int, st *placedStage) {
	cycle = min(int((t-p.start)/p.cycle), p.cycles-1)
	into := t - p.start - p.cycle*time.Duration(cycle)
	i := sort.Search(len(p.stages), func(i int) bool { return p.stages[i].start > into })
	return cycle, &p.stages[max(i-1, 0)]
}

func (p *section) upto(t time.Duration) float64 {
	switch {
	case t <= p.start:
		return 0
	case t >= p.end:
		return p.total
	}
	cycle, st := p.find(t)
	into := (t - p.start - p.cycle*time.Duration(cycle) - st.start).Seconds()
	return min(float64(cycle)*p.once+st.before+st.Upto(into), p.total)
}

// section returns the section at a time of the run, nil after its end.
func (s *Schedule) section(t time.Duration) *section {
	for i := range s.sections {
		if p := &s.sections[i]; t >= p.start && t < p.end {
			return p
		}
	}
	return nil
}

// Rate returns the planned rate of the shard at a time of the run, in requests a
// second; 0 before its start and from its end on.
func (s *Schedule) Rate(t time.Duration) float64 {
	p := s.section(t)
	if p == nil {
		return 0
	}
	cycle, st := p.find(t)
	into := (t - p.start - p.cycle*time.Duration(cycle) - st.start).Seconds()
	piece := st.Piece(st.PieceAt(into))
	return piece.Rate(into-piece.Start) / float64(s.shard.Count)
}

// MeanRate returns the mean of the shard's planned rate between two times of the run, in
// requests a second; 0 where nothing is planned.
func (s *Schedule) MeanRate(from, to time.Duration) float64 {
	if to <= from {
		return 0
	}
	due := s.Upto(to) - s.Upto(from)
	if s.half != nil {
		due = s.uptoOwn(from, to)
	}
	return due / (to - from).Seconds() / float64(s.shard.Count)
}

// Upto returns how many requests of all shards are due before a time of the run, in
// fractions: R(t) of uniform arrivals, the mean of poisson arrivals.
func (s *Schedule) Upto(t time.Duration) (sum float64) {
	for i := range s.sections {
		sum += s.sections[i].upto(t)
	}
	return sum
}

// rateCursor goes through the pieces of a section and finds when R reaches growing
// positions. It keeps one piece, however many there are.
type rateCursor struct {
	section             *section
	cycle, stage, piece int

	formula      scenario.Piece
	start        time.Duration // of the stage, since the start of the run
	ends         time.Duration // of the stage
	before, upTo float64       // R at the piece's start and end
	into         float64       // the last result, in seconds since the piece's start
	last         time.Duration // the last result
}

func newRateCursor(p *section) *rateCursor {
	c := &rateCursor{section: p}
	c.load()
	return c
}

// load takes in the piece that the cursor stands at.
func (c *rateCursor) load() {
	st := &c.section.stages[c.stage]
	base := float64(c.cycle)*c.section.once + st.before
	c.formula, c.into = st.Piece(c.piece), 0
	c.start = c.section.start + c.section.cycle*time.Duration(c.cycle) + st.start
	c.ends = c.start + st.Duration
	c.before = base + c.formula.Before
	if c.piece == st.Pieces()-1 {
		c.upTo = base + st.total
	} else {
		c.upTo = c.before + c.formula.Total()
	}
}

func (c *rateCursor) next() bool {
	switch {
	case c.piece+1 < c.section.stages[c.stage].Pieces():
		c.piece++
	case c.stage+1 < len(c.section.stages):
		c.stage, c.piece = c.stage+1, 0
	case c.cycle+1 < c.section.cycles:
		c.cycle, c.stage, c.piece = c.cycle+1, 0, 0
	default:
		return false
	}
	c.load()
	return true
}

// seek leaps over the cycles before a position.
func (c *rateCursor) seek(position float64) {
	if cycle := min(int(position/c.section.once)-1, c.section.cycles-1); cycle > c.cycle {
		c.cycle, c.stage, c.piece = cycle, 0, 0
		c.load()
	}
}

// at returns when R reaches a position that is not before the last one.
func (c *rateCursor) at(position float64) time.Duration {
	for position >= c.upTo-tolerance(c.upTo) && c.next() {
	}
	if r := position - c.before; r > 0 && c.formula.Length > 0 && c.upTo > c.before {
		c.into = c.formula.When(r, c.into)
	}
	at := c.start + time.Duration(math.Round((c.formula.Start+c.into)*1e9))
	c.last = max(c.last, min(at, c.ends))
	return c.last
}
