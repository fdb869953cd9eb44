package report

import (
	"fmt"
	"strings"

	"mfaload/internal/number"
)

// outcomeRemarks say which arrivals were not served, and what that means for the
// times.
func (s *sum) outcomeRemarks() (remarks []string) {
	if o := s.outcomes["refused"]; o != nil {
		n, meaning := o.response.Count(), "times are those of the others"
		if s.judged[0].Count() == 0 {
			meaning = "nothing was served, so there are no times"
		}
		remarks = append(remarks, fmt.Sprintf(
			"%s of %s requests were refused (429, 503 with Retry-After, connection refused; p50 %s ms): %s",
			number.Count(n), number.Count(s.Sent()), number.Fixed(Milliseconds(o.service.Percentile(50))),
			meaning))
	}
	unsent, unserved := s.NeverSent(), s.judged[0].Unserved()
	if unserved == 0 {
		return remarks
	}
	var of []string
	if failed := unserved - unsent; failed > 0 {
		of = append(of, number.Count(failed)+" failed")
	}
	if unsent > 0 {
		of = append(of, number.Count(unsent)+" unsent")
	}
	return append(remarks, fmt.Sprintf("%s arrivals were never served (%s): they count as slower than any "+
		"limit, and times that are theirs are lower bounds (≥)",
		number.Count(unserved), strings.Join(of, ", ")))
}

// idleRemarks say how many requests were lost on idle connections.
func (s *sum) idleRemarks() []string {
	n := s.NotDelivered
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"%s requests met an idle connection that the service was just closing; it can't have got them, so "+
			"they are in no errorRate, and none was sent twice: its keep-alive time is about as long as "+
			"connections were idle here",
		number.Count(n))}
}

// StallFactor is how many times the median a request of a stall takes.
const StallFactor = 3

// Stalled says whether the service stood still in a second: half of so many requests
// that it did not refuse, and not just one or two, took longer than StallFactor times
// the median.
func Stalled(requests, slow uint64) bool { return requests >= 5 && 2*slow >= requests }
