package report

import (
	"fmt"
	"mfaload/internal/number"
	"strings"
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
			number.Count(n), number.Count(s.Sent()), number.Fixed(Milliseconds(o.service.Percentile(50))), meaning))
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
