package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/stat"
)

// HistorySchema names the format of a history's JSON.
const HistorySchema = "mfaload/history/v1"

// HistoryMin is how many runs a history has to have to tell anything.
const HistoryMin = 6

// History is how figures went from run to run.
type History struct {
	Schema  string    `json:"schema"`
	Verdict Judgement `json:"verdict"`
	Reasons []string  `json:"reasons"`
	// Runs are in the order in which they were started.
	Runs []RunInfo `json:"runs"`
	// LeftOut says which runs can't be compared with the last one, and why.
	LeftOut []string `json:"left_out"`
	// Obstacles say which runs are compared by force only, and why: no change is
	// judged then.
	Obstacles []string        `json:"obstacles,omitempty"`
	Level     float64         `json:"level"`
	Lines     []MetricHistory `json:"lines"`

	untimed bool // the times were to be followed, and can't be
}

// MetricHistory is one figure from run to run.
type MetricHistory struct {
	Group   string    `json:"group,omitempty"`
	Metric  string    `json:"metric"`
	Unit    string    `json:"unit"`
	Values  []float64 `json:"values"`
	Changes []Change  `json:"changes"`
}

// Change is where a figure changed.
type Change struct {
	// Run is the index of the first run that is different.
	Run  int    `json:"run"`
	Name string `json:"name"`
	// Labels are those that differ between the run before and the first that is
	// different.
	Labels []LabelChange `json:"labels,omitempty"`
	// Base is the median of the runs since the change before this one, New that
	// up to the next.
	Base float64 `json:"base"`
	New  float64 `json:"new"`
	// Change is in percent, or percentage points of rates.
	Change float64 `json:"change"`
	// P is the probability of such a change by chance, with regard to the number
	// of figures.
	P         float64   `json:"p_corrected"`
	Judgement Judgement `json:"judgement"`
}

// Follow finds the runs of a history where changes began. The last of the runs
// by time is what the others have to be comparable with.
func Follow(runs []Run, o Options) (*History, error) {
	h := &History{Schema: HistorySchema, Reasons: []string{}, Runs: []RunInfo{}, LeftOut: []string{},
		Level: Level, Lines: []MetricHistory{}}
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Run) int {
		return a.Measurement.Started.Compare(b.Measurement.Started)
	})
	chosen, err := choose(o.Metrics)
	if err != nil {
		return nil, err
	}
	runs = h.comparable(runs, o.Force)
	if len(runs) < HistoryMin {
		h.Verdict = Unclear
		h.Reasons = append(h.Reasons, fmt.Sprintf("%s that can be compared: it takes at least %d to find "+
			"a change", number.Plural(len(runs), "run"), HistoryMin))
		return h, nil
	}
	h.Runs = side(runs).Runs
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(m metricSpec) bool { return m.kind == shape })
	chosen, why := withGoodput(chosen, runs)
	if why != "" {
		h.LeftOut = append(h.LeftOut, why)
	}
	parts := scopesOf(runs, nil)
	for _, p := range parts {
		var all []*totals
		for _, r := range runs {
			all = append(all, totalsOf([]Run{r}, p))
		}
		unserved := h.unserved(p, chosen, all)
		for _, m := range chosen {
			if unserved && m.kind.times() {
				continue
			}
			h.Lines = append(h.Lines, h.line(p, m, all, o.Margins, len(parts)*len(chosen)))
		}
		h.untimed = h.untimed || unserved && p.group < 0
	}
	h.judge()
	return h, nil
}

// unserved says whether a run has no times because none of its requests was served.
// Times are not followed then, and those that should be are among what is left out.
func (h *History) unserved(p scope, chosen []metricSpec, all []*totals) bool {
	timed := slices.IndexFunc(chosen, func(m metricSpec) bool { return m.kind.times() })
	if timed < 0 {
		return false
	}
	i := slices.IndexFunc(all, func(f *totals) bool { return f.waited(chosen[timed]) == 0 })
	if i < 0 {
		return false
	}
	of := ""
	if p.name != "" {
		of = " of " + p.name
	}
	h.LeftOut = append(h.LeftOut, fmt.Sprintf("the times%s of all runs: %s served no request%s", of,
		h.Runs[i].Name, of))
	return true
}

