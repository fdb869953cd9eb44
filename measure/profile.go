package measure

import (
	"errors"
	"slices"
	"time"
)

// Profile is the load that was planned, as far as the run came.
type Profile struct {
	// Due counts the arrivals that were due in each second of intended time
	// since the start of the run, the warm-up included: sent or not. It is empty
	// where nobody planned them: users of a closed load wait for their answers.
	Due []uint64 `json:"due,omitempty"`
	// Stages are the parts of the schedule in order, each time they were run.
	Stages []Stage `json:"stages,omitempty"`
}

// Stage is a part of the schedule, as it was run once.
type Stage struct {
	// Name is what the scenario calls it, or its shape.
	Name   string `json:"name"`
	Warmup bool   `json:"warmup,omitempty"`
	// Start and End count from the start of the run.
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// Add counts an arrival that was due at a time.
func (p *Profile) Add(at time.Duration) {
	second := int(max(at, 0) / time.Second)
	for len(p.Due) <= second {
		p.Due = append(p.Due, 0)
	}
	p.Due[second]++
}

// merge adds the arrivals of another part of the same run. Where one was cut
// short the stages are those of the other.
func (p *Profile) merge(o *Profile) {
	for len(p.Due) < len(o.Due) {
		p.Due = append(p.Due, 0)
	}
	for i, n := range o.Due {
		p.Due[i] += n
	}
	for i, s := range o.Stages {
		if i == len(p.Stages) {
			p.Stages = append(p.Stages, s)
		}
		p.Stages[i].End = max(p.Stages[i].End, s.End)
	}
}

// checkProfile finds a profile that says another number of arrivals than the
// phases do.
func (m *Measurement) checkProfile() error {
	var due, scheduled uint64
	for _, n := range m.Profile.Due {
		due += n
	}
	for _, p := range []*Phase{&m.Main, &m.Warmup} {
		for _, n := range p.Scheduled {
			scheduled += n
		}
	}
	if len(m.Profile.Due) > 0 && (due != scheduled || slices.Max(m.Profile.Due) > scheduled) {
		return errors.New("the arrivals by second are not those of the groups")
	}
	end := time.Duration(0)
	for _, s := range m.Profile.Stages {
		if s.Start < end || s.End < s.Start {
			return errors.New("its stages do not follow one another")
		}
		end = s.End
	}
	return nil
}
