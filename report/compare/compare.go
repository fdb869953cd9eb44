// Package compare says whether new runs are better or worse than earlier ones,
// or that the measurements do not tell. Requests of one run hang together:
// they wait in the same queues and stand in the same stalls. So runs are the
// units where there are enough of them, and blocks of seconds else.
package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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
	// AllowDrift does not mind when the answers' shape changed.
	AllowDrift bool
	// Resamples is how often the seconds are drawn anew; 0 means 2,000, or more
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
	Reasons []string  `json:"reasons"`
	// Obstacles say why the runs can't be compared. Where there are some, and no
	// force, there are no rows.
	Obstacles []string    `json:"obstacles"`
	Forced    bool        `json:"forced,omitempty"`
	Base      Side        `json:"base"`
	New       Side        `json:"new"`
	Unit      Unit        `json:"unit"`
	Level     float64     `json:"level"`
	Rows      []MetricRow `json:"rows"`
	Shifts    []Shift     `json:"shifts"`
	Drift     []Drift     `json:"drift"`
	Remarks   []string    `json:"remarks"`
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
		Reasons: []string{}, Rows: []MetricRow{}, Shifts: []Shift{}, Drift: []Drift{}, Remarks: []string{}}
	c.Obstacles = obstacles(base, fresh)
	if len(c.Obstacles) == 0 {
		c.Forced = false
	} else if !o.Force {
		c.Verdict = Unclear
		c.Reasons = append(c.Reasons, "the runs can't be compared")
		return c, nil
	}
	chosen, err := choose(o.Metrics)
	if err != nil {
		return nil, err
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
		s.Runs = append(s.Runs, RunInfo{Name: r.Name, Scenario: m.Scenario, Version: m.Version,
			Started: m.Started, Labels: maps.Clone(m.Labels), Duration: m.Main.Planned.Seconds(),
			Sent: m.Main.Sent()})
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
		results = byRuns(base, fresh, parts, chosen)
		c.shiftsBySeconds(base, fresh, parts, chosen)
	} else {
		var err error
		if results, err = c.bySeconds(base, fresh, parts, chosen, o); err != nil {
			return err
		}
	}
	for _, r := range results {
		c.Rows = append(c.Rows, r.row(o.Margins))
	}
	c.rateRemarks(results, o.Margins)
	c.remark(base, fresh)
	return nil
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
		c.Reasons = append(c.Reasons, "the answers do not look the same any more")
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
		c.Reasons = append(c.Reasons, fmt.Sprintf("no regression beyond the margins in %d figures",
			len(c.Rows)))
	}
}

// leaveUnjudged takes the judgements from figures that only force compares: what
// differs may be what should have been the same.
func (c *Comparison) leaveUnjudged() {
	for i := range c.Rows {
		r := &c.Rows[i]
		r.Judgement, r.RuledOut, r.Needed, r.Requests = NotJudged, false, 0, 0
	}
	c.Verdict = Unclear
	c.Reasons = append(c.Reasons, "the runs can't be compared: their figures are shown, and not judged")
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
		all = append(all, fmt.Sprintf("… and %s more: %s", number.Plural(more, "figure"), j))
	}
	return all
}

// remark says what a reader should know of how it was compared.
func (c *Comparison) remark(base, fresh []Run) {
	if n := min(len(base), len(fresh)); n < runsMin {
		c.Remarks = append(c.Remarks, fmt.Sprintf(
			"the units are seconds of %s: what differs from run to run for another reason (a neighbour, a "+
				"restart, the time of day) counts as a change; compare %d or more runs a side to tell it "+
				"apart",
			number.Plural(len(base)+len(fresh), "run"), runsMin))
	}
	for _, r := range slices.Concat(base, fresh) {
		if v := base[0].Measurement.Version; r.Measurement.Version != v {
			c.Remarks = append(c.Remarks, fmt.Sprintf("%s was measured by mfaload %s, %s by %s", base[0].Name,
				cmp.Or(v, "?"), r.Name, cmp.Or(r.Measurement.Version, "?")))
			break
		}
	}
}
