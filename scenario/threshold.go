package scenario

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"mfaload/scenario/form"
)

// Threshold is one limit that a run must keep to pass.
type Threshold struct {
	// Group is the name of the group that it judges; "" is the whole run.
	Group string `json:"group,omitempty"`
	// Flow says that it judges the steps that follow requests, and not the requests.
	Flow bool `json:"flow,omitempty"`
	// Metric is what it judges.
	Metric Metric `json:"metric"`
	// Stat is "min", "mean", "max" or a percentile such as "p99.9", for
	// Response and Service; "" else.
	Stat string `json:"stat,omitempty"`
	// Quantile is the percentile of Stat, above 0 and up to 100; 0 where Stat
	// is not a percentile.
	Quantile float64 `json:"quantile,omitempty"`
	// Limit is in seconds for Response and Service and a share (0.01 is 1 %)
	// for the rates, and per second for Goodput. It is a lower limit for AchievedRate and
	// Goodput, an upper one else.
	Limit float64 `json:"limit"`
	// Written is the limit as the file has it, for example "300ms" or "0.1%".
	Written string `json:"written"`
}

// Metric is a quantity that a threshold judges.
type Metric string

const (
	// Response is the response time: last byte − intended time.
	Response Metric = "response"
	// Service is the service time: last byte − actual send.
	Service Metric = "service"
	// ErrorRate is the share of the scheduled requests with no response, or with
	// an unexpected response.
	ErrorRate Metric = "errorRate"
	// ViolationRate is the share of the responses that break the contract.
	ViolationRate Metric = "violationRate"
	// RateLimitedRate is the share of the responses that are 429, expected or not.
	RateLimitedRate Metric = "rateLimitedRate"
	// ConnectionFailures is the number of requests in a row that found no
	// connection, or lost it. It ends runs only.
	ConnectionFailures Metric = "connectionFailures"
	// AchievedRate is the achieved arrival rate as a share of the planned one.
	AchievedRate Metric = "achievedRate"
	// Goodput is the rate of good responses: see [Scenario.GoodWithin].
	Goodput Metric = "goodput"
)

// String returns the threshold as reports show it, for example
// "response p95 <= 300ms" or "email-otp: errorRate <= 0.1%".
func (t Threshold) String() string {
	s := string(t.Metric)
	if t.Stat != "" {
		s += " " + t.Stat
	}
	op := " <= "
	if t.AtLeast() {
		op = " >= "
	}
	if t.Flow {
		s = "flow " + s
	}
	s += op + t.Written
	if t.Group != "" {
		s = t.Group + ": " + s
	}
	return s
}

// AtLeast says that its limit is the least that passes.
func (t Threshold) AtLeast() bool { return t.Metric == AchievedRate || t.Metric == Goodput }

// GoodWithin returns by group the response time up to which a response is good: the limit
// that the group's response thresholds set on their highest percentile, max being p100, or
// else those of the whole run. 0 is any time. See docs/decisions/0074.
func (s *Scenario) GoodWithin() []time.Duration {
	limits := make([]time.Duration, len(s.Groups))
	for i := range s.Groups {
		limits[i] = cmp.Or(highestLimit(s.Thresholds, s.Groups[i].Name), highestLimit(s.Thresholds, ""))
	}
	return limits
}

func highestLimit(all []Threshold, group string) (limit time.Duration) {
	highest := 0.0
	for _, t := range all {
		quantile := t.Quantile
		if t.Stat == "max" {
			quantile = 100
		}
		if t.Metric == Response && t.Group == group && quantile > highest {
			highest = quantile
			limit = time.Duration(math.Round(t.Limit * float64(time.Second)))
		}
	}
	return limit
}

func (t Threshold) ofTimes() bool { return t.Metric == Response || t.Metric == Service }

// thresholdSet are the thresholds of a file: those of the whole run in the file's
// order with the defaults after them, and those of groups.
type thresholdSet struct {
	whole               []Threshold
	Groups              []form.Entry[[]Threshold]
	Confidence, Between float64
}

