package compare

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// metricSpec is one figure that is compared.
type metricSpec struct {
	// name is as people write it: "response.p95", "errorRate".
	name string
	// service is of times: the service time instead of the response time.
	service bool
	kind    metricKind
	// quantile is from 0 to 1, of quantiles.
	quantile float64
	// margin is what nobody minds by default: a share of the figure, of shares
	// the difference.
	margin float64
}

type metricKind int

const (
	quantile metricKind = iota
	average
	shape // all quantiles together
	errorRate
	violationRate
	goodput // the share of good responses
	achievedRate
)

// times says whether the metric is one of the times.
func (k metricKind) times() bool { return k <= shape }

// share says whether changes are differences between shares.
func (k metricKind) share() bool { return k == errorRate || k == violationRate || k == goodput }

// higherIsBetter says whether a decrease is worse.
func (k metricKind) higherIsBetter() bool { return k >= goodput }

// metrics are all that there are, in the order of reports.
var metrics = func() (all []metricSpec) {
	for i, time := range []string{"response", "service"} {
		for _, q := range []struct{ p, margin float64 }{{50, 0.05}, {90, 0.05}, {95, 0.05}, {99, 0.10}} {
			all = append(all, metricSpec{fmt.Sprintf("%s.p%g", time, q.p), i == 1, quantile, q.p / 100,
				q.margin})
		}
		all = append(all, metricSpec{time + ".mean", i == 1, average, 0, 0.05}, metricSpec{time + ".shape",
			i == 1, shape, 0, 0.10})
	}
	return append(all, metricSpec{"errorRate", false, errorRate, 0, 0.001}, metricSpec{"violationRate", false,
		violationRate, 0, 0.001}, metricSpec{"goodput", false, goodput, 0, 0.01},
		metricSpec{"achievedRate", false, achievedRate, 0, 0.01})
}()

// matches says whether the metric is meant by a name: its own, the part of it
// before or after the dot, or a pattern such as "*.p9*".
func (m metricSpec) matches(name string) bool {
	time, figure, _ := strings.Cut(m.name, ".")
	pattern, err := path.Match(name, m.name)
	return name == m.name || name == time || name == figure || err == nil && pattern
}

