package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/scenario"
)

// threshold judges one threshold. It is missed only where it would be missed
// whatever the doubtful part had been: see docs/decisions/0051.
func (j *assessment) threshold(t scenario.Threshold) Threshold {
	judged := unjudged(t)
	var missed, certain bool
	switch t.Metric {
	case scenario.Response, scenario.Service:
		missed, certain = j.judgeTimes(t, &judged)
	case scenario.AchievedRate:
		missed, certain = j.judgeAchieved(t, &judged)
	case scenario.Goodput:
		missed, certain = j.judgeGoodput(t, &judged)
	default:
		missed, certain = j.judgeShare(t, &judged)
	}
	few := needed(t)
	switch {
	case judged.State == NoData:
	case missed && certain:
		judged.State = Missed
	case judged.Of < few:
		judged.State = Undecided
		judged.Why = fmt.Sprintf("%s %s: %s of at least %s; run longer or faster", tooFew, t,
			number.Count(judged.Of), number.Count(few))
	case missed:
		judged.State, judged.Why = Undecided, j.excuse(t)
	default:
		judged.State, judged.Passed = Met, true
	}
	return judged
}

func unjudged(t scenario.Threshold) Threshold {
	judged := Threshold{Expression: t.String(), Group: t.Group, Unit: "%", Limit: number.Percent(t.Limit),
		AtLeast: t.AtLeast()}
	switch t.Metric {
	case scenario.Response, scenario.Service:
		judged.Unit, judged.Limit = "ms", number.Round(1000*t.Limit)
	case scenario.Goodput:
		judged.Unit, judged.Limit = "/s", t.Limit
	}
	return judged
}

const tooFew = "too few requests to judge"

func (t *Threshold) noData(why string) (missed, certain bool) {
	t.State, t.Why = NoData, why
	return false, false
}

// needed is how many requests it takes for one of them to lie beyond a percentile:
// of fewer it is just their maximum.
func needed(t scenario.Threshold) uint64 {
	if t.Quantile > 0 && t.Quantile < 100 {
		return uint64(math.Ceil(100/(100-t.Quantile) - 1e-9))
	}
	return 1
}

func (j *assessment) judgeTimes(t scenario.Threshold, judged *Threshold) (missed, certain bool) {
	service := t.Metric == scenario.Service
	group := j.groupOf(t)
	s := j.of(t)
	w := &s.judged[0]
	if service {
		w = &s.judged[1]
	}
	if missed = judged.time(t, w); !missed {
		return false, false
	}
	limit := timeLimit(t)
	best := j.measurement.Main.BestWaits(group, service)
	j.doubtful().Forgive(j.measurement, best, group, service, s.NeverSent())
	n := max(judged.Of+j.unknown(s), needed(t))
	mean := measure.Bound{Time: time.Duration(best.Sum() / float64(n) * float64(time.Second)),
		AtLeast: best.Unserved() > 0}
	return true, exceeds(t, limit, j.doubtful().Beyond(best, limit), n, mean)
}

// time fills in the time that a threshold judges, and says whether it is missed.
func (t *Threshold) time(of scenario.Threshold, w *measure.Waits) (missed bool) {
	t.Of, t.Unserved = w.Count(), w.Unserved()
	if t.Of == 0 {
		missed, _ = t.noData("no request was served")
		return missed
	}
	limit, observed := timeLimit(of), Statistic(w, of)
	missed = exceeds(of, limit, w.Beyond(limit), t.Of, observed)
	t.ObservedAtLeast = observed.AtLeast
	if !missed && !observed.AtLeast {
		observed.Time = min(observed.Time, limit) // it shares a bucket with the limit
	}
	t.Observed = Milliseconds(observed.Time)
	return missed
}

func timeLimit(t scenario.Threshold) time.Duration {
	return time.Duration(math.Round(t.Limit * float64(time.Second)))
}

// exceeds says whether a statistic of n arrivals is above a limit, of which so many
// are beyond it. Of a mean the value counts; that of an arrival that was never
// served has no upper end.
func exceeds(t scenario.Threshold, limit time.Duration, beyond, n uint64, mean measure.Bound) bool {
	switch t.Stat {
	case "mean":
		return mean.AtLeast || mean.Time > limit
	case "min":
		return beyond >= n
	case "max":
		return beyond > 0
	}
	return beyond > n-measure.Rank(t.Quantile, n)
}

// Statistic is what a threshold of times judges of some arrivals.
func Statistic(w *measure.Waits, t scenario.Threshold) measure.Bound {
	switch t.Stat {
	case "min":
		return w.Min()
	case "mean":
		return w.Mean()
	case "max":
		return w.Max()
	}
	return w.Percentile(t.Quantile)
}

