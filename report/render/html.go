// Package render writes a report in other forms than report.json: for people, and for
// other programs. It judges nothing: it writes what the [report.Report] says, and pages,
// CSV and exports add what a run was second by second, which only the measurement has.
package render

import (
	_ "embed"
	"fmt"
	"math"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
	"mfaload/scenario"
)

//go:embed report.css
var htmlStyle string

// htmlMarks say the verdict without a colour.
var htmlMarks = map[report.Verdict]string{report.Pass: "✓", report.Fail: "✕", report.Inconclusive: "?",
	report.Interrupted: "■"}

// Bounds on what the page lists; report.json has the rest.
const (
	htmlViolations = 50
	htmlOpen       = 3 // violations whose example is open
	htmlGroups     = 100
	htmlKinds      = 40
	htmlThresholds = 200
	htmlReasons    = 50
	htmlRules      = 200
	htmlMachines   = 256
	htmlScenario   = 256 << 10 // characters of its text
	htmlProblems   = 12
	htmlErrors     = 60
	htmlChanges    = 60
)

// htmlPage is what the page shows.
type htmlPage struct {
	*report.Report
	m        *measure.Measurement
	terms    []*scenario.Threshold // what the thresholds are about
	drawing  *drawing              // nil if nothing was sent
	problems []unmetThreshold
	errors   []errorKind
}

// HTML returns a report as report.html: a page of its own that needs nothing
// else. The measurement is the one that the report judges.
func HTML(r *report.Report, m *measure.Measurement) ([]byte, error) {
	p := &htmlPage{Report: r, m: m, terms: thresholdTerms(r, m), drawing: newDrawing(r, m)}
	p.findProblems()
	title := fmt.Sprintf("%s: %s – mfaload", strings.ToUpper(string(r.Verdict)), text.Brief(r.Scenario, 100))
	return chart.Page(title, htmlStyle, p.header(), p.wrong(), p.tiles(), chart.Sections(
		chart.PageSection{ID: "thresholds", Title: "Thresholds", Body: p.thresholds()},
		chart.PageSection{ID: "baseline", Title: "Compared with the baseline", Body: p.baseline()},
		chart.PageSection{ID: "errors", Title: "Errors", Body: p.errorTable()},
		chart.PageSection{ID: "run", Title: "Over the run", Body: p.overTime()},
		chart.PageSection{ID: "times", Title: "Response times", Body: p.times()},
		chart.PageSection{ID: "slow", Title: "Why slow requests were slow", Body: p.slow()},
		chart.PageSection{ID: "groups", Title: "Groups", Body: p.groups()},
		chart.PageSection{ID: "steps", Title: "Steps that followed", Body: p.flow()},
		chart.PageSection{ID: "responses", Title: "Responses", Body: p.responses()},
		chart.PageSection{ID: "violations", Title: "Contract", Body: p.contract()},
		chart.PageSection{ID: "machines", Title: "Machines", Body: p.machines()},
		chart.PageSection{ID: "generator", Title: "Load generator", Body: p.generator()},
		chart.PageSection{ID: "scenario", Title: "Scenario", Body: p.scenario()},
		chart.PageSection{ID: "files", Title: "Files", Body: p.files()},
	))
}

// secondsThat are the seconds of the judged part that something holds for.
type secondsThat struct {
	holds   func(*measure.Second) (value float64, holds bool)
	seconds []int64 // that have it
	// worst is the largest value, and worstAt its second.
	worst   float64
	worstAt int64
}

// examine finds the seconds of the judged part for all conditions in one pass.
func examine(m *measure.Measurement, conditions []*secondsThat) (seconds int) {
	start := int64(m.Main.Start.Seconds())
	for s := range m.Seconds.Between(start, math.MaxInt64) {
		seconds++
		for _, c := range conditions {
			value, holds := c.holds(s)
			if !holds {
				continue
			}
			if len(c.seconds) == 0 || value > c.worst {
				c.worst, c.worstAt = value, s.Second
			}
			c.seconds = append(c.seconds, s.Second)
		}
	}
	return seconds
}

// whenText says when those were: in which spans, or how often, and first and last.
func (c *secondsThat) whenText(of int) string {
	n := len(c.seconds)
	switch {
	case n == 0:
		return ""
	case n == of && n > 1:
		return "in every second"
	case len(spansOf(c.seconds)) <= 3:
		return spansText(c.seconds)
	}
	return fmt.Sprintf("in %s of %s seconds, the first at %s, the last at %s", number.Count(uint64(n)),
		number.Count(uint64(of)), chart.ClockText(float64(c.seconds[0])),
		chart.ClockText(float64(c.seconds[n-1])))
}
