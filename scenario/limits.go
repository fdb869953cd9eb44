package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"mfaload/scenario/form"
)

// thresholdSet are the thresholds of a file: those of the whole run in the file's
// order with the defaults after them, and those of groups.
type thresholdSet struct {
	whole  []Threshold
	groups []form.Entry[[]Threshold]
}

var limitsForm = form.Mapping(nil, append(
	form.Within(func(l *thresholdSet) *[]Threshold { return &l.whole }, limitKeys("0%", "0%", "99%")),
	form.Key("groups", form.Dictionary("a mapping", "of groups to their thresholds", "", anyGroup, form.Mapping(nil, limitKeys("", "", ""))),
		func(l *thresholdSet, v []form.Entry[[]Threshold]) { l.groups = v },
		"Thresholds of single groups, by their names."),
))

// anyGroup leaves names to [checkScenario], which knows the groups.
func anyGroup(string) *form.Flaw { return nil }

// limitKeys are the keys of a block of thresholds, with these defaults.
func limitKeys(errorRate, violationRate, achievedRate string) []form.Field[[]Threshold] {
	return []form.Field[[]Threshold]{
		timeKey("response", Response, timeLimits, "Limits of the response time (last byte − intended time), such as {p95: 300ms}."),
		timeKey("service", Service, timeLimits, "Limits of the service time (last byte − actual send), such as {p99: 500ms}."),
		shareKey("errorRate", ErrorRate, "The most requests with no answer, or with an answer other than expected.").Default(errorRate),
		shareKey("violationRate", ViolationRate, "The most answers that break the contract.").Default(violationRate),
		shareKey("rateLimitedRate", RateLimitedRate, "The most answers that are 429. Those that no group expects count as errors too."),
		shareKey("achievedRate", AchievedRate, "The least achieved rate, as a share of the planned one.").Default(achievedRate),
	}
}

// writtenLimit is a number with the text that it was written as.
type writtenLimit struct {
	value   float64
	written string
}

var shareLimit = form.UnitText("a percentage", shareDetail, form.Reference("share"), func(text string) (writtenLimit, *form.Flaw) {
	s, f := parseShare(text)
	return writtenLimit{s, text}, f
})

var timeLimit = form.UnitText("a duration", "such as 300ms", form.Reference("duration"), func(text string) (writtenLimit, *form.Flaw) {
	d, f := parseDuration(text)
	if f == nil && d == 0 {
		f = &form.Flaw{Reason: "is zero"}
	}
	return writtenLimit{d.Seconds(), text}, f
})

func shareKey(name string, m Metric, doc string) form.Field[[]Threshold] {
	return form.Key(name, shareLimit, func(ts *[]Threshold, l writtenLimit) {
		*ts = append(*ts, Threshold{Metric: m, Limit: l.value, Written: l.written})
	}, doc)
}

var timeLimits = form.Dictionary("a mapping", "such as {p95: 300ms}", "^(?:min|mean|max|"+quantilePattern+")$", checkStat, timeLimit)

// percentileLimits are limits that one unlucky request can't break.
var percentileLimits = form.Dictionary("a mapping", "such as {p99: 5s}", "^"+quantilePattern+"$", checkPercentile, timeLimit)

func timeKey(name string, m Metric, stats form.Form[[]form.Entry[writtenLimit]], doc string) form.Field[[]Threshold] {
	return form.Key(name, stats, func(ts *[]Threshold, stats []form.Entry[writtenLimit]) {
		for _, s := range stats {
			quantile, _ := parseQuantile(s.Name)
			*ts = append(*ts, Threshold{Metric: m, Stat: s.Name, Quantile: quantile, Limit: s.Value.value, Written: s.Value.written})
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
		return form.NewFlaw("is what one unlucky request makes of it", remedy)
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

// ordered puts the thresholds of the groups behind those of the whole run, in
// the order of the groups.
func (l thresholdSet) ordered(groups []Group) []Threshold {
	all := l.whole
	for _, g := range groups {
		for _, e := range l.groups {
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
	s.limits.whole = slices.DeleteFunc(s.limits.whole, func(t Threshold) bool { return t.Metric == AchievedRate })
	refuse := func(of *form.Node) {
		if e := of.Get("achievedRate"); e != nil {
			d.FailKey(e, d.Label(e)+" can't be judged with load.concurrency: a closed load promises no rate", "leave it out, or write stages instead of concurrency")
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

// checkLimitGroups refuses thresholds of groups that are not there.
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
	for _, e := range s.limits.groups {
		if !slices.Contains(names, e.Name) {
			remedy, _ := form.Suggestion(e.Name, written)
			d.FailKey(n.Get("thresholds").Get("groups").Get(e.Name), fmt.Sprintf("thresholds of an unknown group %q", form.Clip(e.Name)), remedy)
		}
	}
}
