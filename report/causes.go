package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mfaload/measure"
)

// errorCauses are what the error rate consists of: failures, responses other than
// expected, arrivals that were never sent.
func (s *sum) errorCauses() (causes []Cause) {
	for what, n := range s.errors {
		if what == measure.IdleClosed {
			continue
		}
		causes = append(causes, Cause{what, n})
	}
	for what, n := range s.unexpected {
		causes = append(causes, Cause{what, n})
	}
	if n := s.NeverSent(); n > 0 {
		causes = append(causes, Cause{"unsent", n})
	}
	return sortCauses(causes)
}

// violationCauses are the rules that were broken at level fail, of all groups.
// Thresholds share them.
func (j *judgement) violationCauses() []Cause {
	if j.broken == nil {
		j.broken = sortCauses(j.brokenRules())
	}
	return j.broken
}

func (j *judgement) brokenRules() []Cause {
	causes := []Cause{}
	for _, v := range j.report.Violations {
		if v.Level != "fail" {
			continue
		}
		what := v.Rule
		if v.Pointer != "" {
			what += " at " + v.Pointer
		}
		causes = append(causes, Cause{plain(what, longest), v.Count})
	}
	return causes
}

func sortCauses(causes []Cause) []Cause {
	slices.SortFunc(causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return causes
}

// maxNamedCauses bounds how many causes a text names.
const maxNamedCauses = 4

func causesText(causes []Cause) string {
	var texts []string
	for i, c := range causes {
		if i == maxNamedCauses {
			texts = append(texts, fmt.Sprintf("%d more in report.json", len(causes)-maxNamedCauses))
			break
		}
		texts = append(texts, fmt.Sprintf("%s × %s", count(c.Count), c.What))
	}
	return strings.Join(texts, ", ")
}
