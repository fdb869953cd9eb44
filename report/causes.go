package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
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

// violationCauses are the rules that the responses of a group broke at level fail, or
// those of all where it is below 0. Thresholds of all share them.
func (j *judgement) violationCauses(group int) []Cause {
	if group >= 0 && len(j.measurement.Groups) > 1 {
		return sortCauses(j.brokenRules(func(g *measure.ViolationGroup) uint64 {
			if group < len(g.ByGroup) {
				return g.ByGroup[group]
			}
			return 0
		}))
	}
	if j.broken == nil {
		j.broken = sortCauses(j.brokenRules(func(g *measure.ViolationGroup) uint64 { return g.Count - g.InWarmup }))
	}
	return j.broken
}

// brokenRules are the rules that were broken at level fail, as often as counted says.
func (j *judgement) brokenRules(counted func(*measure.ViolationGroup) uint64) []Cause {
	causes := []Cause{}
	for _, g := range j.measurement.Violations {
		n := counted(g)
		if n == 0 || !g.Fails {
			continue
		}
		what := g.Rule
		if g.Pointer != "" {
			what += " at " + g.Pointer
		}
		causes = append(causes, Cause{text.Brief(what, text.MaxName), n})
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
		texts = append(texts, fmt.Sprintf("%s × %s", number.Count(c.Count), c.What))
	}
	return strings.Join(texts, ", ")
}
