package capacity

import (
	"fmt"
	"time"

	"mfaload/internal/number"
)

// TargetRate is the rate that somebody needs.
type TargetRate struct {
	// RateInterval is in requests a second.
	Rate float64
	// From says where it comes from, such as "2,000,000 logins a day"; empty where
	// it was given as a rate.
	From string
}

// TargetCheck says whether what was found is enough.
type TargetCheck struct {
	TargetRate float64 `json:"target_rate"`
	// Enough is "yes", "no" or "unclear".
	Enough string `json:"enough"`
	// Headroom is by which share the rate that holds is above the target; below 0
	// where it is not.
	Headroom float64 `json:"headroom"`
	// Sentences are the answer in words: whether it is enough, and what goes
	// first.
	Sentences []string `json:"sentences"`
}

// TargetCheck compares what was found with a target.
func (f *SearchResult) Check(t TargetRate) TargetCheck {
	a := TargetCheck{TargetRate: t.Rate, Enough: "unclear", Headroom: f.Low/t.Rate - 1}
	need := rateText(t.Rate)
	if t.From != "" {
		need += " (" + t.From + ")"
	}
	sure := f.Confidence >= confidenceMin
	switch {
	case f.Low >= t.Rate && sure:
		a.Enough = "yes"
		a.Sentences = append(a.Sentences, fmt.Sprintf("%s is enough: %s holds, which is %.0f %% more", need,
			rateText(f.Low), 100*a.Headroom))
	case f.High > 0 && f.High < t.Rate && sure:
		a.Enough = "no"
		a.Sentences = append(a.Sentences, fmt.Sprintf("%s is not enough: %s is too much already, %.0f %% "+
			"less", need, rateText(f.High), 100*(1-f.High/t.Rate)))
	case f.Low == 0:
		a.Sentences = append(a.Sentences, fmt.Sprintf("whether %s is enough can't be told: no rate was "+
			"found that holds", need))
	default:
		a.Sentences = append(a.Sentences, fmt.Sprintf("whether %s is enough can't be told: the limit is %s",
			need, f.Interval()))
	}
	a.Sentences = append(a.Sentences, f.limitedFirst())
	return a
}

// confidenceMin is how sure an interval has to be for a plan to rest on it.
const confidenceMin = 0.9

// limitedFirst says what goes first.
func (f *SearchResult) limitedFirst() string {
	switch f.LimitedBy {
	case LimitedByMaxRate, LimitedByUnknown:
		return "nothing broke up to the highest rate that was tried, so what goes first is not known"
	case LimitedByGenerator:
		return "mfaload itself came to its limit first, so what goes first in the service is not known"
	case LimitedByRefusals:
		return "a rate limit goes first: it refuses with 429, at a rate " + f.Interval()
	case LimitedByBacklog:
		return "a backlog goes first: requests pile up, at a rate " + f.Interval()
	}
	return fmt.Sprintf("what goes first is %s, at a rate %s", f.LimitedBy, f.Interval())
}

// Interval is the interval in words.
func (f *SearchResult) Interval() string {
	switch {
	case f.High == 0 && f.Low == 0:
		return "not known"
	case f.High == 0:
		return "at least " + rateText(f.Low)
	case f.Low == 0:
		return "below " + rateText(f.High)
	}
	return fmt.Sprintf("between %s and %s", rateText(f.Low), rateText(f.High))
}

// rateText writes a rate to four digits.
func rateText(rate float64) string {
	if rate >= 1000 {
		return fmt.Sprintf("%.0f/s", rate)
	}
	return fmt.Sprintf("%.4g/s", rate)
}

// SearchPlan is what a search may do at most, which is known before it starts.
type SearchPlan struct {
	Trials int
	// First is how long the first trial is judged, Longest how long any may be.
	First, Longest time.Duration
	// Percentile is how many requests the percentiles of the thresholds need in
	// each trial from the first break on.
	Percentile float64
	Budget     time.Duration
	// Requests is an upper bound of those of the whole search.
	Requests uint64
}

// NewSearchPlan returns the plan of a search.
func NewSearchPlan(o SearchOptions) SearchPlan {
	p := SearchPlan{Trials: o.Trials, Budget: o.Budget, First: o.Trial}
	p.Percentile = LengthNeeded(o.Limits, 1).Seconds()
	p.Longest = (o.Budget / trialsMin).Truncate(time.Second)
	if first := o.Settle + o.Warmup + p.First; first > o.Budget {
		p.Trials = 0
	}
	p.Requests = uint64(float64(o.MaxRate) * o.Budget.Seconds())
	if o.MaxRequests > 0 {
		p.Requests = min(p.Requests, o.MaxRequests)
	}
	return p
}

// Text says what a search does at most.
func (p SearchPlan) Text(o SearchOptions) string {
	text := fmt.Sprintf("at most %d trials within %v, from %s up to at most %s\n", p.Trials, p.Budget,
		o.StartRate, o.MaxRate)
	text += fmt.Sprintf("a trial is judged over %v at first and %v at most, after %v of warm-up; %v lie "+
		"between two\n", p.First, p.Longest, o.Warmup, o.Settle)
	if p.Percentile > 0 {
		text += fmt.Sprintf("the percentiles of the thresholds need %s requests in each trial from the "+
			"first break on\n", number.Count(uint64(p.Percentile)))
	}
	return text + fmt.Sprintf("at most %s requests in all\n", number.Count(p.Requests))
}
