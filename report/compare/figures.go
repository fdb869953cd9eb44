package compare

import (
	"math"
	"time"

	"mfaload/measure"
)

// figures are those of a part of one or several runs, exactly.
type figures struct {
	response, service *measure.Histogram
	// of what was scheduled, sent and answered
	scheduled, sent, answered, expected, violating float64
	// judged are the arrivals that say something of the service: not those that
	// were not to be sent, nor requests that it can't have got.
	judged float64
	// planned and achieved are rates a second; stretch is the planned time over
	// the time up to the last send. planned is 0 for a closed load.
	planned, achieved, stretch float64
}

// figuresOf adds up the judged parts of runs.
func figuresOf(runs []Run, p part) *figures {
	f := &figures{response: measure.NewSparse(), service: measure.NewSparse()}
	var planned, sending time.Duration
	closed := false
	for _, r := range runs {
		m := r.Measurement
		planned += m.Main.Planned
		sending += max(m.Main.Planned, m.Main.LastSent-m.Main.Start)
		closed = closed || len(m.Profile.Due) == 0
		f.add(m, p)
	}
	f.stretch = 1
	if sending > 0 {
		f.stretch = planned.Seconds() / sending.Seconds()
		f.achieved = f.sent / sending.Seconds()
	}
	if !closed && planned > 0 {
		f.planned = f.scheduled / planned.Seconds()
	}
	return f
}

func (f *figures) add(m *measure.Measurement, p part) {
	scheduled := float64(p.scheduled(m))
	f.scheduled += scheduled
	f.judged += scheduled - float64(p.withheld(m)+p.inFlight(m)+p.unheard(m))
	for _, c := range m.Main.Cells {
		if !p.has(c.Group) {
			continue
		}
		// All histograms have one geometry, so nothing is dropped.
		_ = f.response.Merge(c.Response)
		_ = f.service.Merge(c.Service)
		n := float64(c.Response.Count())
		f.sent += n
		if !c.Failed {
			f.answered += n
		}
		f.expected += float64(c.AsExpected)
		f.violating += float64(c.Violating)
	}
}

// value is a metric's figure, in the unit of a row; of a shape the largest
// quantile that is looked at.
func (f *figures) value(m metric) float64 {
	h := f.response
	if m.service {
		h = f.service
	}
	switch m.kind {
	case quantile:
		return milliseconds(h.Percentile(100 * m.quantile))
	case average:
		return milliseconds(h.Mean())
	case errorRate:
		return 100 * share(f.judged-f.expected, f.judged)
	case violationRate:
		return 100 * share(f.violating, f.answered)
	case achievedRate:
		return f.achieved
	default:
		return milliseconds(h.Percentile(99))
	}
}

// scaled is the figure on the scale on which changes are differences.
func (f *figures) scaled(m metric) float64 {
	v := f.value(m)
	if m.kind.share() {
		return v / 100
	}
	return logarithm(v)
}

// leastTime is what times below are taken for, in milliseconds: the resolution.
const leastTime = 0.001

func logarithm(v float64) float64 { return math.Log(math.Max(v, leastTime)) }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func share(x, of float64) float64 {
	if of <= 0 {
		return 0
	}
	return x / of
}
