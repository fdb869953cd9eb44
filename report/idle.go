package report

import (
	"fmt"

	"mfaload/measure"
)

// unheard counts the requests that say nothing of the service, for it can't
// have got them: they are in no error rate.
func (s *sum) unheard() uint64 { return s.errors[measure.IdleClosed] }

// judged counts the arrivals that say something of the service.
func (s *sum) judged() uint64 { return s.scheduled - s.heldBack() - s.unheard() - s.inFlight }

// idleRemarks say how many requests were lost on idle connections.
func (s *sum) idleRemarks() []string {
	n := s.unheard()
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"%s requests met an idle connection that the service was just closing; it can't have got them, so they are in no errorRate, and none was sent twice: its keep-alive time is about as long as connections were idle here",
		count(n))}
}
