// Package capacity finds the highest rate at which the thresholds of a scenario
// still hold, and says how sure it is. The search is pure: it is given a function
// that tries a rate for a while, so it runs against a service as well as against
// simulated servers on a virtual clock.
package capacity

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"mfaload/internal/number"
	"mfaload/report"
	"mfaload/scenario"
)

// TrialSpec is a trial that the search wants.
type TrialSpec struct {
	// Number counts the trials from 1.
	Number int
	// RateInterval is in requests a second.
	Rate float64
	// Warmup comes first, at the same rate, and Length is judged.
	Warmup, Length time.Duration
	// Settle is how long nothing is sent before the trial.
	Settle time.Duration
	// Recovery comes after that, where the trial before was an overload; nil for
	// none.
	Recovery *Recovery
}

// TotalTime is how long the trial is, with what comes before it.
func (a TrialSpec) TotalTime() time.Duration { return a.Settle + a.Warmup + a.Length }

// Requests is how many it sends on average.
func (a TrialSpec) Requests() float64 { return a.Rate * (a.Warmup + a.Length).Seconds() }

// Outcome is what a trial measured.
type Outcome struct {
	// Seconds are its judged part, in order, and Before those of the warm-up, of
	// which no limit is judged.
	Seconds, Before []TrialSecond
	// Quantiles are the times that the allowed share of the requests of each limit
	// is above, in seconds; 0 where a limit is of no time.
	Quantiles []float64
	// Best is the same without what mfaload itself may have caused; nil where it harmed
	// nothing. See docs/decisions/0051.
	Best *Best
	// Refused counts the responses 429 in it.
	Refused uint64
	// Achieved is the achieved rate as a share of the planned one.
	Achieved float64
	// Doubts say why the trial tells nothing of the service: mfaload was at
	// fault. Empty where it was not.
	Doubts []string
	// Interrupted says that it was stopped before its end.
	Interrupted bool
	// Ended is the condition of the scenario that ended it early; "" for none.
	Ended string
	// Figures are those of a report.
	Figures report.Figures
	// InFlight is the mean number of requests in flight as counted while it ran, and
	// Expected what it is by the times of the requests; InFlight is 0 where nobody
	// counted.
	InFlight, Expected float64
	// Served is how many responses as expected were received a second in the judged
	// part, whenever their requests were sent.
	Served  float64
	Backlog Backlog
	// Drained is how long requests were waited for after the end of the schedule.
	Drained time.Duration
	// Recovered is how the service recovered before the trial; nil where that was
	// not watched.
	Recovered *Recovered
	// Folder is where its results are kept, "" for nowhere.
	Folder string
}

// RunTrial tries a rate. An error ends the search.
type RunTrial func(context.Context, TrialSpec) (*Outcome, error)

// TrialVerdict is what a trial says of its rate.
type TrialVerdict string

const (
	// Pass means that the thresholds hold at the rate.
	Pass TrialVerdict = "pass"
	// Break means that one does not, or that a longer trial would show it.
	Break TrialVerdict = "break"
	// Inconclusive means that the trial does not say: too close to a limit for
	// its length, or mfaload itself was at fault.
	Inconclusive TrialVerdict = "inconclusive"
)

// What limits a service, next to its thresholds.
const (
	LimitedByRefusals  = "429"
	LimitedByBacklog   = "backlog"
	LimitedByGenerator = "generator"
	// LimitedByMaxRate means that the highest rate that may be tried was tried, and
	// holds; LimitedByUnknown that nothing broke up to a lower one.
	LimitedByMaxRate = "maxRate"
	LimitedByUnknown = "unknown"
)

// Trial is a trial with its judgement.
type Trial struct {
	TrialSpec
	Outcome
	Verdict TrialVerdict
	// Broken is how likely it is that the rate is too high, by this trial alone.
	Broken float64
	// By is what broke, or what came closest to it.
	By string
	// At is the rate that it says something of: its own, or a lower one where a
	// rate limit refused what was above that.
	At float64
	// Growing says that the response time went up all through the trial: its
	// figures are those of a queue that was still filling.
	Growing bool
	// Overloaded says that the service may still be busy with what the trial left
	// behind.
	Overloaded bool
	// Judged are the limits one by one.
	Judged []Judged
	// Reasons say why the trial is inconclusive, and what else one should know.
	Reasons []string
}