// comparable leaves out the runs that can't be compared with the last one that
// says something of the service.
func (h *History) comparable(runs []Run, force bool) (kept []Run) {
	last := len(runs) - 1
	for last > 0 && len(runs[last].doubts()) > 0 {
		last--
	}
	for i, r := range runs {
		why := r.doubts()
		if i != last {
			why = append(why, differences(r, runs[last])...)
		}
		if len(why) > 0 && !force {
			h.LeftOut = append(h.LeftOut, strings.Join(why, "; "))
			continue
		}
		if len(why) > 0 {
			h.Obstacles = append(h.Obstacles, strings.Join(why, "; "))
		}
		kept = append(kept, r)
	}
	return kept
}

// line follows one of so many figures.
func (h *History) line(p scope, m metricSpec, all []*totals, margins Margins, tests int) MetricHistory {
	l := MetricHistory{Group: p.name, Metric: m.name, Unit: all[0].unit(m),
		Changes: []Change{}}
	var scaled []float64
	for _, f := range all {
		l.Values, scaled = append(l.Values, f.value(m)), append(scaled, f.scaled(m))
	}
	shuffles := max(999, 40*tests)
	found := stat.ChangePoints(scaled, Level/float64(tests), shuffles, rand.New(rand.NewPCG(3, 4)))
	for i, c := range found {
		from, to := 0, len(scaled)
		if i > 0 {
			from = found[i-1].At
		}
		if i+1 < len(found) {
			to = found[i+1].At
		}
		r := testResult{metricSpec: m, corrected: min(1, c.P*float64(tests)),
			base: stat.Median(l.Values[from:c.At]), new: stat.Median(l.Values[c.At:to]),
			change: stat.Median(scaled[c.At:to]) - stat.Median(scaled[from:c.At])}
		r.low, r.high = r.change, r.change
		row := r.row(Options{Margins: margins}, 0)
		l.Changes = append(l.Changes, Change{Run: c.At, Name: h.Runs[c.At].Name, Base: r.base, New: r.new,
			Change: row.Change,
			P:      r.corrected, Judgement: row.Judgement,
			Labels: labelChanges(h.Runs[c.At-1].Labels, h.Runs[c.At].Labels)})
	}
	return l
}

// judge judges by the last change of each figure: what the present is like.
func (h *History) judge() {
	if len(h.Obstacles) > 0 {
		h.leaveUnjudged()
		return
	}
	h.Verdict = Same
	for _, j := range []Judgement{Worse, Better} {
		for _, l := range h.Lines {
			if n := len(l.Changes); n > 0 && l.Changes[n-1].Judgement == j {
				h.Reasons = append(h.Reasons, l.text(l.Changes[n-1], h.Runs[l.Changes[n-1].Run].Started))
				if h.Verdict == Same {
					h.Verdict = j
				}
			}
		}
	}
	if h.untimed && h.Verdict != Worse {
		h.Verdict = Unclear
		h.Reasons = append(h.Reasons, "times can't be followed: a run served no request")
	}
	if len(h.Reasons) == 0 {
		h.Reasons = append(h.Reasons, fmt.Sprintf("no change beyond the margins in %d runs", len(h.Runs)))
	}
}

// leaveUnjudged takes the judgements from changes among runs that only force
// compares.
func (h *History) leaveUnjudged() {
	for i := range h.Lines {
		for k := range h.Lines[i].Changes {
			h.Lines[i].Changes[k].Judgement = NotJudged
		}
	}
	h.Verdict = Unclear
	h.Reasons = append(h.Reasons, "some of the runs can't be compared: where figures change is shown, and "+
		"not judged")
}

func (l MetricHistory) text(c Change, started time.Time) string {
	row := MetricRow{Group: l.Group, Metric: l.Metric, points: l.Unit == "%" && l.Metric != "achievedRate"}
	text := fmt.Sprintf("%s %s since %s (%s): %s → %s, %s", row.name(), c.Judgement, c.Name,
		started.UTC().Format("2006-01-02 15:04"), digits(c.Base), number.WithUnit(digits(c.New), l.Unit),
		row.change(c.Change))
	if len(c.Labels) > 0 {
		text += "; the change began with " + labelsText(c.Labels)
	}
	return text
}
