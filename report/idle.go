package report

import "fmt"

// idleClosed is how requests are named that certainly never reached the service:
// it was closing the idle connection that they were sent on.
const idleClosed = "idle connection closed"

// unheard counts the requests that say nothing of the service, for it can't
// have got them: they are in no error rate.
func (s *sum) unheard() uint64 { return s.errors[idleClosed] }

// judged counts the arrivals that say something of the service.
func (s *sum) judged() uint64 { return s.scheduled - s.noUser() - s.unheard() }

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