var limitsForm = form.Mapping[thresholdSet](nil, append(
	form.Within(func(l *thresholdSet) *[]Threshold { return &l.whole }, limitKeys("0%", "0%", "99%")),
	form.Key("groups", form.Dictionary("a mapping", "of groups to their thresholds", "", anyGroup,
		form.Mapping[[]Threshold](nil, limitKeys("", "", ""))),
		"Thresholds of single groups, by their names."),
	form.Key("confidence", confidenceShare,
		"How sure PASS and FAIL have to be, 95% for example: a threshold that the run's noise leaves open "+
			"is undecided. Without it the observed values decide."),
	form.Key("between", betweenShare,
		"By how much runs are known to differ for reasons that no single run shows, as a standard "+
			"deviation: 3% for example. It widens the intervals."),
))

// confidenceShare is sure enough to be called so, and no more than the seconds of a run can tell.
var confidenceShare = shareWithin(0.8, 0.999)

var betweenShare = shareWithin(0, 0.5)

func shareWithin(lowest, highest float64) form.Form[float64] {
	return form.UnitText("a percentage", "such as 95%", form.Reference("share"),
		func(text string) (float64, *form.Flaw) {
			s, f := parseShareUpTo(text, int64(max(highest, 1)))
			if f == nil && (s < lowest || s > highest) {
				f = form.NewFlaw(fmt.Sprintf("is not from %g%% to %g%%", 100*lowest, 100*highest),
					"write a percentage in that range")
			}
			return s, f
		})
}

// anyGroup leaves names to [checkScenario], which knows the groups.
func anyGroup(string) *form.Flaw { return nil }

func limitKeys(errorRate, violationRate, achievedRate string) []form.Field {
	return []form.Field{
		timeKey("response", Response, timeLimits,
			"Limits of the response time (last byte − intended time), such as {p95: 300ms}."),
		timeKey("service", Service, timeLimits,
			"Limits of the service time (last byte − actual send), such as {p99: 500ms}."),
		shareKey("errorRate", ErrorRate,
			"The maximum share of requests that failed or got an unexpected response.").Default(errorRate),
		shareKey("violationRate", ViolationRate,
			"The maximum share of responses that break the contract.").Default(violationRate),
		shareKey("rateLimitedRate", RateLimitedRate,
			"The maximum share of responses that are 429. Those no group expects count as errors too."),
		shareKey("achievedRate", AchievedRate,
			"The minimum achieved rate, as a share of the planned one.").Default(achievedRate),
		form.Set("goodput", goodputLimit, func(ts *[]Threshold, l writtenLimit) {
			*ts = append(*ts, Threshold{Metric: Goodput, Limit: l.value, Written: l.written})
		}, "The minimum rate of good responses, such as 95/s: as expected, and within the limit that the "+
			"response thresholds set on their highest percentile."),
		form.Set("flow", form.Mapping[[]Threshold](nil, flowKeys), func(ts *[]Threshold, flow []Threshold) {
			for _, t := range flow {
				t.Flow = true
				*ts = append(*ts, t)
			}
		}, "Limits of the steps that follow requests (then), such as {response: {p95: 300ms}}."),
	}
}

type writtenLimit struct {
	value   float64
	written string
}

var shareLimit = form.UnitText("a percentage", shareDetail, form.Reference("share"),
	func(text string) (writtenLimit, *form.Flaw) {
		s, f := parseShare(text)
		return writtenLimit{s, text}, f
	})

var goodputLimit = form.UnitText("a rate", "such as 95/s", form.Reference("rate"),
	func(text string) (writtenLimit, *form.Flaw) {
		r, f := parseRate(text)
		if f == nil && r == 0 {
			f = &form.Flaw{Reason: "is zero"}
		}
		return writtenLimit{float64(r), text}, f
	})

var timeLimit = form.UnitText("a duration", "such as 300ms", form.Reference("duration"),
	func(text string) (writtenLimit, *form.Flaw) {
		d, f := parseDuration(text)
		if f == nil && d == 0 {
			f = &form.Flaw{Reason: "is zero"}
		}
		return writtenLimit{d.Seconds(), text}, f
	})

func shareKey(name string, m Metric, doc string) form.Field {
	return form.Set(name, shareLimit, func(ts *[]Threshold, l writtenLimit) {
		*ts = append(*ts, Threshold{Metric: m, Limit: l.value, Written: l.written})
	}, doc)
}

