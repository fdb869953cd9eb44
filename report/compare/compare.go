// Package compare says whether new runs are better or worse than earlier ones,
// or that the measurements do not tell. Requests of one run are correlated:
// they wait in the same queues and stand in the same stalls. So runs are the
// units where there are enough of them, and blocks of seconds else.
package compare

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/report"
)

// Schema names the format of compare.json.
const Schema = "mfaload/compare/v1"

// Judgement is what a comparison comes to.
type Judgement string

const (
	// Better means that a figure improved by more than its margin, and not by
	// chance.
	Better Judgement = "better"
	// Worse means that it got worse by more than its margin, and not by chance.
	Worse Judgement = "worse"
	// Same means that no difference was found, and that a regression beyond the
	// margin is ruled out.
	Same Judgement = "no difference found"
	// Unclear means that a regression beyond the margin is neither found nor
	// ruled out.
	Unclear Judgement = "can't tell"
	// NotJudged is of figures that can't be compared, and are shown by force.
	NotJudged Judgement = "not judged"
)

// word is the judgement as people read it.
func (j Judgement) word() string {
	if j == Unclear {
		return "undecided"
	}
	return string(j)
}

// ChangeRule says when a change beyond the margin counts.
type ChangeRule string

const (
	// Different wants a change that is above the margin, and that is none by chance: one of exactly the
	// margin is called in every second case.
	Different ChangeRule = "different"
	// Beyond wants one whose part above the margin is none by chance.
	Beyond ChangeRule = "beyond"
)

// Run is one run of a side.
type Run struct {
	// Name is what the user calls it: its results folder.
	Name string
	// Verdict is what its report says; empty where there is none.
	Verdict     report.Verdict
	Measurement *measure.Measurement
}

// Options say how to compare.
type Options struct {
	// Margins are changes that nobody minds.
	Margins Margins
	// Metrics are names or patterns of those to compare; empty means all.
	Metrics []string
	// Force compares what can't be compared, and marks it: it gets no judgement.
	Force bool
	// Between is what the times of runs of the same service differ by, as their standard deviation: a share,
	// 0 if nobody knows. Runs that are enough to tell are believed instead.
	Between float64
	// Rule is [Different] where it is empty.
	Rule ChangeRule
	// AllowDrift does not mind when the responses' shape changed.
	AllowDrift bool
	// Resamples is how often the seconds are drawn again; 0 means 2,000, or more
	// where many figures are compared.
	Resamples int
}

// Level is the probability of calling any difference in a whole comparison
// where there is none.
const Level = 0.05

// Comparison is a finished comparison. Times are in milliseconds.
type Comparison struct {
	Schema  string    `json:"schema"`
	Verdict Judgement `json:"verdict"`
	// Conclusion is the comparison in one sentence. Reasons are the figures that decide, one by one, and a
	// change of the responses' shape.
	Conclusion string   `json:"conclusion"`
	Reasons    []string `json:"reasons"`
	// Obstacles say why the runs can't be compared. Where there are some, and no
	// force, there are no rows.
	Obstacles []string `json:"obstacles"`
	Forced    bool     `json:"forced,omitempty"`
	Base      Side     `json:"base"`
	New       Side     `json:"new"`
	Unit      Unit     `json:"unit"`
	Level     float64  `json:"level"`
	// Between is what runs of the same service are taken to differ by, in percent of their times: given, or
	// what is usual where UnlessRunsDiffer is set. Then nothing tells what differs from run to run.
	Between          float64 `json:"between,omitempty"`
	UnlessRunsDiffer bool    `json:"unless_runs_differ,omitempty"`
	// Rule says when a change counts: "different" or "beyond" the margin.
	Rule ChangeRule `json:"rule"`
	// Rows are all figures, Primary those that decide.
	Rows    []MetricRow `json:"rows"`
	Shifts  []Shift     `json:"shifts"`
	Drift   []Drift     `json:"drift"`
	Remarks []string    `json:"remarks"`
}

// Side is what one side is made of.
type Side struct {
	Runs []RunInfo `json:"runs"`
}

