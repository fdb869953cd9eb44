package render

import (
	"fmt"
	"slices"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
)

// steps are those that followed requests, if any did.
func steps(r *report.Report) []report.Group {
	if r.Flow == nil {
		return nil
	}
	return r.Flow.Steps
}

// sentSteps are those that send something: nobody who abandons the flow does.
func sentSteps(r *report.Report) []report.Group {
	return slices.DeleteFunc(slices.Clone(steps(r)), func(s report.Group) bool {
		return s.Requests.Scheduled == 0 && s.Skipped[measure.Abandoned] > 0
	})
}

// stepText says how a step ended that was sent, and why it was not: "380 × 200 COMPLETED, 20 abandoned".
func stepText(s *report.Group) string {
	var parts []string
	for _, ends := range []struct {
		of   map[string]uint64
		sign string
	}{{s.Statuses, " × "}, {s.Errors, " × "}, {s.Withheld, " "}, {s.Skipped, " "}} {
		for _, name := range mostFirst(ends.of) {
			parts = append(parts, number.Count(ends.of[name])+ends.sign+name)
		}
	}
	return strings.Join(parts, ", ")
}

// flow are the figures of the steps, and what responses to them break.
func (p *htmlPage) flow() g.Node {
	f := p.Flow
	if f == nil {
		return nil
	}
	few := f.Steps[:min(len(f.Steps), htmlGroups)]
	table := chart.Scroll("steps that followed requests",
		h.THead(chart.Head("step", "scheduled", "as expected", "unexpected", "violating", "failed", "unsent",
			"429", "p50 ms", "p95 ms", "p99 ms", "max ms", "responses, and why steps were not sent")),
		h.TBody(g.Map(few, func(one report.Group) g.Node {
			return chart.Row(h.Td(brief(one.Name)), requestCells(one.Requests), timesOf(&one.Figures),
				h.Td(brief(stepText(&one))))
		})),
		h.TFoot(chart.Row(h.Th(h.Scope("row"), g.Text("all")), requestCells(f.Requests), timesOf(&f.Figures),
			h.Td())))
	all := g.Group{table, moreIn(len(f.Steps)-len(few), "steps"),
		soft(g.Text("Steps follow requests whose response was as expected, and count nowhere else. The " +
			"times are response times: from when a step was due to its last byte."))}
	for i, v := range f.Violations[:min(len(f.Violations), htmlViolations)] {
		all = append(all, violationDetails(v, i == 0), g.Text("\n"))
	}
	return append(all, moreIn(len(f.Violations)-htmlViolations, "violations"))
}

func (m *markdown) flow(r *report.Report) {
	if r.Flow == nil {
		return
	}
	m.title("Steps that followed requests")
	m.head("", "sent", "as expected", "unexpected", "violating", "failed", "unsent", "p50 ms", "p95 ms",
		"p99 ms")
	m.rows(len(r.Flow.Steps), "steps", func(i int) []string {
		s := &r.Flow.Steps[i]
		q, t := s.Requests, &s.Response
		return []string{code(s.Name), number.Count(q.Sent), number.Count(q.AsExpected),
			number.Count(q.Unexpected), number.Count(q.Violating), number.Count(q.Failed),
			number.Count(q.Unsent), t.Text("p50"), t.Text("p95"), t.Text("p99")}
	})
	m.violations("Violations by responses to steps", r.Flow.Violations)
}

// junitSteps fails a step whose responses break a rule at level fail, and skips one that was not sent.
func junitSteps(r *report.Report) (cases []junitCase) {
	for _, s := range steps(r) {
		q := s.Requests
		c := junitCase{Name: s.Name}
		figures := fmt.Sprintf("%d of %d steps sent: %d as expected, %d unexpected, %d violating, "+
			"%d failed; response p95 %s ms", q.Sent, q.Scheduled, q.AsExpected, q.Unexpected, q.Violating,
			q.Failed, s.Response.Text("p95"))
		switch {
		case q.Violating > 0:
			c.Failure = &junitResult{Message: fmt.Sprintf("%d responses break the contract", q.Violating),
				Type: "rule", Text: figures}
		case q.Sent == 0:
			c.Skipped = &junitResult{Message: strings.TrimSpace("no step was sent " + stepText(&s))}
		default:
			c.Out = figures
		}
		cases = append(cases, c)
	}
	return cases
}
