package compare

import (
	"math"
	"time"

	"mfaload/measure"
)

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
			_ = f.waits[i].Served[0].Merge(h)
		}
		for _, h := range w.Failed {
			_ = f.waits[i].Failed[0].Merge(h)
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

// share is that of a rate; none for other metrics.
func (f *totals) share(m metricSpec) measure.Share {
	switch m.kind {
	case errorRate:
		return f.ErrorRate()
	case violationRate:
		return f.ViolationRate()
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