var timeLimits = form.Dictionary("a mapping", "such as {p95: 300ms}",
	"^(?:min|mean|max|"+quantilePattern+")$", checkStat, timeLimit)

// percentileLimits are limits that one unlucky request can't break.
var percentileLimits = form.Dictionary("a mapping", "such as {p99: 5s}", "^"+quantilePattern+"$",
	checkPercentile, timeLimit)

func timeKey(name string, m Metric, stats form.Form[[]form.Entry[writtenLimit]], doc string) form.Field {
	return form.Set(name, stats, func(ts *[]Threshold, stats []form.Entry[writtenLimit]) {
		for _, s := range stats {
			quantile, _ := parseQuantile(s.Name)
			*ts = append(*ts, Threshold{Metric: m, Stat: s.Name, Quantile: quantile, Limit: s.Value.value,
				Written: s.Value.written})
		}
	}, doc)
}

const quantilePattern = `p[0-9]{1,3}(?:\.[0-9]{1,6})?`

var quantileText = regexp.MustCompile("^" + quantilePattern + "$")

func checkStat(name string) *form.Flaw {
	if slices.Contains([]string{"min", "mean", "max"}, name) {
		return nil
	}
	_, f := parseQuantile(name)
	return f
}

func checkPercentile(name string) *form.Flaw {
	const remedy = "write a percentile below 100, such as p99"
	switch q, f := parseQuantile(name); {
	case f != nil:
		return form.NewFlaw("is not a percentile", remedy)
	case q >= 100:
		return form.NewFlaw("depends on one unlucky request", remedy)
	}
	return nil
}

// parseQuantile reads a percentile such as p99.9.
func parseQuantile(name string) (float64, *form.Flaw) {
	const remedy = "write min, mean, max or a percentile such as p99.9"
	if !quantileText.MatchString(name) {
		return 0, form.NewFlaw("is not a statistic", remedy)
	}
	q, err := strconv.ParseFloat(name[1:], 64)
	if err != nil || q <= 0 || q > 100 {
		return 0, form.NewFlaw("is not a percentile above 0 and up to 100", remedy)
	}
	return q, nil
}

func (l thresholdSet) ordered(groups []Group) []Threshold {
	all := l.whole
	for _, g := range groups {
		for _, e := range l.Groups {
			for _, t := range e.Value {
				if e.Name == g.Name {
					t.Group = g.Name
					all = append(all, t)
				}
			}
		}
	}
	return all
}

// checkClosedLimits leaves the achieved rate out of a closed load's thresholds:
// it promises no rate that could be missed, so it would always be kept.
func checkClosedLimits(d *form.Decoder, n *form.Node, s *draft) {
	if !s.Load.Closed() {
		return
	}
	n.GetOrDefault("thresholds").Forget("achievedRate")
	s.Limits.whole = slices.DeleteFunc(s.Limits.whole,
		func(t Threshold) bool { return t.Metric == AchievedRate })
	refuse := func(of *form.Node) {
		if e := of.Get("achievedRate"); e != nil {
			d.FailKey(e, d.Label(e)+" can't be judged with load.concurrency: a closed load promises no rate",
				"remove it, or write stages instead of concurrency")
		}
	}
	limits := n.Get("thresholds")
	refuse(limits)
	if groups := limits.Get("groups"); groups != nil {
		for _, g := range groups.Entries {
			refuse(g)
		}
	}
}

// checkGoodput refuses a goodput that the load can't reach.
func checkGoodput(d *form.Decoder, n *form.Node, s *draft) {
	refuse := func(of *form.Node, t Threshold) {
		if e := of.Get("goodput"); e != nil && t.Metric == Goodput && t.Limit > s.Load.peak() {
			d.FailKey(e, fmt.Sprintf("%s can never be met: the highest rate of the load is %s", d.Label(e),
				Rate(s.Load.peak())), "write a lower rate, or a load that is higher")
		}
	}
	if s.Load.Closed() || !n.Sound("load") {
		return
	}
	limits := n.Get("thresholds")
	for _, t := range s.Thresholds {
		if t.Group == "" {
			refuse(limits, t)
		} else {
			refuse(limits.Get("groups").Get(t.Group), t)
		}
	}
}

