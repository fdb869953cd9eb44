package report

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
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

// rateLimit estimates the rate limit of the judged part; nil where no response was
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

// limited is a second in which responses were 429: what was sent in it, and what
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

func (r *RateLimit) estimate(seconds []limited) {
	r.Seconds = len(seconds)
	sent, accepted := column(seconds, func(l limited) float64 { return l.sent }),
		column(seconds, func(l limited) float64 { return l.accepted })
	mean := average(accepted)
	vary := len(seconds) > 0 && quantile(sent, 0.95) >= varied*quantile(sent, 0.05)
	switch {
	case len(seconds) < leastLimited:
		r.Basis = fmt.Sprintf("it takes %d seconds in the middle of stretches in which 429s came every "+
			"second and the run did not pause; this run had %d", leastLimited, len(seconds))
		return
	case mean == 0:
		r.Basis = "nothing was accepted while 429s arrived: that is a quota that is used up rather than a " +
			"rate"
		return
	case vary && slope(seconds) >= rising:
		r.Basis = "the more was sent, the more was accepted: the 429s have another reason than the rate, " +
			"such as a quota of some users"
		return
	}
	low, high := quantile(accepted, 0.05), quantile(accepted, 0.95)
	r.Confidence = Rough
	switch {
	case !vary:
		r.Basis = "the load hardly varied meanwhile, so 429s for another reason than the rate would look " +
			"the same; a ramp tells more"
	case len(seconds) < sureLimited:
		r.Basis = fmt.Sprintf("it comes from %d seconds only", len(seconds))
	case high-low > narrow*mean || slope(seconds) > level:
		r.Basis = "what was accepted a second scatters, or follows the load in part"
	default:
		r.Confidence, r.Basis = Good, fmt.Sprintf("it stayed the same while %s to %s/s were sent",
			number.Fixed(quantile(sent, 0.05)), number.Fixed(quantile(sent, 0.95)))
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

func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(share*float64(len(sorted)-1)+0.5)]
}

// slope is how much more was accepted for each request more, by least squares.
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

func (j *assessment) limitRemarks() (remarks []string) {
	r, s := j.report.RateLimit, j.sums.all
	if r == nil {
		return nil
	}
	if s.RateLimited > 0 {
		text := fmt.Sprintf("%s responses were 429 (rate limited), %s%% of all", number.Count(s.RateLimited),
			number.Significant(number.Percent(s.RateLimitedRate().Value())))
		if r.Rate != nil {
			text += fmt.Sprintf("; meanwhile about %s/s were accepted (%s to %s/s in %d seconds), a %s "+
				"estimate of the limit: %s",
				number.Fixed(*r.Rate), number.Fixed(*r.Low), number.Fixed(*r.High), r.Seconds, r.Confidence,
				r.Basis)
		} else {
			text += "; the limit can't be estimated: " + r.Basis
		}
		remarks = append(remarks, text)
	}
	if n := s.withheld[measure.Paused]; r.Pauses > 0 {
		remarks = append(remarks, fmt.Sprintf("the run paused %s after a 429, for %s s in all (load.on429: "+
			"pause); %s arrivals of that time were not sent",
			number.Times(uint64(r.Pauses)), number.Significant(r.Paused), number.Count(n)))
	}
	return remarks
}

// sureForbidden is how many 403s the slower seconds would have had, had their
// responses been refused as often as those of the faster ones, for it to be no
// chance that they had none: the odds are one in 150 then.
const sureForbidden = 5

// forbiddenSeconds is the fewest seconds, faster and slower ones each, that tell.
const forbiddenSeconds = 3

// forbiddenRemarks say of unexpected 403s that they were received only above some rate. The
// service limits rates by 429, but some users of it saw 403 in its place.
func (j *assessment) forbiddenRemarks() []string {
	var unexpected uint64
	for _, c := range j.measurement.Main.Cells {
		if !c.Failed && isForbidden(c.Label) {
			unexpected += c.Response.Count() - min(c.AsExpected, c.Response.Count())
		}
	}
	if unexpected == 0 {
		return nil
	}
	seconds := wholeSeconds(j.measurement)
	from := math.Inf(1) // the slowest second with a 403
	for _, s := range seconds {
		if s.forbidden > 0 {
			from = min(from, s.sent)
		}
	}
	var faster, slower float64 // requests of the seconds from there on, and below
	var refused, fast, slow float64
	for _, s := range seconds {
		if s.sent >= from {
			faster, refused, fast = faster+s.sent, refused+s.forbidden, fast+1
		} else {
			slower, slow = slower+s.sent, slow+1
		}
	}
	if fast < forbiddenSeconds || slow < forbiddenSeconds || slower*refused/faster < sureForbidden {
		return nil
	}
	return []string{fmt.Sprintf("%s responses were 403, and only in seconds with %s or more requests; %s "+
		"requests of slower seconds got none: "+
		"it may be a rate limit, which some see as 403 in place of 429; look for the license's limit, or "+
		"run at a lower rate",
		number.Count(unexpected), number.Fixed(from), number.Count(uint64(slower)))}
}

