package capacity

import (
	_ "embed"
	"fmt"
	"slices"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// Schema names the format of capacity.json.
const Schema = "mfaload/capacity/v1"

//go:embed capacity.schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema of capacity.json.
func JSONSchema() []byte { return jsonSchema }

// Result is what capacity.json holds. Times are in milliseconds and rates in
// requests a second.
type Result struct {
	Schema   string    `json:"schema"`
	Scenario string    `json:"scenario"`
	Hash     string    `json:"scenario_hash"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	// Labels are what the search was given to be found by.
	Labels   measure.RunLabels `json:"labels,omitempty"`
	Duration float64           `json:"duration_s"`
	// Complete says that the search came to its end: it neither goes on, nor was
	// it interrupted.
	Complete bool         `json:"complete"`
	Rate     RateInterval `json:"rate"`
	// LimitedBy is the threshold that breaks above the rate, or "429", "backlog" or
	// "generator"; where nothing broke "maxRate", or "unknown" where that was not
	// tried.
	LimitedBy string `json:"limited_by"`
	// Thresholds are where each threshold is missed, the lowest rate first.
	Thresholds []ThresholdRate `json:"thresholds,omitempty"`
	// Settled says that the interval has the requested width and confidence.
	Settled bool         `json:"settled"`
	Reasons []string     `json:"reasons"`
	Answer  *TargetCheck `json:"planning,omitempty"`
	Trials  []TrialRow   `json:"trials"`
	// Cut are the folders of trials that were interrupted. They count for nothing.
	Cut   []string `json:"cut_trials,omitempty"`
	Curve Curve    `json:"curve"`
	Soak  *Soak    `json:"soak,omitempty"`
}

// RateInterval is the interval of the highest rate that holds. Low is null where no rate
// was found that holds, High where none was that does not.
type RateInterval struct {
	// Low and High are in requests a second.
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
	// Confidence is how sure it is that the rate lies between, from 0 to 1.
	Confidence float64 `json:"confidence" schema:"maximum=1"`
}

// ThresholdRate is the interval of the highest rate that meets a threshold. Low is null if no
// rate was found that meets it, High if none was found that misses it.
type ThresholdRate struct {
	Limit string `json:"limit"`
	// Time is what it limits; left out of a rate.
	Time *LimitedTime `json:"time,omitempty"`
	RateInterval
}

// LimitedTime is a time that a threshold limits.
type LimitedTime struct {
	Metric scenario.Metric `json:"metric" schema:"enum=response|service"`
	// Stat is "min", "mean", "max" or a percentile such as "p95".
	Stat string `json:"stat"`
	// Whole says that it is of all requests, not of a group's.
	Whole bool    `json:"whole"`
	Limit float64 `json:"limit_ms"`
}

// TrialRow is a trial.
type TrialRow struct {
	Number   int          `json:"number"`
	Rate     float64      `json:"rate"`
	Warmup   float64      `json:"warmup_s"`
	Duration float64      `json:"duration_s"`
	Verdict  TrialVerdict `json:"verdict"`
	// Broken is how likely it is that the rate is too high, by this trial alone.
	Broken float64 `json:"broken"`
	// By is what broke, or what came closest to it.
	By      string   `json:"by"`
	Reasons []string `json:"reasons"`
	// Ended is the condition of load.stopOn that ended it early: its figures are of
	// the part until then.
	Ended   string       `json:"ended_by,omitempty"`
	Limits  []TrialLimit `json:"limits"`
	Little  *Little      `json:"little,omitempty"`
	Figures TrialFigures `json:"figures"`
	// Served is how many responses as expected were received a second in the judged
	// part, and Unserved how many of its requests piled up.
	Served   float64 `json:"served_rate"`
	Unserved float64 `json:"unserved"`
	// Recovery is how the service recovered before it from an overload.
	Recovery *TrialRecovery `json:"recovery,omitempty"`
	Folder   string         `json:"folder,omitempty"`
}

// TrialRecovery is how a service recovered from an overload.
type TrialRecovery struct {
	Duration float64 `json:"duration_s"`
	// Back says that it was as fast as before.
	Back bool `json:"back"`
}

// TrialFigures are those of a report that a curve needs.
type TrialFigures struct {
	Requests report.Requests   `json:"requests"`
	Rate     report.Rate       `json:"rate"`
	Response report.Times      `json:"response_ms"`
	Service  report.Times      `json:"service_ms"`
	Statuses map[string]uint64 `json:"statuses"`
	Errors   map[string]uint64 `json:"errors"`
}

// TrialLimit is what a trial says of one threshold.
type TrialLimit struct {
	Limit string `json:"limit"`
	// Share of the requests that are over it, and the share that may be; of a
	// mean both are in seconds.
	Observed float64 `json:"observed"`
	Allowed  float64 `json:"allowed"`
	// Effective is how many independent requests would say as much.
	Effective float64 `json:"effective_requests"`
	Broken    float64 `json:"broken"`
}

// Little is the check of the requests in flight: counted, and as the rate times
// the service time.
type Little struct {
	Counted  float64 `json:"counted"`
	Expected float64 `json:"expected"`
	Agrees   bool    `json:"agrees"`
}

// Curve is what all trials together show.
type Curve struct {
	USL  *USL  `json:"usl,omitempty"`
	Knee *Knee `json:"knee,omitempty"`
}

// Result returns what was found as capacity.json holds it.
func (f *SearchResult) Result() *Result {
	r := &Result{Schema: Schema, Duration: f.Took.Seconds(), LimitedBy: f.LimitedBy, Settled: f.Settled,
		Reasons: f.reasons(), Trials: []TrialRow{},
		Rate: RateInterval{rateOrNil(f.Low), rateOrNil(f.High), number.Round(f.Confidence)}}
	for _, l := range f.Limits {
		t := ThresholdRate{Limit: l.Name, RateInterval: RateInterval{rateOrNil(l.Low), rateOrNil(l.High),
			number.Round(l.Confidence)}}
		if l.timed() {
			t.Time = &LimitedTime{l.Metric, l.statistic(), l.Group < 0, number.Round(1000 * l.Over)}
		}
		r.Thresholds = append(r.Thresholds, t)
	}
	for _, t := range f.Trials {
		r.Trials = append(r.Trials, t.row())
	}
	if f.reachedLimit() {
		if u, ok := FitUSL(f.Trials); ok {
			r.Curve.USL = u
		}
		if k, ok := findKnee(f.Trials); ok {
			r.Curve.Knee = &k
		}
	}
	return r
}

// reachedLimit says whether the service itself came to its limit: before that a curve has
// neither a knee nor an end.
func (f *SearchResult) reachedLimit() bool {
	return f.High > 0 && f.LimitedBy != LimitedByGenerator && f.LimitedBy != LimitedByRefusals
}

// reasons say why the search ended, and what else one should know.
func (f *SearchResult) reasons() []string {
	return slices.Concat([]string{f.Why}, f.Unproved, f.recoveryTexts())
}

func rateOrNil(x float64) *float64 {
	if x <= 0 {
		return nil
	}
	x = number.Round(x)
	return &x
}

// round keeps 3 decimals.
func (t *Trial) row() TrialRow {
	row := TrialRow{Number: t.Number, Rate: number.Round(t.Rate), Warmup: t.Warmup.Seconds(),
		Duration: float64(len(t.Seconds)), Verdict: t.Verdict,
		Broken: number.Round(t.Broken), By: t.By, Reasons: append([]string{}, t.Reasons...), Ended: t.Ended,
		Limits: []TrialLimit{}, Folder: t.Folder,
		Figures: TrialFigures{t.Figures.Requests, t.Figures.Rate, t.Figures.Response, t.Figures.Service,
			t.Figures.Statuses, t.Figures.Errors}}
	for _, j := range t.Judged {
		row.Limits = append(row.Limits, TrialLimit{j.Limit, j.Observed, j.Allowed, number.Round(j.Effective),
			number.Round(j.Broken)})
	}
	row.Served, row.Unserved = number.Round(t.Served), number.Round(max(t.Backlog.Unserved, 0))
	if r := t.Recovered; r != nil {
		row.Recovery = &TrialRecovery{number.Round(r.Took.Seconds()), r.Back}
	}
	if t.InFlight > 0 {
		row.Little = &Little{number.Round(t.InFlight), number.Round(t.Expected), len(t.checkLittle()) == 0}
	}
	return row
}

// JSON returns the result as capacity.json holds it.
func (r *Result) JSON() ([]byte, error) { return report.Encode(r) }

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
		a.Sentences = append(a.Sentences, fmt.Sprintf("%s is enough: %s holds, which is %.0f%% more", need,
			rateText(f.Low), 100*a.Headroom))
	case f.High > 0 && f.High < t.Rate && sure:
		a.Enough = "no"
		a.Sentences = append(a.Sentences, fmt.Sprintf("%s is not enough: %s is too much already, %.0f%% "+
			"less", need, rateText(f.High), 100*(1-f.High/t.Rate)))
	case f.Low == 0:
		a.Sentences = append(a.Sentences, fmt.Sprintf("mfaload can't tell whether %s is enough: no rate was "+
			"found that holds", need))
	default:
		a.Sentences = append(a.Sentences, fmt.Sprintf("mfaload can't tell whether %s is enough: the limit "+
			"is %s",
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
		return "nothing broke up to the highest rate that was tried, so the first limit is not known"
	case LimitedByGenerator:
		return "mfaload itself came to its limit first, so the service's first limit is not known"
	case LimitedByRefusals:
		return "the rate limit is reached first: it refuses with 429, at a rate " + f.Interval()
	case LimitedByBacklog:
		return "a backlog comes first: requests pile up, at a rate " + f.Interval()
	}
	return fmt.Sprintf("the first limit is %s, at a rate %s", f.LimitedBy, f.Interval())
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