// checkUntil refuses runs that can't end when they are decided: those of which a part does not
// stand for the whole, or that have nothing to decide. They have a confidence.
func checkUntil(d *form.Decoder, n *form.Node, s *draft) {
	if s.Load.Until == "" {
		return
	}
	until := n.Get("load").Get("until")
	switch {
	case s.Load.Closed() || !s.Load.isConstant():
		d.FailKey(until,
			d.Label(until)+" is for a load of one stage with a constant rate and a duration: a part "+
				"of another one does not stand for the whole",
			"remove it, or write one stage such as {rate: 50/s, "+"duration: 10m}")
	case !slices.ContainsFunc(s.Thresholds, Threshold.ofTimes):
		d.FailKey(until, d.Label(until)+" has nothing to decide: no threshold is on times",
			"write thresholds such as response: {p95: 300ms}, or remove it")
	}
	s.Confidence = cmp.Or(s.Confidence, 0.95)
}

func checkLimitGroups(d *form.Decoder, n *form.Node, s *draft) {
	var names, written []string
	for i, g := range s.Groups {
		names = append(names, g.Name)
		if name := n.Get("users").Entries[i].Get("name"); name != nil && !name.FromVariable() {
			written = append(written, g.Name)
		}
	}
	if len(names) == 0 || slices.Contains(names, "") {
		return // a problem that was noted may be why
	}
	for _, e := range s.Limits.Groups {
		if !slices.Contains(names, e.Name) {
			remedy, _ := form.Suggestion(e.Name, written)
			d.FailKey(n.Get("thresholds").Get("groups").Get(e.Name),
				fmt.Sprintf("thresholds of an unknown group %q", form.Clip(e.Name)), remedy)
		}
	}
}

// On429 says what a run does when a response is 429, too many requests.
type On429 string

const (
	// Continue429 goes on with the schedule. The default.
	Continue429 On429 = "continue"
	// Pause429 sends nothing for as long as Retry-After says.
	Pause429 On429 = "pause"
	// Stop429 ends the run.
	Stop429 On429 = "stop"
)

// When a condition over a window is met at all: never by one unlucky request.
const (
	// MinWindowRequests is how many requests have to come to an end in a window.
	MinWindowRequests = 20
	// MinWindowBad is how many of them have to be beyond the limit.
	MinWindowBad = 5
)

// StopCondition ends a run early when its limit is broken.
type StopCondition struct {
	// Threshold is judged of the requests that came to an end in the window, the
	// warm-up's included, and not of a group. Its metric is Response or Service
	// with a percentile below 100, ErrorRate (of those requests), ViolationRate,
	// RateLimitedRate or ConnectionFailures.
	Threshold
	// Window is the last of the run that is judged, in whole seconds; 0 with
	// ConnectionFailures.
	Window time.Duration
}

// String says when the condition is met, for example "errorRate > 10% over 10s".
func (c StopCondition) String() string {
	if c.Metric == ConnectionFailures {
		return fmt.Sprintf("%s connection failures in a row", c.Written)
	}
	metric := string(c.Metric)
	if c.Stat != "" {
		metric += " " + c.Stat
	}
	return fmt.Sprintf("%s > %s over %s", metric, c.Written, seconds(c.Window))
}