// RunInfo is a run.
type RunInfo struct {
	Name     string    `json:"name"`
	Scenario string    `json:"scenario"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	// Target is where its requests went.
	Target string `json:"target,omitempty"`
	// Labels are what the run was given to be found by.
	Labels   measure.RunLabels `json:"labels,omitempty"`
	Duration float64           `json:"duration_s"`
	Sent     uint64            `json:"sent"`
}

// Unit is what was taken to be independent, or drawn in blocks until it was.
type Unit struct {
	// Kind is "runs" or "seconds".
	Kind string `json:"kind"`
	// Seconds is the length of a unit; 0 for runs.
	Seconds int `json:"seconds,omitempty"`
	// Base and New are how many there are.
	Base int `json:"base"`
	New  int `json:"new"`
	// Paired says that the seconds of both sides were drawn together, as both ran
	// the same schedule.
	Paired bool `json:"paired,omitempty"`
}

// Compare compares runs, at least one a side.
func Compare(base, fresh []Run, o Options) (*Comparison, error) {
	if len(base) == 0 || len(fresh) == 0 {
		return nil, fmt.Errorf("compare: a side has no run: name at least one a side")
	}
	c := &Comparison{Schema: Schema, Level: Level, Base: side(base), New: side(fresh), Forced: o.Force,
		Rule: cmp.Or(o.Rule, Different), Reasons: []string{}, Rows: []MetricRow{}, Shifts: []Shift{},
		Drift: []Drift{}, Remarks: []string{}}
	c.Obstacles = obstacles(base, fresh)
	if len(c.Obstacles) == 0 {
		c.Forced = false
	} else if !o.Force {
		c.Verdict = Unclear
		c.Conclusion = "the runs can't be compared"
		c.Reasons = append(c.Reasons, c.Conclusion)
		return c, nil
	}
	chosen, err := choose(o.Metrics)
	if err != nil {
		return nil, err
	}
	chosen, why := withGoodput(chosen, slices.Concat(base, fresh))
	if why != "" {
		c.Remarks = append(c.Remarks, why)
	}
	if err := c.compare(base, fresh, chosen, o); err != nil {
		return nil, err
	}
	c.Drift = drift(base, fresh)
	c.judge(o)
	return c, nil
}

func side(runs []Run) (s Side) {
	for _, r := range runs {
		m := r.Measurement
		terms, _ := report.DecodeTerms(m) // those of an earlier version may tell no target
		s.Runs = append(s.Runs, RunInfo{Name: r.Name, Scenario: m.Scenario, Version: m.Version,
			Target: terms.Target, Started: m.Started, Labels: maps.Clone(m.Labels),
			Duration: m.Main.Planned.Seconds(), Sent: m.Main.Sent()})
	}
	return s
}

// runsMin is from how many runs a side on runs are the units.
const runsMin = 4

func (c *Comparison) compare(base, fresh []Run, chosen []metricSpec, o Options) error {
	for _, r := range slices.Concat(base, fresh) {
		if r.Measurement.Main.Sent() == 0 {
			return fmt.Errorf("compare: %s sent no request in its judged part: leave it out", r.Name)
		}
		if r.Measurement.SecondsLost != "" {
			return fmt.Errorf("compare: %s has lost its seconds: leave it out", r.Name)
		}
	}
	parts := c.withRequests(scopesOf(base, fresh), base, fresh)
	var results []testResult
	if min(len(base), len(fresh)) >= runsMin {
		c.Unit = Unit{Kind: "runs", Base: len(base), New: len(fresh)}
		results = byRuns(base, fresh, parts, chosen, o)
		c.shiftsBySeconds(base, fresh, parts, chosen)
	} else {
		var err error
		if results, err = c.bySeconds(base, fresh, parts, chosen, o); err != nil {
			return err
		}
	}
	unknown := 0.0
	switch {
	case len(base)+len(fresh)-2 >= runsFreedomMin || together(base[0], fresh[0]):
	case o.Between > 0:
		c.Between = 100 * o.Between
	default:
		unknown, c.Between, c.UnlessRunsDiffer = usualBetween, 100*usualBetween, true
	}
	for _, r := range results {
		c.Rows = append(c.Rows, r.row(o, unknown))
	}
	c.rateRemarks(results, o.Margins)
	c.remark(base, fresh)
	return nil
}

// withGoodput leaves goodput out if not all runs counted good responses by the same limits, and says so
// if one of them counted any.
func withGoodput(chosen []metricSpec, runs []Run) (kept []metricSpec, why string) {
	counted, first := false, runs[0].Measurement.GoodWithin
	alike := len(first) > 0
	for _, r := range runs {
		limits := r.Measurement.GoodWithin
		counted, alike = counted || len(limits) > 0, alike && slices.Equal(limits, first)
	}
	i := slices.IndexFunc(chosen, func(m metricSpec) bool { return m.kind == goodput })
	if alike || i < 0 {
		return chosen, ""
	}
	if counted {
		why = "goodput is not compared: the runs differ in the limits of a good response, or a version of " +
			"mfaload that did not count them measured some of the runs"
	}
	return slices.Delete(slices.Clone(chosen), i, i+1), why
}

// together says whether two runs were sent at the same instants: what differs from run to run is the same for
// both then.
func together(a, b Run) bool {
	return a.Measurement.Started.Sub(b.Measurement.Started).Abs() < time.Second
}

// withRequests leaves out the groups that a run sent nothing for.
func (c *Comparison) withRequests(parts []scope, base, fresh []Run) []scope {
	return slices.DeleteFunc(parts, func(p scope) bool {
		for _, r := range slices.Concat(base, fresh) {
			if counts := r.Measurement.Main.Counts(p.group); p.group >= 0 && counts.Sent() == 0 {
				c.Remarks = append(c.Remarks, fmt.Sprintf("%s sent nothing for %s, which is not compared "+
					"by itself", r.Name, p.name))
				return true
			}
		}
		return false
	})
}

// judge sums the rows up.
func (c *Comparison) judge(o Options) {
	if c.Forced {
		c.leaveUnjudged()
		return
	}
	count := map[Judgement]int{}
	for _, r := range c.Rows {
		if !r.Informs {
			count[r.Judgement]++
		}
	}
	clear := slices.ContainsFunc(c.Drift, func(d Drift) bool { return d.Clear }) && !o.AllowDrift
	if clear {
		c.Reasons = append(c.Reasons, "the shape of the responses changed")
	}
	for _, j := range []Judgement{Worse, Unclear, Better} {
		c.Reasons = append(c.Reasons, c.rowsOf(j)...)
	}
	switch {
	case count[Worse] > 0 || clear:
		c.Verdict = Worse
	case count[Unclear] > 0:
		c.Verdict = Unclear
	case count[Better] > 0:
		c.Verdict = Better
	default:
		c.Verdict = Same
	}
	c.conclude(clear)
	if c.Verdict == Same {
		c.Reasons = append(c.Reasons, c.Conclusion)
	}
}

// conclude says in one sentence what the figures that decide say.
func (c *Comparison) conclude(drifted bool) {
	texts := map[Judgement][]string{}
	for _, r := range c.Rows {
		if r.Informs {
			continue
		}
		text := r.name()
		switch r.Judgement {
		case Worse, Better:
			text += " " + r.change(r.Change)
		case Unclear:
			if r.Needed > 0 {
				text += " (" + needs(r.Needed) + ")"
			}
		case Same:
			text += " at most " + r.change(r.worst())
		}
		texts[r.Judgement] = append(texts[r.Judgement], text)
	}
	some := func(list []string) string {
		if more := len(list) - reasonsMax; more > 0 {
			return strings.Join(list[:reasonsMax], ", ") + fmt.Sprintf(" and %d more", more)
		}
		return strings.Join(list, ", ")
	}
	var parts []string
	if drifted {
		parts = append(parts, "the shape of the responses changed")
	}
	for _, j := range []Judgement{Worse, Unclear, Better} {
		if len(texts[j]) > 0 {
			parts = append(parts, j.word()+": "+some(texts[j]))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no regression beyond the margins: "+some(texts[Same]))
	}
	c.Conclusion = strings.Join(parts, "; ")
	if c.UnlessRunsDiffer && len(texts[Worse])+len(texts[Better]) > 0 {
		c.Conclusion += fmt.Sprintf("; unless runs differ by more than the usual %.0f%%, which one run a "+
			"side can't tell", c.Between)
	}
}

// leaveUnjudged takes the judgements from figures that only force compares: what
// differs may be what should have been the same.
func (c *Comparison) leaveUnjudged() {
	for i := range c.Rows {
		r := &c.Rows[i]
		r.Judgement, r.RuledOut, r.Needed, r.Requests = NotJudged, false, 0, 0
	}
	c.Verdict, c.Conclusion = Unclear, "the runs can't be compared: their figures are shown, and not judged"
	c.Reasons = append(c.Reasons, c.Conclusion)
}

// reasonsMax is how many figures of a judgement are named among the reasons.
const reasonsMax = 6

// rowsOf names the figures of a judgement, the whole before its groups.
func (c *Comparison) rowsOf(j Judgement) (all []string) {
	more := 0
	for _, r := range c.Rows {
		switch {
		case r.Judgement != j || r.Informs:
		case len(all) == reasonsMax:
			more++
		default:
			all = append(all, r.String())
		}
	}
	if more > 0 {
		all = append(all, fmt.Sprintf("… and %s more: %s", number.Plural(more, "figure"), j.word()))
	}
	return all
}

// remark says what a reader should know of how it was compared.
func (c *Comparison) remark(base, fresh []Run) {
	if c.UnlessRunsDiffer {
		c.Remarks = append(c.Remarks, fmt.Sprintf(
			"seconds of %s do not tell what differs from run to run (a neighbor, a restart, the time of "+
				"day): times are called worse or better by their margin and %g percentage points more, "+
				"which is what runs usually differ by; compare %d or more runs a side or a folder of "+
				"earlier runs, or say what yours differ by (--between 2%%)",
			number.Plural(len(base)+len(fresh), "run"), c.Between, runsMin))
	}
	c.protocolRemark(slices.Concat(base, fresh))
	for _, r := range slices.Concat(base, fresh) {
		if v := base[0].Measurement.Version; r.Measurement.Version != v {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s was measured by mfaload %s, %s by %s", base[0].Name,
				cmp.Or(v, "?"), r.Name, cmp.Or(r.Measurement.Version, "?")))
			break
		}
	}
}

// protocolRemark says of the first run that spoke another protocol than the first of all.
func (c *Comparison) protocolRemark(runs []Run) {
	spoken := func(r Run) string {
		return strings.Join(slices.Sorted(maps.Keys(r.Measurement.Protocols())), " and ")
	}
	first := spoken(runs[0])
	for _, r := range runs[1:] {
		if other := spoken(r); first != "" && other != "" && other != first {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s spoke %s, %s %s: the protocol may be why they "+
				"differ; set target.protocol to compare one protocol", runs[0].Name, first, r.Name, other))
			return
		}
	}
}

// Decode reads what compare.json holds.
func Decode(data []byte) (*Comparison, error) {
	var c Comparison
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("it is not what 'mfaload compare' writes: %w", err)
	}
	if c.Schema != Schema {
		return nil, fmt.Errorf("its schema is %q, not %q", c.Schema, Schema)
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		r.points = slices.ContainsFunc(metrics, func(m metricSpec) bool {
			return m.name == r.Metric && m.kind.share()
		})
	}
	return &c, nil
}

//go:embed compare.schema.json
var compareSchema []byte

//go:embed history.schema.json
var historySchema []byte

// JSONSchema returns the JSON Schema of a [Comparison].
func JSONSchema() []byte { return compareSchema }

// HistoryJSONSchema returns the JSON Schema of a [History].
func HistoryJSONSchema() []byte { return historySchema }
