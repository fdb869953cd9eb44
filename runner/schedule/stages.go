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

// warmupName is what the warm-up is called among the stages.
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

// countStages counts a section's arrivals by stage.
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

// maxCounted is how many stages, each time they are run, are counted one by one.
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
