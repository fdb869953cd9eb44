package report

import (
	"fmt"
	"strings"

	"mfaload/measure"
)

// foreign is how the label of a response ends that has no body of the service's: it
// is a gateway's, of which the contract promises next to nothing.
const foreign = " not from the service"

// neverChecked says why the contract was never checked, although responses were
// received; "" where it was.
func (j *judgement) neverChecked(s *sum) string {
	const so = ", so the contract was never checked"
	if rules := j.measurement.Coverage; len(rules) > 0 && !exercised(rules) {
		return "no rule of the contract was exercised" + so
	}
	var causes []Cause
	for label, n := range s.statuses {
		if !strings.HasSuffix(label, foreign) {
			return ""
		}
		causes = append(causes, Cause{label, n})
	}
	if len(causes) == 0 {
		return ""
	}
	return fmt.Sprintf("no response was the service's own (%s)%s", causesText(sortCauses(causes)), so)
}

func exercised(rules []measure.RuleCount) bool {
	for _, r := range rules {
		if r.Evaluated > 0 {
			return true
		}
	}
	return false
}
