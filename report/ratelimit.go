package report

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
)

// Confidence is how sure an estimate is.
type Confidence string

const (
	// Good means that what was accepted stayed the same while the load varied.
	Good Confidence = "good"
	// Rough means that it may be another reason, or that the figures scatter.
	Rough Confidence = "rough"
	// None means that there is no estimate.
	None Confidence = "none"
)

// RateLimit is what a run tells of the rate limit that it met.
type RateLimit struct {
	// How many requests a second were accepted while others got 429; left out where that
	// can't be told.
	Rate *float64 `json:"rate,omitempty"`
	// Its 5th percentile by second.
	Low *float64 `json:"low,omitempty"`
	// Its 95th percentile by second.
	High *float64 `json:"high,omitempty"`
	// How many seconds it comes from.
	Seconds    int        `json:"seconds"`
	Confidence Confidence `json:"confidence"`
	// Where the confidence comes from.
	Basis string `json:"basis"`
	// How often the run paused because of a 429.
	Pauses int `json:"pauses,omitempty" schema:"minimum=1"`
	// For how long in all.
	Paused float64 `json:"paused_s,omitempty"`
}

// Limits of the estimate.
const (
	// leastLimited is how many seconds an estimate takes; sureLimited how many a
	// good one takes.
	leastLimited, sureLimited = 5, 10
	// varied is by how much the load has to vary to tell a limit on the rate
	// from 429s for another reason.
	varied = 1.2
	// level and rising are how much of a higher load may be accepted where there
	// is a limit, and from which on there is none.
	level, rising = 0.2, 0.5
	// narrow is how far apart Low and High of a good estimate may be, as a share.
	narrow = 0.2
)

// rateLimit estimates the rate limit of the judged part; nil where no answer was
// 429 and the run did not pause.
func rateLimit(m *measure.Measurement, s *sum) *RateLimit {
	pauses, paused := judgedPauses(m), time.Duration(0)
	if s.RateLimited == 0 && len(pauses) == 0 {
		return nil
	}
	for _, p := range pauses {
		paused += p.End - p.Start
	}
	r := &RateLimit{Confidence: None, Pauses: len(pauses), Paused: number.Round(paused.Seconds())}
	r.estimate(limitedSeconds(m, pauses))
	return r
}

// judgedPauses are the pauses of the judged part, apart from one another.
func judgedPauses(m *measure.Measurement) (pauses []measure.Pause) {
	for _, p := range measure.JoinPauses(m.Pauses) {
		if p.Start = max(p.Start, m.Main.Start); p.Start < p.End {
			pauses = append(pauses, p)
		}
	}
	return pauses
}

// limited is a second in which answers were 429: what was sent in it, and what
// of that the service took.
type limited struct{ sent, accepted float64 }

// limitedSeconds are the seconds in which the limit was in force throughout:
// those of stretches of seconds that all have a 429, without the first and the
// last of each, in which it may have begun or ended. Seconds in which the run
// paused tell nothing.
func limitedSeconds(m *measure.Measurement, pauses []measure.Pause) (all []limited) {
	var stretch []limited
	end := func() {
		if len(stretch) > 2 {
			all = append(all, stretch[1:len(stretch)-1]...)
		}
		stretch = nil
	}
	last := int64(-1)
	for s := range m.Seconds.All() {
		from := time.Duration(s.Second) * time.Second
		if s.Second != last+1 {
			end()
		}
		last = s.Second
		if s.RateLimited == 0 || from < m.Main.Start || paused(pauses, from, from+time.Second) {
			end()
			continue
		}
		sent := s.Response.Count()
		stretch = append(stretch, limited{float64(sent), float64(sent - s.Failed - s.RateLimited)})
	}
	end()
	return all
}

// paused says whether a pause lies within a time, in part. The pauses are apart
// from one another and in order.
func paused(pauses []measure.Pause, from, to time.Duration) bool {
	i := sort.Search(len(pauses), func(i int) bool { return pauses[i].End > from })
	return i < len(pauses) && pauses[i].Start < to
}

