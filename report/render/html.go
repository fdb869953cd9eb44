// Package render writes a report in other forms than report.json: for people, and for
// other programs. It judges nothing: it writes what the [report.Report] says, and pages,
// CSV and exports add what a run was second by second, which only the measurement has.
package render

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"

	g "maragu.dev/gomponents"

	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
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
)

type htmlPage struct {
	*report.Report
	Wide, Charts g.Group
	Judged       []htmlThreshold
	Answers      []htmlAnswer
	Shown        []report.Violation
	Few          []report.Group
	// MoreAnswers and the like are how many are not listed.
	MoreAnswers, MoreViolations, MoreGroups, MoreThresholds int
	// Machines are the shards, the first row their head.
	Machines [][]string

	Rules                   []report.Coverage
	NeverRules, BrokenRules []string
	Evaluated               int
	// Open is how many violations are shown with their example.
	Open int
}

type htmlThreshold struct {
	report.Threshold
	Close string
	// Fill is how much of its bar is full, in percent; the limit is at 75.
	Fill float64
}

type htmlAnswer struct {
	Name    string
	Missing bool
	Count   uint64
}

// HTML returns a report as report.html: a page of its own that needs nothing
// else. The measurement is the one that the report judges.
func HTML(r *report.Report, m *measure.Measurement) ([]byte, error) {
	p := &htmlPage{Report: r, Open: htmlOpen}
	if !m.Seconds.Empty() {
		wide, others := newDrawing(r, m).all()
		for _, c := range wide {
			p.Wide = append(p.Wide, c.HTML(fmt.Sprintf("chart-%d", len(p.Wide)+1)))
		}
		for _, c := range others {
			p.Charts = append(p.Charts, c.HTML(fmt.Sprintf("chart-%d", len(p.Wide)+len(p.Charts)+1)))
		}
	}
	p.lists()
	p.coverage()
	title := fmt.Sprintf("%s: %s – mfaload", strings.ToUpper(string(r.Verdict)), text.Brief(r.Scenario, 100))
	return chart.Page(title, htmlStyle, p.body()...)
}

func (p *htmlPage) lists() {
	r := p.Report
	thresholds := report.MissedFirst(r.Thresholds, htmlThresholds)
	p.MoreThresholds = max(0, len(thresholds)-htmlThresholds)
	for _, t := range thresholds[:len(thresholds)-p.MoreThresholds] {
		p.Judged = append(p.Judged, closeness(t))
	}
	p.Shown = r.Violations[:min(len(r.Violations), htmlViolations)]
	p.MoreViolations = len(r.Violations) - len(p.Shown)
	p.Few = foremost(r.Groups, htmlGroups)[:min(len(r.Groups), htmlGroups)]
	p.MoreGroups = len(r.Groups) - len(p.Few)
	for _, kind := range mostFirst(r.Statuses) {
		p.Answers = append(p.Answers, htmlAnswer{kind, false, r.Statuses[kind]})
	}
	for _, kind := range mostFirst(r.Figures.Errors) {
		p.Answers = append(p.Answers, htmlAnswer{kind, true, r.Figures.Errors[kind]})
	}
	p.MoreAnswers = max(0, len(p.Answers)-htmlKinds)
	p.Answers = p.Answers[:len(p.Answers)-p.MoreAnswers]
	if len(r.Shards) > 0 {
		p.Machines = shardRows("", r.Shards[:min(len(r.Shards), htmlMachines)])
	}
}

// coverage puts broken rules first and those that were not tested next.
func (p *htmlPage) coverage() {
	p.Rules = slices.Clone(p.Report.Coverage)
	order := func(c report.Coverage) int {
		switch {
		case c.Violated > 0:
			return 0
		case c.Evaluated == 0:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(p.Rules, func(a, b report.Coverage) int { return order(a) - order(b) })
	for _, c := range p.Rules {
		switch {
		case c.Evaluated == 0:
			p.NeverRules = append(p.NeverRules, c.Rule)
		case c.Violated > 0:
			p.BrokenRules = append(p.BrokenRules, c.Rule)
		}
		if c.Evaluated > 0 {
			p.Evaluated++
		}
	}
}

func closeness(t report.Threshold) htmlThreshold {
	h := htmlThreshold{Threshold: t}
	if t.State == report.NoData {
		return h
	}
	away := math.Abs(t.Observed - t.Limit)
	side := map[bool]string{true: "below", false: "above"}[t.Observed < t.Limit]
	switch {
	case t.Limit == 0 && t.Observed == 0:
		h.Close = "0 (limit 0)"
	case t.Limit == 0:
		h.Close, h.Fill = "limit 0", 100
	case t.Unit == "%":
		h.Close = chart.Digits(away) + " percentage points " + side
		if chart.Digits(away) == "1" {
			h.Close = "1 percentage point " + side
		}
	default:
		h.Close = chart.Digits(100*away/t.Limit) + " % " + side
	}
	if away == 0 && t.Limit > 0 {
		h.Close = "at the limit"
	}
	if t.Limit > 0 {
		h.Fill = math.Round(min(100, 75*t.Observed/t.Limit)*10) / 10
	}
	return h
}
