package capacity

import (
	"fmt"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
)

// Soak is a long trial below the found rate, which looks for what creeps up.
type Soak struct {
	Rate     float64 `json:"rate"`
	Share    float64 `json:"share"`
	Duration float64 `json:"duration_s"`
	// TrialVerdict is that of the trial, or break where a time drifts up.
	Verdict TrialVerdict `json:"verdict"`
	Reasons []string     `json:"reasons"`
	Drifts  []Trend      `json:"drifts"`
	// Block is how long the parts are that percentiles are compared of.
	Block  float64 `json:"block_s"`
	Folder string  `json:"folder,omitempty"`
}

// Trend is the trend of a percentile from block to block.
type Trend struct {
	Percentile string `json:"percentile"`
	// Tau is Kendall's rank correlation with time, P the probability of one as
	// large without a trend, two-sided, corrected for the number of percentiles.
	Tau float64 `json:"tau"`
	P   float64 `json:"p"`
	// Slope is Theil and Sen's, in milliseconds an hour, and Change what it makes
	// over the whole soak, of the median.
	Slope  float64   `json:"slope_ms_per_hour"`
	Change float64   `json:"change"`
	Up     bool      `json:"up"`
	Values []float64 `json:"values_ms"`
}

// When a trend counts.
const (
	driftP         = 0.01
	driftChange    = 0.05
	trendBlocksMin = 10
)

var soakPercentiles = []float64{50, 95, 99}

// NewSoak judges a soak: its trial, and the trend of its percentiles by minute.
func NewSoak(a TrialSpec, share float64, m *measure.Measurement, o *Outcome, limits []Criterion) *Soak {
	held := *o
	held.Interrupted = false // what broke, broke
	t := Judge(a, &held, limits)
	if o.Interrupted && t.Verdict == Pass {
		t.Verdict, t.Reasons = Inconclusive, append(t.Reasons, "it was stopped before its end")
	}
	s := &Soak{Rate: a.Rate, Share: share, Duration: float64(len(o.Seconds)), Verdict: t.Verdict,
		Reasons: slices.Clone(t.Reasons), Folder: o.Folder, Drifts: []Trend{}}
	if t.Verdict == Break {
		s.Reasons = append(s.Reasons, t.By+" broke")
	}
	block := min(time.Minute, m.Main.Planned/trendBlocksMin).Truncate(time.Second)
	if s.Block = block.Seconds(); block < time.Second {
		return s
	}
	for _, q := range soakPercentiles {
		d := drift(fmt.Sprintf("p%g", q), blocks(m, q, block), block)
		s.Drifts = append(s.Drifts, d)
		if d.Up && s.Verdict != Inconclusive {
			s.Verdict = Break
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s of the response time drifts up by %.3g ms an "+
				"hour (%.0f %% over the soak)", d.Percentile, d.Slope, 100*d.Change))
		}
	}
	if s.Reasons == nil {
		s.Reasons = []string{}
	}
	return s
}

// blocks are a percentile of the response time of what was served, in milliseconds,
// block by block.
func blocks(m *measure.Measurement, q float64, block time.Duration) (values []float64) {
	from, n := m.Main.Start/time.Second, int(m.Main.Planned/block)
	all := make([]*measure.Histogram, n)
	for s := range m.Seconds.All() {
		i := int((time.Duration(s.Second) - from) * time.Second / block)
		if time.Duration(s.Second) < from || i >= n {
			continue
		}
		if all[i] == nil {
			all[i] = measure.NewHistogram()
		}
		served, _ := s.Of(s.Response, s.Service)
		_ = all[i].Merge(served) // of the same geometry: nothing is dropped
	}
	for _, h := range all {
		if h != nil && h.Count() > 0 {
			values = append(values, h.Percentile(q).Seconds()*1000)
		}
	}
	return values
}

// drift is the test of Mann and Kendall and the slope of Theil and Sen.
func drift(name string, values []float64, block time.Duration) Trend {
	d := Trend{Percentile: name, P: 1, Values: values}
	if len(values) < trendBlocksMin {
		return d
	}
	var p float64
	d.Tau, p = stat.MannKendall(values)
	d.P = min(p*float64(len(soakPercentiles)), 1)
	slope := stat.TheilSen(values)
	d.Slope = slope * float64(time.Hour) / float64(block)
	if middle := stat.Median(values); middle > 0 {
		d.Change = slope * float64(len(values)) / middle
	}
	d.Up = d.P < driftP && d.Change > driftChange
	return d
}
