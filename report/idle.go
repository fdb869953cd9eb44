package report

import (
	"fmt"
	"mfaload/internal/number"
)

// idleRemarks say how many requests were lost on idle connections.
func (s *sum) idleRemarks() []string {
	n := s.NotDelivered
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"%s requests met an idle connection that the service was just closing; it can't have got them, so they are in no errorRate, and none was sent twice: its keep-alive time is about as long as connections were idle here",
		number.Count(n))}
}