func seconds(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// Limits of conditions.
const (
	defaultWindow = 10 * time.Second
	maxWindow     = 10 * time.Minute
)

// stopItem is an item of stopOn: limits of one metric over one window.
type stopItem struct {
	Limits []Threshold
	Window time.Duration
}

var stopMetrics = []string{"response", "service", "errorRate", "violationRate", "rateLimitedRate",
	"connectionFailures"}

var stopForm = form.Mapping(checkStops, append(
	form.Within(func(s *stopItem) *[]Threshold { return &s.Limits }, []form.Field{
		timeKey("response", Response, percentileLimits,
			"Percentiles of the response time that are too long, such as {p99: 5s}."),
		timeKey("service", Service, percentileLimits,
			"Percentiles of the service time that are too long, such as {p99: 5s}."),
		shareKey("errorRate", ErrorRate,
			"The share of requests that failed or got an unexpected response above which the run stops."),
		shareKey("violationRate", ViolationRate,
			"The share of responses that break the contract above which the run stops."),
		shareKey("rateLimitedRate", RateLimitedRate, "The share of 429 responses above which the run stops."),
		form.Set("connectionFailures", form.Whole(2, 1_000_000), func(ts *[]Threshold, n int) {
			*ts = append(*ts,
				Threshold{Metric: ConnectionFailures, Limit: float64(n), Written: fmt.Sprint(n)})
		}, "How many requests in a row may fail to connect, or lose their connection, with no response in "+
			"between."),
	}), form.Key("window", duration(true, maxWindow),
		"The last part of the run that counts, in whole seconds up to 10m. Default: 10s. Not with "+
			"connectionFailures."),
)).OneWay([]any{"response"}, []any{"service"}, []any{"errorRate"}, []any{"violationRate"},
	[]any{"rateLimitedRate"}, []any{"connectionFailures"})

func checkStops(d *form.Decoder, n *form.Node, s *stopItem) {
	given := slices.DeleteFunc(slices.Clone(stopMetrics), func(key string) bool { return n.Get(key) == nil })
	window := n.Get("window")
	switch {
	case len(given) == 0:
		if !slices.ContainsFunc(stopMetrics, func(key string) bool { return !n.Lacks(key) }) {
			d.Fail(n, d.Label(n)+" has no limit", "write one such as {errorRate: 10%, window: 10s}")
		}
	case len(s.Limits) == 0 && n.Sound(given[0]):
		d.Fail(n.Get(given[0]), d.Label(n.Get(given[0]))+" has no limit", "write one such as {p99: 5s}")
	case len(given) > 1:
		d.FailKey(n.Get(given[1]), fmt.Sprintf("%s combines %s with %s", d.Label(n), given[1], given[0]),
			"write two items of the list: the run stops when either is met")
	case given[0] == "connectionFailures":
		if window != nil {
			d.FailKey(window, d.Label(n)+" combines a window with connectionFailures",
				"remove it: they are counted in a row")
		}
	case window == nil:
		s.Window = defaultWindow
	case n.Sound("window") && s.Window%time.Second != 0:
		d.Fail(window, d.Label(window)+": "+window.Shown()+" is not in whole seconds",
			"write whole seconds, for example 10s")
	}
	for _, t := range s.Limits {
		if e := n.Get(string(t.Metric)); t.Stat == "" && t.Metric != ConnectionFailures && t.Limit >= 1 {
			d.Fail(e, d.Label(e)+": no share is above "+e.Shown(), "write a lower share, for example 50%")
		}
	}
}

func conditions(items []stopItem) (all []StopCondition) {
	for _, s := range items {
		for _, t := range s.Limits {
			all = append(all, StopCondition{t, s.Window})
		}
	}
	return all
}

// checkReach refuses conditions that can never be met: there are too few requests
// in their windows, or the run is shorter.
func checkReach(d *form.Decoder, n *form.Node, l *Load) {
	if !n.Sound("stopOn") || l.Replay() != nil { // whose rates are not read yet
		return
	}
	length := l.Warmup + l.Duration
	if !l.Closed() {
		length = l.Warmup + l.cycle()*time.Duration(max(l.Repeat, 1))
	}
	at := 0
	for _, e := range n.Get("stopOn").Entries {
		c := l.StopOn[at]
		at += max(len(e.Get(string(c.Metric)).Entries), 1) // each percentile is a condition
		most := l.peak() * c.Window.Seconds()
		switch {
		case c.Window == 0:
		case !l.Closed() && most < MinWindowRequests:
			d.Fail(e, fmt.Sprintf("%s can never be met: it takes %d requests in its window of %s, and "+
				"there are at most %.3g", d.Label(e), MinWindowRequests, seconds(c.Window), most),
				"write a longer window, or leave it to the thresholds")
		case length > 0 && c.Window > length:
			d.Fail(e, fmt.Sprintf("%s can never be met: its window of %s is longer than the run", d.Label(e),
				seconds(c.Window)), "write a shorter window")
		}
	}
}

// peak is the highest rate of the stages, per second; 0 of a closed load.
func (l *Load) peak() (peak float64) {
	for i := range l.Stages {
		for p := range l.Stages[i].Pieces() {
			piece := l.Stages[i].Piece(p)
			peak = max(peak, piece.Peak(0, piece.Length))
		}
	}
	return peak
}
