package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mfaload/contract"
	"mfaload/live/console"
)

// ruleCounts counts how often each rule was looked at and broken.
type ruleCounts struct {
	rules                []contract.Rule
	evaluated, violating map[string]int
}

func newRuleCounts(c *contract.Contract) *ruleCounts {
	return &ruleCounts{rules: c.Rules(), evaluated: map[string]int{}, violating: map[string]int{}}
}

func (t *ruleCounts) add(ex *contract.Exchange, found []contract.Violation) {
	for i, r := range t.rules {
		if i/64 < len(ex.Evaluated) && ex.Evaluated[i/64]>>(i%64)&1 == 1 {
			t.evaluated[r.Name]++
		}
	}
	broken := map[string]bool{}
	for _, v := range found {
		broken[v.Rule] = true
	}
	for name := range broken {
		t.violating[name]++
	}
}

// The states of a rule, in the order in which they are shown.
var states = []string{"violated", "found", "passed", "not reached", "off"}

func (t *ruleCounts) state(r contract.Rule) string {
	switch {
	case r.Level == contract.Off:
		return "off"
	case t.violating[r.Name] > 0 && r.Level == contract.Fail:
		return "violated"
	case t.violating[r.Name] > 0:
		return "found"
	case t.evaluated[r.Name] > 0:
		return "passed"
	}
	return "not reached"
}

// write shows every rule.
func (t *ruleCounts) write(c *console.Console) {
	fmt.Fprintln(c.Out, "\nrules")
	rules := slices.Clone(t.rules)
	slices.SortStableFunc(rules, func(a, b contract.Rule) int {
		return cmp.Compare(slices.Index(states, t.state(a)), slices.Index(states, t.state(b)))
	})
	colors := map[string]string{"violated": "31", "found": "33", "passed": "32"}
	for _, r := range rules {
		state := t.state(r)
		counts := ""
		switch state {
		case "violated", "found":
			counts = fmt.Sprintf("%d of %d", t.violating[r.Name], max(t.evaluated[r.Name],
				t.violating[r.Name]))
		case "passed":
			counts = fmt.Sprint(t.evaluated[r.Name])
		}
		line := fmt.Sprintf("  %s  %-24s %s", c.Paint(cmp.Or(colors[state], "2"),
			fmt.Sprintf("%-11s", state)), r.Name, counts)
		fmt.Fprintln(c.Out, strings.TrimRight(line, " "))
	}
}

// summary counts the rules by state.
func (t *ruleCounts) summary() string {
	counts := map[string]int{}
	for _, r := range t.rules {
		counts[t.state(r)]++
	}
	var parts []string
	for _, s := range states {
		if counts[s] > 0 || s == "violated" {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	return strings.Join(parts, ", ")
}
