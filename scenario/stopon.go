package scenario

import (
	"fmt"
	"slices"
	"time"

	"mfaload/scenario/form"
)

// On429 says what a run does when an answer is 429, too many requests.
type On429 string

const (
	// Continue429 goes on with the schedule. The default.
	Continue429 On429 = "continue"
	// Pause429 sends nothing for as long as Retry-After says.
	Pause429 On429 = "pause"
	// Stop429 ends the run.
	Stop429 On429 = "stop"
)

// When a condition over a window is met at all: never because of one unlucky
// request.
const (
	// MinWindowRequests is how many requests have to come to an end in a window.
	MinWindowRequests = 20
	// MinWindowBad is how many of them have to be beyond the limit, or to count
	// against it.
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

// seconds writes a whole number of seconds as people do.
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
	limits []Threshold
	window time.Duration
}

var stopMetrics = []string{"response", "service", "errorRate", "violationRate", "rateLimitedRate", "connectionFailures"}

var stopForm = form.Mapping(checkStops, append(
	form.Within(func(s *stopItem) *[]Threshold { return &s.limits }, []form.Field[[]Threshold]{
		timeKey("response", Response, percentileLimits, "Percentiles of the response time that are too long, such as {p99: 5s}."),
		timeKey("service", Service, percentileLimits, "Percentiles of the service time that are too long, such as {p99: 5s}."),
		shareKey("errorRate", ErrorRate, "A share of requests with no answer, or with an answer other than expected, that is too many."),
		shareKey("violationRate", ViolationRate, "A share of answers that break the contract that is too many."),
		shareKey("rateLimitedRate", RateLimitedRate, "A share of answers with 429 that is too many."),
		form.Key("connectionFailures", form.Whole(2, 1_000_000), func(ts *[]Threshold, n int) {
			*ts = append(*ts, Threshold{Metric: ConnectionFailures, Limit: float64(n), Written: fmt.Sprint(n)})
		}, "How many requests in a row may find no connection, or lose it, with no answer in between."),
	}),
	form.Key("window", duration(true, maxWindow), func(s *stopItem, v time.Duration) { s.window = v },
		"The last of the run that is looked at, in whole seconds up to 10m. Left out: 10s. Not with connectionFailures."),
)).OneWay([]any{"response"}, []any{"service"}, []any{"errorRate"}, []any{"violationRate"}, []any{"rateLimitedRate"}, []any{"connectionFailures"})

func checkStops(d *form.Decoder, n *form.Node, s *stopItem) {
	given := slices.DeleteFunc(slices.Clone(stopMetrics), func(key string) bool { return n.Get(key) == nil })
	window := n.Get("window")
	switch {
	case len(given) == 0:
		if !slices.ContainsFunc(stopMetrics, func(key string) bool { return !n.Lacks(key) }) {
			d.Fail(n, d.Label(n)+" says no limit", "write one such as {errorRate: 10%, window: 10s}")
		}
	case len(s.limits) == 0 && n.Sound(given[0]):
		d.Fail(n.Get(given[0]), d.Label(n.Get(given[0]))+" says no limit", "write one such as {p99: 5s}")
	case len(given) > 1:
		d.FailKey(n.Get(given[1]), fmt.Sprintf("%s has %s beside %s", d.Label(n), given[1], given[0]), "write two items of the list: the run stops when either is met")
	case given[0] == "connectionFailures":
		if window != nil {
			d.FailKey(window, d.Label(n)+" has a window beside connectionFailures", "leave it out: they are counted in a row")
		}
	case window == nil:
		s.window = defaultWindow
	case n.Sound("window") && s.window%time.Second != 0:
		d.Fail(window, d.Label(window)+": "+window.Shown()+" is not in whole seconds", "write whole seconds, for example 10s")
	}
	for _, t := range s.limits {
		if e := n.Get(string(t.Metric)); t.Stat == "" && t.Metric != ConnectionFailures && t.Limit >= 1 {
			d.Fail(e, d.Label(e)+": no share is above "+e.Shown(), "write a lower share, for example 50%")
		}
	}
}

// conditions are the items as one list.
func conditions(items []stopItem) (all []StopCondition) {
	for _, s := range items {
		for _, t := range s.limits {
			all = append(all, StopCondition{t, s.window})
		}
	}
	return all
}

// checkReach refuses conditions that can never be met: there are too few requests
// in their windows, or the run is shorter.
func checkReach(d *form.Decoder, n *form.Node, l *Load) {
	if !n.Sound("stopOn") {
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
			d.Fail(e, fmt.Sprintf("%s can never be met: it takes %d requests in its window of %s, and there are at most %.3g", d.Label(e), MinWindowRequests, seconds(c.Window), most),
				"write a longer window, or leave it to the thresholds")
		case length > 0 && c.Window > length:
			d.Fail(e, fmt.Sprintf("%s can never be met: its window of %s is longer than the run", d.Label(e), seconds(c.Window)), "write a shorter window")
		}
	}
}

// peak is the highest rate of the stages, in requests a second; 0 of a closed
// load.
func (l *Load) peak() (peak float64) {
	for i := range l.Stages {
		for p := range l.Stages[i].Pieces() {
			piece := l.Stages[i].Piece(p)
			peak = max(peak, piece.Peak(0, piece.Length))
		}
	}
	return peak
}