func (j *assessment) judgeShare(t scenario.Threshold, judged *Threshold) (missed, certain bool) {
	s := j.of(t)
	var share, best measure.Share
	none := "no request got a complete response"
	// At best the arrivals of which nothing is known would have been none of these,
	// and those that got no response for mfaload's sake would have got a good one.
	doubtful, unknown := j.doubtful().Failures(j.measurement, j.groupOf(t), s.NeverSent()), j.unknown(s)
	switch t.Metric {
	case scenario.ErrorRate:
		share, best = s.ErrorRate(), s.BestErrorRate(doubtful, unknown)
		judged.Causes, none = s.errorCauses(), "no request was sent"
	case scenario.ViolationRate:
		share, best = s.ViolationRate(), s.BestViolationRate(doubtful, unknown)
		judged.Causes = j.violationCauses(j.groupOf(t))
		none += ", so the contract was never checked"
	case scenario.RateLimitedRate:
		share, best = s.RateLimitedRate(), s.BestRateLimitedRate(doubtful, unknown)
	}
	if judged.Count, judged.Of = share.N, share.Of; share.Of == 0 {
		return judged.noData(none)
	}
	if why := j.neverChecked(s); why != "" && t.Metric == scenario.ViolationRate && share.N == 0 {
		return judged.noData(why)
	}
	if share.N == 0 {
		judged.Causes = nil
	}
	missed = share.Value() > t.Limit
	judged.show(share.Value(), t.Limit)
	return missed, missed && best.Value() > t.Limit
}

// judgeAchieved holds the rate of sending against the least that may be. Late sends
// may be mfaload's own fault: in a short run that of the last request alone is
// enough.
func (j *assessment) judgeAchieved(t scenario.Threshold, judged *Threshold) (missed, certain bool) {
	s, main := j.of(t), &j.measurement.Main
	took := main.Sending()
	achieved, ok := s.AchievedRate(main.Planned, took)
	judged.Count, judged.Of = s.Sent()+s.InFlight, s.Scheduled-s.RanOut-s.Own
	if !ok {
		return judged.noData("no request was due")
	}
	missed = achieved < t.Limit
	judged.show(achieved, t.Limit)
	best := s.Counts
	if doubtful := j.doubtful(); doubtful.Any() {
		best.InFlight += min(doubtful.Unsent(j.measurement, s.NeverSent()), s.NeverSent())
		took = main.Planned
	}
	atBest, _ := best.AchievedRate(main.Planned, took-main.Own.Max())
	return missed, atBest < t.Limit
}

// unknown counts the arrivals that say nothing of the service, and might have: those
// that mfaload could not send, and those of lost shards.
func (j *assessment) unknown(s *sum) uint64 { return s.Own + j.lostArrivals() }

// groupOf is the index of the group that a threshold judges; -1 for all.
func (j *assessment) groupOf(t scenario.Threshold) int {
	for i, name := range j.measurement.Groups {
		if name == t.Group {
			return i
		}
	}
	return -1
}

func (j *assessment) of(t scenario.Threshold) *sum {
	if i := j.groupOf(t); i >= 0 {
		return j.sums.groups[i]
	}
	return j.sums.all
}

// show fills in a share, with as many digits as it takes to see on which side of
// the limit it is.
func (t *Threshold) show(share, limit float64) {
	t.Observed, t.Limit = number.Percent(share), number.Percent(limit)
	if missed := share > limit; missed != (t.Observed > t.Limit) ||
		(share < limit) != (t.Observed < t.Limit) {
		t.Observed, t.Limit = 100*share, number.RoundTo(100*limit, 12)
		for digits := 4; digits < 12; digits++ {
			if x := number.RoundTo(100*share, digits); (x > t.Limit) == missed &&
				(x < t.Limit) == (share < limit) {
				t.Observed = x
				break
			}
		}
	}
}

// decimals is how many of them a text may show: of a time no more than histograms
// have, of a share, which is counted, as many as there are.
func (t Threshold) decimals() int {
	if t.Unit != "ms" {
		return 12
	}
	resolution := measure.Resolution(time.Duration(t.Observed * float64(time.Millisecond)))
	return min(max(int(math.Ceil(-math.Log10(Milliseconds(resolution)))), 0), 3)
}

// ObservedText is the value as the report's texts show it: three significant digits, or
// as many more as it takes to see that it is beyond the limit.
func (t Threshold) ObservedText() string {
	if t.State == NoData {
		return "no data"
	}
	text := number.Significant(t.Observed)
	for digits := 0; digits <= t.decimals() && !t.seen(text); digits++ {
		text = number.Plain(number.RoundDecimals(t.Observed, digits))
	}
	prefix := ""
	if t.ObservedAtLeast {
		prefix = "≥ "
	}
	return number.WithUnit(prefix+text, t.Unit)
}

// NoisyText is [Threshold.ObservedText] with how sure it is.
func (t Threshold) NoisyText() string {
	if noise := t.NoiseText(); noise != "" {
		return t.ObservedText() + " " + noise
	}
	return t.ObservedText()
}