// estimate fills in the rate, or why there is none.
func (r *RateLimit) estimate(seconds []limited) {
	r.Seconds = len(seconds)
	sent, accepted := column(seconds, func(l limited) float64 { return l.sent }), column(seconds, func(l limited) float64 { return l.accepted })
	mean := average(accepted)
	vary := len(seconds) > 0 && quantile(sent, 0.95) >= varied*quantile(sent, 0.05)
	switch {
	case len(seconds) < leastLimited:
		r.Basis = fmt.Sprintf("it takes %d seconds in the middle of stretches in which 429s came every second and the run did not pause; there were %d", leastLimited, len(seconds))
		return
	case mean == 0:
		r.Basis = "nothing was accepted while 429s came: that is a quota that is used up rather than a rate"
		return
	case vary && slope(seconds) >= rising:
		r.Basis = "the more was sent, the more was accepted: the 429s have another reason than the rate, such as a quota of some users"
		return
	}
	low, high := quantile(accepted, 0.05), quantile(accepted, 0.95)
	r.Confidence = Rough
	switch {
	case !vary:
		r.Basis = "the load hardly varied meanwhile, so 429s for another reason than the rate would look the same; a ramp tells more"
	case len(seconds) < sureLimited:
		r.Basis = fmt.Sprintf("it comes from %d seconds only", len(seconds))
	case high-low > narrow*mean || slope(seconds) > level:
		r.Basis = "what was accepted a second scatters, or follows the load in part"
	default:
		r.Confidence, r.Basis = Good, fmt.Sprintf("it stayed the same while %s to %s/s were sent", number.Fixed(quantile(sent, 0.05)), number.Fixed(quantile(sent, 0.95)))
	}
	mean = number.Round(mean)
	r.Rate, r.Low, r.High = &mean, &low, &high
}

func column(seconds []limited, of func(limited) float64) []float64 {
	all := make([]float64, len(seconds))
	for i, s := range seconds {
		all[i] = of(s)
	}
	return all
}

func average(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}

// quantile is the value that a share of the values does not exceed.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(share*float64(len(sorted)-1)+0.5)]
}

// slope is how much more was accepted for each request more that was sent, by
// least squares.
func slope(seconds []limited) float64 {
	x := average(column(seconds, func(l limited) float64 { return l.sent }))
	y := average(column(seconds, func(l limited) float64 { return l.accepted }))
	var xy, xx float64
	for _, s := range seconds {
		xy += (s.sent - x) * (s.accepted - y)
		xx += (s.sent - x) * (s.sent - x)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}

// limitRemarks say how many answers were 429, and what that tells of the limit.
func (j *judgement) limitRemarks() (remarks []string) {
	r, s := j.report.RateLimit, j.sums.all
	if r == nil {
		return nil
	}
	if s.RateLimited > 0 {
		text := fmt.Sprintf("%s answers were 429 (rate limited), %s %% of all", number.Count(s.RateLimited), number.Plain(number.Percent(s.RateLimitedRate().Value())))
		if r.Rate != nil {
			text += fmt.Sprintf("; meanwhile about %s/s were accepted (%s to %s/s in %d seconds), a %s estimate of the limit: %s",
				number.Fixed(*r.Rate), number.Fixed(*r.Low), number.Fixed(*r.High), r.Seconds, r.Confidence, r.Basis)
		} else {
			text += "; the limit can't be estimated: " + r.Basis
		}
		remarks = append(remarks, text)
	}
	if n := s.withheld[measure.Paused]; r.Pauses > 0 {
		remarks = append(remarks, fmt.Sprintf("the run paused %s after a 429, for %s s in all (load.on429: pause); %s arrivals of that time were not sent",
			number.Times(uint64(r.Pauses)), number.Plain(r.Paused), number.Count(n)))
	}
	return remarks
}