func isForbidden(label string) bool { return label == "403" || strings.HasPrefix(label, "403 ") }

// forbiddenSecond is a second with its requests and those of them that were
// refused with 403.
type forbiddenSecond struct{ sent, forbidden float64 }

func wholeSeconds(m *measure.Measurement) (all []forbiddenSecond) {
	for s := range m.Seconds.All() {
		from := time.Duration(s.Second) * time.Second
		if from < m.Main.Start || from+time.Second > m.Main.Start+m.Main.Planned {
			continue
		}
		one := forbiddenSecond{sent: float64(s.Response.Count())}
		for _, end := range s.Ends {
			if !end.Failed && isForbidden(end.Label) {
				one.forbidden += float64(end.Count)
			}
		}
		all = append(all, one)
	}
	return all
}

// A second is a burst where more was sent in it than was due around it, and either
// much more, or much of what was due before had not been sent: what was late goes out
// at once when it can, in a part of a second.
const (
	burstTimes = 1.2
	burstMore  = 5
)

type burst struct {
	seconds       int
	most, due     uint64 // sent in the fullest of them, and due in a second around it
	limited       uint64 // 429s of requests that were sent in one, or right after
	limitedBeside uint64 // all others
}

func bursts(m *measure.Measurement) (b burst) {
	waiting := waitingAt(m)
	isBurst := func(second int) (due uint64, is bool) {
		if second < 0 || second >= len(m.Flow.Sent) {
			return 0, false
		}
		for i := max(second-1, 0); i < min(second+2, len(m.Profile.Due)); i++ {
			due = max(due, m.Profile.Due[i])
		}
		sent := m.Flow.Sent[second]
		much := (burstTimes - 1) * float64(due)
		return due, sent >= due+burstMore && (float64(sent-due) > much || float64(waiting[second]) > much)
	}
	for second, sent := range m.Flow.Sent {
		due, is := isBurst(second)
		if is {
			b.seconds++
		}
		if is && sent > b.most {
			b.most, b.due = sent, due
		}
		limited := at(m.Flow.Limited, second)
		if _, before := isBurst(second - 1); is || before {
			b.limited += limited
		} else {
			b.limitedBeside += limited
		}
	}
	return b
}

// waitingAt counts for each second the arrivals that were due before it, were to be
// sent, and had not been sent when it began.
func waitingAt(m *measure.Measurement) []int64 {
	all, waiting := make([]int64, len(m.Flow.Sent)), int64(0)
	for second, sent := range m.Flow.Sent {
		all[second] = waiting
		waiting += int64(at(m.Profile.Due, second)) - int64(at(m.Profile.Withheld, second)) - int64(sent)
	}
	return all
}

// at is a count of a second; 0 beyond the last.
func at(counts []uint64, second int) uint64 {
	if second >= len(counts) {
		return 0
	}
	return counts[second]
}

// burstRemarks name the 429s that catching up brought: at the planned rate alone
// the service may not have sent them.
func (j *assessment) burstRemarks() []string {
	m := j.measurement
	if len(m.Profile.Due) == 0 || len(m.Flow.Limited) == 0 {
		return nil
	}
	b := bursts(m)
	if b.limited == 0 {
		return nil
	}
	which, what := fmt.Sprintf("%s of the 429s", number.Count(b.limited)), "the others arrived in seconds "+
		"in "+
		"which no more was sent than planned"
	if b.limitedBeside == 0 {
		which, what = fmt.Sprintf("all %s 429s", number.Count(b.limited)), "in other seconds there were none"
	}
	return []string{fmt.Sprintf(
		"%s arrived while mfaload caught up: up to %s requests were sent in a second in which at most %s "+
			"were "+
			"due (%s); %s. Requests that wait for a worker go out in a burst: remove load.workers, "+
			"or raise it",
		which, number.Count(b.most), number.Count(b.due), inSeconds(b.seconds), what)}
}

func inSeconds(n int) string {
	if n == 1 {
		return "in one second"
	}
	return fmt.Sprintf("in %d seconds", n)
}
