package runner

import (
	"time"

	"mfaload/measure"
)

// maxPassed bounds the stages that a measurement names: stages may be repeated
// a million times.
const maxPassed = 1000

// passed returns the stages of the schedule up to a time of the run, the
// warm-up first; a repeated stage once for each time it was run. The last one
// ends there where the run was cut short. Beyond [maxPassed] they are left out.
func (s *Schedule) passed(end time.Duration) (all []measure.Stage) {
	for i := range s.parts {
		p := &s.parts[i]
		for cycle := range p.cycles {
			for j := range p.stages {
				from := p.start + time.Duration(cycle)*p.cycle + p.stages[j].start
				to := min(from+p.stages[j].Duration, p.end, end)
				if from >= to || len(all) == maxPassed {
					return all
				}
				name := "warm-up"
				if !p.warmup {
					name = stageName(&p.stages[j].Stage)
				}
				all = append(all, measure.Stage{Name: name, Warmup: p.warmup, Start: from, End: to})
			}
		}
	}
	return all
}