// seen says whether a text shows on which side of the limit the value is.
func (t Threshold) seen(text string) bool {
	x, err := strconv.ParseFloat(text, 64)
	return err == nil && (x > t.Limit) == (t.Observed > t.Limit) && (x < t.Limit) == (t.Observed < t.Limit)
}

// details are what the share is made of: counts, and the causes.
func (t Threshold) details() string {
	var b strings.Builder
	switch {
	case t.State == NoData:
		return ": " + t.Why
	case t.Unit == "%" && t.Count != t.Of && !t.AtLeast || t.Unit == "%" && len(t.Causes) > 0:
		fmt.Fprintf(&b, " (%s of %s)", number.Count(t.Count), number.Count(t.Of))
	case t.Unit == "/s":
		fmt.Fprintf(&b, " (%s good of %s)", number.Count(t.Count), number.Count(t.Of))
	case t.Unit == "ms" && t.Unserved > 0:
		fmt.Fprintf(&b, " (%s of %s arrivals were never served)", number.Count(t.Unserved),
			number.Count(t.Of))
	}
	if len(t.Causes) > 0 {
		b.WriteString(": " + causesText(t.Causes))
	}
	return b.String()
}

// Text says what a threshold came to that is not met.
func (t Threshold) Text() string {
	text := t.Expression + ": "
	switch {
	case t.State == NoData:
		return text + "no data" + t.details()
	case strings.HasPrefix(t.Why, tooFew):
		return t.Why
	}
	if text += "observed " + t.NoisyText() + t.details(); t.State == Undecided {
		text += "; undecided: " + t.Why
	}
	return text
}

// errorCauses are what the error rate consists of: failures, responses other than
// expected, arrivals that were never sent.
func (s *sum) errorCauses() (causes []Cause) {
	for what, n := range s.errors {
		if measure.IsNotDelivered(what) {
			continue
		}
		causes = append(causes, Cause{what, n})
	}
	for what, n := range s.unexpected {
		causes = append(causes, Cause{what, n})
	}
	if n := s.NeverSent(); n > 0 {
		causes = append(causes, Cause{"unsent", n})
	}
	return sortCauses(causes)
}

// violationCauses are the rules that the responses of a group broke at level fail, or
// those of all where it is below 0. Thresholds of all share them.
func (j *assessment) violationCauses(group int) []Cause {
	if group >= 0 && len(j.measurement.Groups) > 1 {
		return sortCauses(j.brokenRules(func(g *measure.ViolationGroup) uint64 {
			if group < len(g.ByGroup) {
				return g.ByGroup[group]
			}
			return 0
		}))
	}
	if j.broken == nil {
		j.broken = sortCauses(
			j.brokenRules(func(g *measure.ViolationGroup) uint64 { return g.Count - g.InWarmup }))
	}
	return j.broken
}

func (j *assessment) brokenRules(counted func(*measure.ViolationGroup) uint64) []Cause {
	causes := []Cause{}
	for _, g := range j.measurement.Violations {
		n := counted(g)
		if n == 0 || !g.Fails {
			continue
		}
		what := g.Rule
		if g.Pointer != "" {
			what += " at " + g.Pointer
		}
		causes = append(causes, Cause{text.Brief(what, text.MaxName), n})
	}
	return causes
}

func sortCauses(causes []Cause) []Cause {
	slices.SortFunc(causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return causes
}

const maxNamedCauses = 4

func causesText(causes []Cause) string {
	var texts []string
	for i, c := range causes {
		if i == maxNamedCauses {
			texts = append(texts, fmt.Sprintf("%d more in report.json", len(causes)-maxNamedCauses))
			break
		}
		texts = append(texts, fmt.Sprintf("%s × %s", number.Count(c.Count), c.What))
	}
	return strings.Join(texts, ", ")
}

// foreign is how the label of a response ends that has no body of the service's: it
// is a gateway's, of which the contract promises next to nothing.
const foreign = " not from the service"

// neverChecked says why the contract was never checked, although responses were
// received; "" where it was.
func (j *assessment) neverChecked(s *sum) string {
	const so = ", so the contract was never checked"
	if rules := j.measurement.Coverage; len(rules) > 0 && !exercised(rules) {
		return "no rule of the contract was exercised" + so
	}
	var causes []Cause
	for label, n := range s.statuses {
		if !strings.HasSuffix(label, foreign) {
			return ""
		}
		causes = append(causes, Cause{label, n})
	}
	if len(causes) == 0 {
		return ""
	}
	return fmt.Sprintf("no response was the service's own (%s)%s", causesText(sortCauses(causes)), so)
}

func exercised(rules []measure.RuleCount) bool {
	for _, r := range rules {
		if r.Evaluated > 0 {
			return true
		}
	}
	return false
}
