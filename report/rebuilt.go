package report

import (
	"fmt"

	"mfaload/measure"
)

// leaveInFlight says of each sum which arrivals had been sent when the journal
// ends that a measurement was rebuilt from: all that had a user and did not come
// to an end. They say nothing of the service.
func (s *sums) leaveInFlight(m *measure.Measurement) {
	if m.Rebuilt == nil || m.Rebuilt.InFlight == 0 {
		return
	}
	if m.Merged != nil { // of which group they are is not known
		s.all.inFlight = min(m.Rebuilt.InFlight, s.all.neverSent())
		return
	}
	for _, of := range append(s.groups, s.all) {
		of.inFlight = of.neverSent()
	}
}

// neverSent counts the arrivals that had a user and were not sent.
func (s *sum) neverSent() uint64 { return s.unsent() - s.heldBack() - s.inFlight }

// rebuiltText says why a run is interrupted that did not come to write its
// results.
func rebuiltText(r *measure.Rebuilt, merged bool) string {
	text := "mfaload was ended before it could write the results: they were rebuilt from the journal, up to its last second"
	if merged {
		text = "on a machine " + text
	}
	if r.InFlight > 0 {
		text += fmt.Sprintf("; %s requests were in flight then, count as unsent, and are in no errorRate", count(r.InFlight))
	}
	return text
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
		remarks = append(remarks, rebuiltText(r, j.measurement.Merged != nil))
	}
	if r.Unread > 0 {
		remarks = append(remarks, fmt.Sprintf("the last %s bytes of the journal are no whole record and were left out", count(uint64(r.Unread))))
	}
	return remarks
}