// choose returns the metrics that are meant.
func choose(names []string) ([]metricSpec, error) {
	if len(names) == 0 {
		return metrics, nil
	}
	chosen := map[string]bool{}
	for _, name := range names {
		found := false
		for _, m := range metrics {
			if m.matches(name) {
				chosen[m.name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no figure %q to compare: name some of %s", name, metricNames())
		}
	}
	return slices.DeleteFunc(slices.Clone(metrics), func(m metricSpec) bool { return !chosen[m.name] }), nil
}

func metricNames() string {
	var all []string
	for _, m := range metrics {
		all = append(all, m.name)
	}
	return strings.Join(all, ", ")
}

// chooseDecisive returns the indices of the figures that decide: those of the scenario's thresholds, of
// margins and those that are named in full to be compared, and the error rate. If none of them is a time,
// the response time's p50 and p95 decide too, as most scenarios have thresholds of rates that nobody wrote.
// If none of all these is compared, all figures of the whole decide. Thresholds are those of the last new
// run: what is wanted now.
func chooseDecisive(all []testResult, fresh []Run, o Options) (chosen []int) {
	terms, err := report.DecodeTerms(fresh[len(fresh)-1].Measurement)
	if err != nil {
		terms.Thresholds = nil
	}
	timed := false
	decides := make([]bool, len(all))
	for i, r := range all {
		decides[i] = slices.ContainsFunc(terms.Thresholds, func(t scenario.Threshold) bool {
			return t.Group == r.group && r.name == strings.TrimSuffix(string(t.Metric)+"."+t.Stat, ".")
		}) || r.group == "" && (r.kind == errorRate || slices.Contains(o.Metrics, r.name) ||
			slices.ContainsFunc(o.Margins, func(m Margin) bool { return m.Name != "*" && r.matches(m.Name) }))
		timed = timed || decides[i] && r.kind.times()
	}
	for i, r := range all {
		usual := r.group == "" && !timed && (r.name == "response.p50" || r.name == "response.p95")
		if decides[i] || usual {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) == 0 {
		for i, r := range all {
			if r.group == "" {
				chosen = append(chosen, i)
			}
		}
	}
	return chosen
}

// Margins are changes that nobody minds, as shares, by what they are given for.
// The last that fits a figure counts.
type Margins []Margin

// Margin is a change that nobody minds.
type Margin struct {
	Name  string
	Share float64
}

// maxMargin is the largest margin, as a share.
const maxMargin = 10

// ParseMargin reads a margin such as "p95=5%", "response.p99=10%" or
// "errorRate=0.1%". Of rates of errors and violations it is a difference in
// percentage points.
func ParseMargin(text string) (Margin, error) {
	name, value, found := strings.Cut(text, "=")
	if !found {
		return Margin{}, fmt.Errorf("margin %q is not understood: write for example p95=5%%", text)
	}
	share, err := scenario.ParseShareUpTo(strings.TrimSpace(value), maxMargin)
	if err != nil {
		return Margin{}, fmt.Errorf("margin %q: %w", text, err)
	}
	name = strings.TrimSpace(name)
	if !slices.ContainsFunc(metrics, func(m metricSpec) bool { return m.matches(name) }) {
		return Margin{}, fmt.Errorf("margin %q is for no figure: name some of %s", text, metricNames())
	}
	return Margin{name, share}, nil
}

// ParseBetween reads what the times of runs of the same service differ by, such as "2%".
func ParseBetween(text string) (float64, error) {
	share, err := scenario.ParseShare(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("what runs differ by: %w", err)
	}
	return share, nil
}

// ParseRule reads when a change beyond the margin counts.
func ParseRule(text string) (ChangeRule, error) {
	if rule := ChangeRule(text); rule == Different || rule == Beyond {
		return rule, nil
	}
	return "", fmt.Errorf("rule %q is unknown: write %s or %s", text, Different, Beyond)
}

// CheckMetrics says which of the names of [Options.Metrics] is for no figure.
func CheckMetrics(names []string) error {
	_, err := choose(names)
	return err
}

// of is the margin of a metric, and whether somebody gave it.
func (all Margins) of(m metricSpec) (margin float64, given bool) {
	for i := len(all) - 1; i >= 0; i-- {
		if m.matches(all[i].Name) {
			return all[i].Share, true
		}
	}
	return m.margin, false
}

// totals are those of a part of one or several runs, exactly.
type totals struct {
	// response and service are the times of what was served, waits the same with who
	// was never served, by response and service.
	response, service *measure.Histogram
	waits             [2]measure.Waits
	measure.Counts
	// planned is a rate a second, and 0 for a closed load; achieved is what was sent of it as a share, and a
	// second for a closed load. Stretch is the planned time over the time up to the last send.
	planned, achieved, stretch float64
}

// totalsOf adds up the judged parts of runs.
func totalsOf(runs []Run, p scope) *totals {
	f := &totals{response: measure.NewSparse(), service: measure.NewSparse()}
	for i, served := range []*measure.Histogram{f.response, f.service} {
		f.waits[i] = measure.Waits{Served: []*measure.Histogram{served},
			Failed: []*measure.Histogram{measure.NewSparse()}}
	}
	var planned, sending time.Duration
	closed := false
	for _, r := range runs {
		m := r.Measurement
		planned += m.Main.Planned
		sending += m.Main.Sending()
		closed = closed || len(m.Profile.Due) == 0
		f.add(m, p)
	}
	f.stretch = 1
	if sending > 0 {
		f.stretch = planned.Seconds() / sending.Seconds()
		f.achieved = float64(f.Sent()) / sending.Seconds()
	}
	if !closed && planned > 0 {
		f.planned = float64(f.Scheduled) / planned.Seconds()
		f.achieved, _ = f.AchievedRate(planned, sending)
	}
	return f
}

func (f *totals) add(m *measure.Measurement, p scope) {
	f.Counts.Add(m.Main.Counts(p.group))
	for i := range f.waits {
		w := m.Main.Waits(p.group, i == 1)
		// All histograms have one geometry, so nothing is dropped.
		for _, h := range w.Served {
			f.waits[i].Served[0].Merge(h)
		}
		for _, h := range w.Failed {
			f.waits[i].Failed[0].Merge(h)
		}
		f.waits[i].Untimed += w.Untimed
	}
}

// value is a metric's figure, in the unit of a row; of a shape the largest
// quantile that is looked at.
func (f *totals) value(m metricSpec) float64 {
	switch m.kind {
	case quantile, average, shape:
		return milliseconds(f.bound(m).Time)
	case errorRate, violationRate:
		return 100 * f.share(m).Value()
	case goodput:
		return 100 * (1 - f.share(m).Value())
	case achievedRate:
		if f.planned > 0 {
			return 100 * f.achieved
		}
		return f.achieved
	}
	return 0
}

// unit is that of a metric's value.
func (f *totals) unit(m metricSpec) string {
	switch {
	case m.kind.times():
		return "ms"
	case m.kind.share() || f.planned > 0:
		return "%"
	default:
		return "/s"
	}
}

// share is that of what happened, for a rate: of goodput the requests without a good response. Other
// metrics have none.
func (f *totals) share(m metricSpec) measure.Share {
	switch m.kind {
	case errorRate:
		return f.ErrorRate()
	case violationRate:
		return f.ViolationRate()
	case goodput:
		return measure.Share{N: f.Scheduled - f.Good, Of: f.Scheduled}
	}
	return measure.Share{}
}

// bound is a metric's time: at least that long, where so many were never served.
func (f *totals) bound(m metricSpec) measure.Bound {
	w := &f.waits[index(m)]
	switch m.kind {
	case quantile:
		return w.Percentile(100 * m.quantile)
	case average:
		return w.Mean()
	case shape:
		return w.Percentile(99)
	}
	return measure.Bound{}
}

// waited is how many arrivals a metric's time is of.
func (f *totals) waited(m metricSpec) float64 { return float64(f.waits[index(m)].Count()) }

// longest is the longest that anybody is known to have waited.
func (f *totals) longest(service int) time.Duration {
	return max(f.waits[service].Served[0].Max(), f.waits[service].Failed[0].Max())
}

// scaled is the figure on the scale on which changes are differences.
func (f *totals) scaled(m metricSpec) float64 {
	v := f.value(m)
	if m.kind.share() {
		return v / 100
	}
	return logarithm(v)
}

// timeMin is what times below are taken for, in milliseconds: the resolution.
const timeMin = 0.001

func logarithm(v float64) float64 { return math.Log(math.Max(v, timeMin)) }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
