package report

import (
	"fmt"
	"slices"
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
			count(n), count(s.Sent()), digits3(ms(o.service.Percentile(50))), meaning))
	}
	unsent, unserved := s.NeverSent(), s.judged[0].Unserved()
	if unserved == 0 {
		return remarks
	}
	var of []string
	if failed := unserved - unsent; failed > 0 {
		of = append(of, count(failed)+" failed")
	}
	if unsent > 0 {
		of = append(of, count(unsent)+" unsent")
	}
	return append(remarks, fmt.Sprintf("%s arrivals were never served (%s): they count as slower than any "+
		"limit, and times that are theirs are lower bounds (≥)",
		count(unserved), strings.Join(of, ", ")))
}

// namedOutcome has the times of requests that were not served.
type namedOutcome struct {
	name string
	OutcomeTimes
}

// outcomes are those that were refused, and those that failed.
func (r *Report) outcomes() (all []namedOutcome) {
	for _, name := range []string{"refused", "failed"} {
		if o, some := r.ByOutcome[name]; some {
			all = append(all, namedOutcome{name, o})
		}
	}
	return all
}

// cells are the times as tables show them, from min to max.
func (t *Times) cells() (cells []string) {
	for _, name := range []string{"min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"} {
		cells = append(cells, t.Text(name))
	}
	return cells
}

// Text is one of the times as texts show it, "≥" before what is only known to be at
// least so long, "–" where there is none.
func (t *Times) Text(name string) string {
	if t.Max == 0 && len(t.AtLeast) == 0 {
		return "–"
	}
	value := map[string]float64{"min": t.Min, "mean": t.Mean, "p50": t.P50, "p90": t.P90, "p95": t.P95,
		"p99": t.P99, "p99.9": t.P999, "max": t.Max}[name]
	if slices.Contains(t.AtLeast, name) {
		return "≥" + digits3(value)
	}
	return digits3(value)
}