// SearchOptions say how to search. They are those of a scenario.
type SearchOptions struct {
	scenario.Capacity
	Limits []Criterion
	// MaxRequests is a cap over all trials; 0 is none. Spent are requests that count for it and belong to no
	// trial of the search, as they are no evidence.
	MaxRequests, Spent uint64
	// Recorded are trials of the search that were made before it was interrupted,
	// in order: it goes on after them.
	Recorded []*Trial
}

// SearchResult is the outcome of a search.
type SearchResult struct {
	Trials []*Trial
	// Low and High are the interval of the highest rate that holds, in requests a
	// second. High is 0 where no rate was found that does not hold, Low where none
	// was that does.
	Low, High float64
	// Confidence is how sure it is that the rate lies between.
	Confidence float64
	// LimitedBy is what breaks above it.
	LimitedBy string
	// Limits are where each limit is missed, the lowest rate first.
	Limits []LimitInterval
	// Settled says that the interval has the requested width and confidence.
	Settled bool
	// Why says why the search ended, and Unproved which limits too few requests
	// judge.
	Why      string
	Unproved []string
	// Took is how long the trials were, with what came between them.
	Took time.Duration
}

// Criterion is a threshold as a search looks at it: a share of requests that is
// allowed, or a mean.
type Criterion struct {
	Name string
	// Group is the index of the group that it judges; -1 is all.
	Group  int
	Metric scenario.Metric
	// Over is the time that requests may take, in seconds; 0 for rates.
	Over float64
	// Allowed is the share of requests that may be over it, or that may fail.
	Allowed float64
	// Mean says that the mean of the times is judged against Over.
	Mean bool
}

// Criteria are a scenario's thresholds.
func Criteria(s *scenario.Scenario) (all []Criterion) {
	for _, t := range s.Thresholds {
		l := Criterion{Name: t.String(), Group: -1, Metric: t.Metric}
		for i, g := range s.Groups {
			if g.Name == t.Group {
				l.Group = i
			}
		}
		switch {
		case t.Metric == scenario.AchievedRate:
			l.Allowed = 1 - t.Limit
		case !l.timed():
			l.Allowed = t.Limit
		default:
			l.Over = t.Limit
			switch t.Stat {
			case "mean":
				l.Mean = true
			case "max":
			case "min":
				l.Allowed = math.Nextafter(1, 0)
			default:
				l.Allowed = max(1-t.Quantile/100, 0)
			}
		}
		all = append(all, l)
	}
	return all
}

// statistic is which of the times it judges; "" of a rate.
func (l *Criterion) statistic() string {
	switch percent := 100 * (1 - l.Allowed); {
	case !l.timed():
		return ""
	case l.Mean:
		return "mean"
	case l.Allowed == 0:
		return "max"
	case percent < 0.01:
		return "min"
	default:
		return "p" + strconv.FormatFloat(number.RoundDecimals(percent, 6), 'f', -1, 64)
	}
}

func (l *Criterion) timed() bool {
	return l.Metric == scenario.Response || l.Metric == scenario.Service
}

// TrialSecond is a second of a trial, by the times at which requests were due.
type TrialSecond struct {
	// Sent are the requests that were sent, Expected the responses among them that
	// the scenario expects, and Response the sum of their response times in
	// seconds.
	Sent, Expected, Response float64
	// Tallies are one for each limit.
	Tallies []Tally
}

// Requests are counted above each of several times: the limit, some above it,
// and ever lower ones, by the square root of a half.
const (
	levels  = 22
	atLimit = 4 // the level that is the limit itself
)

// level is the i-th time, in seconds.
func (l *Criterion) level(i int) float64 { return l.Over * ofLimit[i] }

