package capacity

import (
	"fmt"
	"slices"
	"time"

	"mfaload/internal/stat"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// Read makes the outcome of a trial from what a run at a constant rate measured.
// InFlight is the mean number of requests in flight as counted while it ran.
func Read(m *measure.Measurement, r *report.Report, limits []Criterion, inFlight float64) *Outcome {
	o := &Outcome{Interrupted: m.Interrupted, Achieved: 1, Doubts: report.Doubts(m), Figures: r.Figures,
		Refused: r.Requests.RateLimited, InFlight: inFlight}
	if r.Rate.Planned > 0 {
		o.Achieved = r.Rate.Achieved / r.Rate.Planned
	}
	if m.Stopped != nil && m.Stopped.Early {
		o.Ended = m.Stopped.Condition
	}
	if n := withheld(m); n > 0 {
		o.Doubts = append(o.Doubts, fmt.Sprintf("%d arrivals had no user: add users, or "+
			"allow more requests per user", n))
	}
	f := newInFlightFlow(m)
	o.Backlog, o.Served, o.Expected = f.backlog(), f.served(), f.inFlight()
	o.Drained = max(m.Generator.Elapsed-m.Main.Start-m.Main.Planned, 0)
	times := make([]measure.Waits, len(limits))
	best := newBestReader(m, r, limits)
	first, end := int64(m.Main.Start/time.Second), int64((m.Main.Start+m.Main.Planned)/time.Second)
	for n := range end {
		second := m.Seconds.At(n)
		if second == nil { // nothing was sent in it
			second = &measure.Second{Second: n, Response: measure.NewSparse(), Service: measure.NewSparse()}
		}
		s := readSecond(second, due(m, n), limits)
		if n < first {
			o.Before = append(o.Before, s)
			continue
		}
		o.Seconds = append(o.Seconds, s)
		best.add(second, due(m, n), s)
		for i := range limits {
			limits[i].collect(&times[i], second, due(m, n))
		}
	}
	for i := range limits {
		o.Quantiles = append(o.Quantiles, limits[i].quantile(&times[i]))
	}
	o.Best = best.end(o)
	return o
}

// endedText says why the scenario ended the trial, and when.
func (o *Outcome) endedText(a TrialSpec) string {
	return fmt.Sprintf("%s ended it after %d s of %v: its figures are of that part", o.Ended, len(o.Seconds),
		a.Length)
}

func withheld(m *measure.Measurement) (n uint64) {
	for _, w := range m.Main.Withheld {
		if !measure.IsOwnLimit(w.Reason) { // those are among the doubts
			n += w.Count
		}
	}
	return n
}

// due is how many requests were to be sent in a second. What waited for a worker when the
// scenario ended the trial would have been sent.
func due(m *measure.Measurement, second int64) float64 {
	if second >= int64(len(m.Profile.Due)) || m.Stopped != nil {
		return 0
	}
	n := float64(m.Profile.Due[second])
	if second < int64(len(m.Profile.Withheld)) {
		n -= float64(m.Profile.Withheld[second])
	}
	return n
}

// readSecond reads a second.
func readSecond(s *measure.Second, due float64, limits []Criterion) (to TrialSecond) {
	to.Tallies = make([]Tally, len(limits))
	to.Sent, to.Expected = float64(s.Response.Count()), float64(s.Expected)
	to.Response = s.Response.Mean().Seconds() * to.Sent
	for i := range limits {
		l, t := &limits[i], &to.Tallies[i]
		if l.timed() {
			tallyTimes(l, t, l.waits(s, due))
		} else {
			tallyEnds(l, t, s, due)
		}
	}
	return to
}

// waits are the times of a second that the limit judges: refusals are not among them,
// and who was never served is slower than any limit. What was due and never sent is
// known of all groups together.
func (l *Criterion) waits(s *measure.Second, due float64) measure.Waits {
	w := s.Waits(l.Group, l.Metric == scenario.Service)
	w.Untimed += l.unsent(s, due)
	return w
}

// unsent are the arrivals of a second that were due and never sent.
func (l *Criterion) unsent(s *measure.Second, due float64) uint64 {
	if l.Group >= 0 && len(s.Groups) > 0 {
		return 0
	}
	return uint64(max(due-float64(s.Response.Count()), 0))
}

func tallyTimes(l *Criterion, t *Tally, w measure.Waits) {
	t.Of += float64(w.Count())
	for i := range t.Over {
		t.Over[i] += float64(w.Beyond(time.Duration(l.level(i) * 1e9)))
	}
	t.Sum += w.Sum() + float64(w.Unserved())*l.level(0)
}

// collect adds the times of a second to those that the limit judges.
func (l *Criterion) collect(sum *measure.Waits, s *measure.Second, due float64) {
	if !l.timed() {
		return
	}
	if sum.Served == nil {
		sum.Served = []*measure.Histogram{measure.NewHistogram()}
	}
	w := l.waits(s, due)
	for _, h := range w.Served {
		sum.Served[0].Merge(h)
	}
	sum.Untimed += w.Unserved()
}

// quantile is the time that the allowed share of the requests is above, in seconds; 0
// where the limit is of no time, or where so many were never served.
func (l *Criterion) quantile(w *measure.Waits) float64 {
	if !l.timed() || l.Mean || l.Allowed >= 1 {
		return 0
	}
	b := w.Percentile(100 * (1 - l.Allowed))
	if b.AtLeast {
		return 0
	}
	return b.Time.Seconds()
}

// tallyEnds counts how requests ended. What was never sent is known of all groups
// together.
func tallyEnds(l *Criterion, t *Tally, s *measure.Second, due float64) {
	c := s.Counts(l.Group)
	c.Scheduled += float64(l.unsent(s, due))
	share := c.ErrorRate()
	switch l.Metric {
	case scenario.ViolationRate:
		share = c.ViolationRate()
	case scenario.RateLimitedRate:
		share = c.RateLimitedRate()
	}
	t.Fail(share.Of, share.N)
}

// Best is what a trial would have measured at best: the rule of blame, as a run's
// verdict has it.
type Best struct {
	Seconds  []TrialSecond
	Backlog  Backlog
	Achieved float64
}

// atBest is the outcome at best. Times by their quantiles are not known of it: the
// requests beyond each level are.
func (o *Outcome) atBest() *Outcome {
	b := *o
	b.Seconds, b.Backlog, b.Achieved = o.Best.Seconds, o.Best.Backlog, o.Best.Achieved
	b.Quantiles, b.Best = make([]float64, len(o.Quantiles)), nil
	return &b
}

// bestReader reads, second by second, what a trial would have measured at best.
type bestReader struct {
	best     Best
	limits   []Criterion
	doubtful *measure.DoubtfulSeconds
	certain  float64 // of the 429s
	harmed   bool    // mfaload may have harmed anything
}

func newBestReader(m *measure.Measurement, r *report.Report, limits []Criterion) *bestReader {
	b := &bestReader{limits: limits, doubtful: m.Doubtful(), certain: certainLimits(m)}
	b.harmed = slices.ContainsFunc(r.Thresholds, func(t report.Threshold) bool {
		return t.AtLeast && t.State == report.Undecided
	})
	if b.harmed {
		b.best.Achieved = 1
	}
	return b
}

// add takes in a second of the judged part, and what was read of it.
func (b *bestReader) add(s *measure.Second, due float64, measured TrialSecond) {
	d := b.doubtful
	b.harmed = b.harmed || s.Best != nil || s.HarmedErrors(-1) > 0 || d.In(s.Second)
	measured.Response = d.BestWaits(s, -1, false, 0).Sum()
	measured.Tallies = slices.Clone(measured.Tallies)
	for i := range b.limits {
		b.limits[i].tallyBest(&measured.Tallies[i], s, due, d, b.certain)
	}
	b.best.Seconds = append(b.best.Seconds, measured)
	if d.In(s.Second) {
		b.best.Backlog.Unserved -= max(due-float64(s.OtherFailures(-1)-d.FailuresIn(s, -1)), 0)
	}
}

// end returns what was read; nil where mfaload harmed nothing.
func (b *bestReader) end(measured *Outcome) *Best {
	if !b.harmed {
		return nil
	}
	b.best.Backlog = Backlog{measured.Backlog.Due, max(measured.Backlog.Unserved+b.best.Backlog.Unserved, 0)}
	b.best.Achieved = max(b.best.Achieved, measured.Achieved)
	return &b.best
}

// certainLimits is the share of the 429s that mfaload has no part in.
func certainLimits(m *measure.Measurement) float64 {
	c := m.Main.Counts(-1)
	return 1 - float64(c.DoubtfulLimits)/max(float64(c.RateLimited), 1)
}

// tallyBest makes a tally of a second that at best. Of 429s, a share is certain.
func (l *Criterion) tallyBest(t *Tally, s *measure.Second, due float64, d *measure.DoubtfulSeconds,
	certain float64) {
	unsent := l.unsent(s, due)
	switch l.Metric {
	case scenario.Response, scenario.Service:
		b := d.BestWaits(s, l.Group, l.Metric == scenario.Service, unsent)
		for i := range t.Over {
			t.Over[i] = float64(b.Beyond(time.Duration(l.level(i) * 1e9)))
		}
		t.Sum = b.Sum() + float64(b.Unserved())*l.level(0)
	case scenario.ErrorRate:
		doubtful := s.HarmedErrors(l.Group) + d.FailuresIn(s, l.Group)
		if d.In(s.Second) {
			doubtful += unsent
		}
		t.Over[atLimit] = max(t.Over[atLimit]-float64(doubtful), 0)
	case scenario.RateLimitedRate:
		t.Over[atLimit] *= certain
	}
}

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

// Length says at which rate and for how long.
func (s *Soak) Length() string {
	return fmt.Sprintf("%s for %s", rateText(s.Rate), seconds(s.Duration))
}

// Text is the trend in words.
func (d Trend) Text() string {
	return fmt.Sprintf("%s of the response time: %+.3g ms an hour, p = %.2g", d.Percentile, d.Slope, d.P)
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
				"hour (%.0f%% over the soak)", d.Percentile, d.Slope, 100*d.Change))
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
		all[i].Merge(served)
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
