package report

import (
	"fmt"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
)

// lasted is how long the time was, since the start, in which requests were due.
func lasted(m *measure.Measurement) time.Duration {
	if m.Main.Planned == 0 {
		return m.Warmup.Planned
	}
	return m.Main.Start + m.Main.Planned
}

// endedInWarmup says whether the run was ended before its judged part began: then
// nothing is judged.
func (j *judgement) endedInWarmup() bool {
	m := j.measurement
	return (m.Stopped != nil || m.Interrupted) && m.Main.Start > 0 && m.Main.Planned == 0
}

// warmupText says what an end in the warm-up means.
func (j *judgement) warmupText() string {
	m := j.measurement
	return fmt.Sprintf("the run ended in its warm-up (%s s of %s s), which is not judged: no threshold "+
		"was evaluated",
		number.Plain(number.Round(m.Warmup.Planned.Seconds())), number.Plain(number.Round(m.Main.Start.Seconds())))
}
