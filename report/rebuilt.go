package report

import (
	"fmt"

	"mfaload/internal/number"
	"mfaload/measure"
)

// rebuiltText says why a run is interrupted that did not come to write its
// results.
func rebuiltText(m *measure.Measurement) string {
	text := "mfaload was ended before it could write the results: they were rebuilt from the journal, up to its last second"
	if m.Merged != nil {
		text = "on a machine " + text
	}
	if n := inFlight(&m.Main) + inFlight(&m.Warmup); n > 0 {
		text += fmt.Sprintf("; %s requests were in flight then, count as unsent, and are in no errorRate", number.Count(n))
	}
	return text
}

func inFlight(p *measure.Phase) (n uint64) {
	for _, of := range p.InFlight {
		n += of
	}
	return n
}

// rebuiltRemarks are about results that were rebuilt.
func (j *judgement) rebuiltRemarks() (remarks []string) {
	r := j.measurement.Rebuilt
	switch {
	case r == nil:
		return nil
	case !j.measurement.Interrupted:
		remarks = append(remarks, "the run came to its end, but mfaload was ended before it could write the results: they were rebuilt from the journal")
	default:
		remarks = append(remarks, rebuiltText(j.measurement))
	}
	if r.Unread > 0 {
		remarks = append(remarks, fmt.Sprintf("the last %s bytes of the journal are no whole record and were left out", number.Count(uint64(r.Unread))))
	}
	return remarks
}