// ofLimit are the levels as parts of the limit.
var ofLimit = func() (parts [levels]float64) {
	for i := range parts {
		parts[i] = math.Pow(2, float64(atLimit-i)/2)
	}
	return parts
}()

// Tally counts the requests of a second that a limit judges.
type Tally struct {
	// Of is how many there are.
	Of float64
	// Over counts those above each level of the limit. Where the limit is of no
	// time, only that of the limit counts: those that fail.
	Over [levels]float64
	// Sum is the sum of their times, in seconds.
	Sum float64
}

// Add counts requests that took a time.
func (t *Tally) Add(l *Criterion, took time.Duration, n float64) {
	seconds := took.Seconds()
	t.Of += n
	t.Sum += seconds * n
	for i := levels - 1; i >= 0 && seconds > l.level(i); i-- {
		t.Over[i] += n
	}
}

// Fail counts requests for a limit of a rate: all of them, and those that fail.
func (t *Tally) Fail(of, failed float64) {
	t.Of += of
	t.Over[atLimit] += failed
}

// LimitInterval is where a limit is missed: up to Low it is met, from High on it is not, in
// requests a second; 0 is not known.
type LimitInterval struct {
	Criterion
	Low, High float64
	// Confidence is how sure it is that the highest rate that keeps the limit lies between.
	Confidence float64
}

// limitIntervals are those of all limits from the same trials, in the order in which they are
// missed as the rate goes up: each trial tells of each limit. What is far above the rate that
// the search closed in on has a wide interval.
func (s *search) limitIntervals() (all []LimitInterval) {
	for i := range s.Limits {
		all = append(all, s.ofLimit(i).limitInterval())
	}
	end := func(rate float64) float64 {
		if rate == 0 {
			return math.Inf(1)
		}
		return rate
	}
	slices.SortStableFunc(all, func(a, b LimitInterval) int {
		return cmp.Or(cmp.Compare(end(a.High), end(b.High)), cmp.Compare(a.Low, b.Low))
	})
	return all
}

// limitInterval is that of a search with one limit.
func (s *search) limitInterval() LimitInterval {
	s.setInterval(s.posterior())
	f := s.found
	if f.Low > 0 {
		f.Confidence = min(f.Confidence, s.proved(f.Low))
	}
	return LimitInterval{s.Limits[0], f.Low, f.High, f.Confidence}
}

// ofLimit is the search as if it had the i-th limit only.
func (s *search) ofLimit(i int) *search {
	one := &search{SearchOptions: s.SearchOptions, found: &SearchResult{}}
	one.Limits = s.Limits[i : i+1]
	for _, t := range s.found.Trials {
		one.found.Trials = append(one.found.Trials, t.ofLimit(&s.Limits[i], i))
	}
	return one
}

// ofLimit is what a trial says of the i-th limit alone. What was refused took no time, so a
// trial with refusals says nothing of the times at its rate.
func (t *Trial) ofLimit(l *Criterion, i int) *Trial {
	one := *t
	one.Judged, one.Seconds = nil, nil
	if one.Broken = 0.5; i < len(t.Judged) && len(t.Doubts) == 0 && !t.Interrupted &&
		!(l.timed() && t.Refused > 0) {
		j := t.Judged[i]
		one.Broken, one.Judged = j.Broken, []Judged{j}
		if j.Open {
			one.Broken = min(j.Broken, 1-verdictMin)
		}
	}
	for _, second := range t.Seconds {
		if i < len(second.Tallies) {
			second.Tallies = second.Tallies[i : i+1]
		}
		one.Seconds = append(one.Seconds, second)
	}
	one.By, one.Verdict = l.Name, verdictOf(one.Broken)
	return &one
}

// verdictOf is what a trial says that is so likely to be broken.
func verdictOf(broken float64) TrialVerdict {
	switch {
	case broken >= verdictMin:
		return Break
	case broken <= 1-verdictMin+1e-9:
		return Pass
	}
	return Inconclusive
}
