package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render/chart"
	"mfaload/scenario"
)

// unmetThreshold is a threshold that was not met: what the top of the page tells.
type unmetThreshold struct {
	report.Threshold
	when, groups string
	// worst is the worst second of a time, example the first violation of a share.
	worst   string
	example *report.Violation
	at      time.Duration // of the example; 0 if not known
}

// errorKind are requests that were not as expected, and ended alike.
type errorKind struct {
	outcome, label, groups, when string
	count                        uint64
}

// findProblems finds the thresholds that were not met, what was not as expected, and when.
func (p *htmlPage) findProblems() {
	var conditions []*secondsThat
	of := map[int]*secondsThat{}
	for i, t := range p.Thresholds {
		if about := p.terms[i]; t.State != report.Met && about != nil && len(of) < htmlProblems {
			of[i] = &secondsThat{holds: p.misses(about, t.Limit)}
			conditions = append(conditions, of[i])
		}
	}
	kinds, ofKinds := p.kinds()
	for _, c := range ofKinds {
		if c != nil {
			conditions = append(conditions, c)
		}
	}
	seconds := examine(p.m, conditions)
	for i, t := range p.Thresholds {
		if t.State != report.Met {
			p.problems = append(p.problems, p.problem(i, t, of[i], seconds))
		}
	}
	for i, c := range ofKinds {
		if c != nil {
			kinds[i].when = c.whenText(seconds)
		}
	}
	p.errors = kinds
}

func (p *htmlPage) problem(i int, t report.Threshold, c *secondsThat, seconds int) unmetThreshold {
	one := unmetThreshold{Threshold: t}
	about := p.terms[i]
	if about == nil {
		return one
	}
	if c != nil && t.State != report.NoData {
		one.when = c.whenText(seconds)
		if t.Unit == "ms" && len(c.seconds) > 0 {
			one.worst = fmt.Sprintf("%s: %s %s", chart.ClockText(float64(c.worstAt)), about.Stat,
				msText(c.worst))
		}
	}
	if t.Group == "" {
		one.groups = p.shares(about, t.Limit)
	}
	if about.Metric == scenario.ViolationRate {
		one.example, one.at = p.firstViolation(p.groupOf(t.Group))
	}
	return one
}

// groupOf is the index of a group; below 0 for all.
func (p *htmlPage) groupOf(name string) int {
	return slices.IndexFunc(p.Groups, func(of report.Group) bool { return name != "" && of.Name == name })
}

// misses says whether a second alone misses a threshold.
func (p *htmlPage) misses(t *scenario.Threshold, limit float64) func(*measure.Second) (float64, bool) {
	group := p.groupOf(text.Escape(t.Group))
	return func(s *measure.Second) (float64, bool) {
		switch t.Metric {
		case scenario.Response, scenario.Service:
			w := s.Waits(group, t.Metric == scenario.Service)
			if w.Count() == 0 {
				return 0, false
			}
			b := report.Statistic(&w, *t)
			value := report.Milliseconds(b.Time)
			return value, b.AtLeast || value > limit
		case scenario.AchievedRate:
			if s.Second >= int64(min(len(p.m.Profile.Due), len(p.m.Flow.Sent))) {
				return 0, false
			}
			due, sent := p.m.Profile.Due[s.Second], p.m.Flow.Sent[s.Second]
			return float64(due) - float64(sent), 100*float64(sent) < limit*float64(due)
		case scenario.Goodput:
			good := s.Counts(group).Good
			return limit - good, good < limit
		}
		counts := s.Counts(group)
		value := shareOf(t.Metric, &counts).Value()
		return value, 100*value > limit
	}
}

func shareOf[N measure.Number](metric scenario.Metric, c *measure.CountsOf[N]) measure.ShareOf[N] {
	switch metric {
	case scenario.ViolationRate:
		return c.ViolationRate()
	case scenario.RateLimitedRate:
		return c.RateLimitedRate()
	}
	return c.ErrorRate()
}

// groupShare is how many of how many requests of a group.
type groupShare struct {
	name string
	measure.Share
}

// shares say how many requests of each group a missed threshold is about.
func (p *htmlPage) shares(t *scenario.Threshold, limit float64) string {
	if len(p.m.Groups) < 2 || t.AtLeast() {
		return ""
	}
	var all []groupShare
	for i := range p.m.Groups {
		share := measure.Share{}
		if t.Metric == scenario.Response || t.Metric == scenario.Service {
			w := p.m.Main.Waits(i, t.Metric == scenario.Service)
			share = measure.Share{N: w.Beyond(time.Duration(limit * float64(time.Millisecond))),
				Of: w.Count()}
		} else {
			counts := p.m.Main.Counts(i)
			share = shareOf(t.Metric, &counts)
		}
		if share.N > 0 {
			all = append(all, groupShare{p.m.Groups[i], share})
		}
	}
	return groupsText(all, true)
}

// groupsText lists groups, those with the largest share first.
func groupsText(all []groupShare, of bool) string {
	const most = 4
	slices.SortStableFunc(all, func(a, b groupShare) int {
		return cmp.Or(cmp.Compare(b.Value(), a.Value()), cmp.Compare(b.N, a.N))
	})
	var texts []string
	for _, one := range all[:min(len(all), most)] {
		count := number.Count(one.N)
		if of {
			count += fmt.Sprintf(" of %s, %s", number.Count(one.Of), percentOf(one.N, one.Of))
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", text.Brief(one.name, 60), count))
	}
	if n := len(all) - most; n > 0 {
		texts = append(texts, fmt.Sprintf("%d more", n))
	}
	return strings.Join(texts, ", ")
}

// percentOf is a share in percent with three significant digits.
func percentOf(n, of uint64) string {
	return number.Significant(number.Percent(measure.Share{N: n, Of: of}.Value())) + "%"
}

// firstViolation is the first violation at level fail of a group, or of all below 0.
func (p *htmlPage) firstViolation(group int) (*report.Violation, time.Duration) {
	i := -1
	for _, v := range p.m.Violations {
		if v.Count == v.InWarmup {
			continue // the report does not list it
		}
		i++
		mine := group < 0 || len(v.ByGroup) == 0 || group < len(v.ByGroup) && v.ByGroup[group] > 0
		if i >= len(p.Violations) || !v.Fails || !mine {
			continue
		}
		at := v.Instances[0].Example.At
		if at < p.m.Main.Start {
			at = 0
		}
		return &p.Violations[i], at
	}
	return nil, 0
}

// kinds are the requests of the judged part that were not as expected, by how they ended,
// with the seconds of each, where seconds tell.
func (p *htmlPage) kinds() (kinds []errorKind, conditions []*secondsThat) {
	type key struct{ outcome, label string }
	counts, groups := map[key]uint64{}, map[key][]groupShare{}
	add := func(k key, group int, n uint64) {
		if n == 0 {
			return
		}
		counts[k] += n
		if last := len(groups[k]) - 1; last >= 0 && groups[k][last].name == p.m.Groups[group] {
			groups[k][last].N += n
			return
		}
		groups[k] = append(groups[k], groupShare{p.m.Groups[group], measure.Share{N: n, Of: 1}})
	}
	expected, violating := map[string]bool{}, map[string]bool{} // labels
	for _, c := range p.m.Main.Cells {
		n := c.Response.Count()
		expected[c.Label] = expected[c.Label] || c.AsExpected > 0
		if c.Violating > 0 {
			violating[c.Label] = true
		}
		if c.Failed {
			add(key{"failed", c.Label}, c.Group, n)
			continue
		}
		add(key{"unexpected", c.Label}, c.Group, n-c.Clean-c.Violating)
		add(key{"violating", c.Label}, c.Group, c.Violating)
	}
	withheld := make([]uint64, len(p.m.Groups))
	for _, w := range p.m.Main.Withheld {
		add(key{"unsent", w.Reason}, w.Group, w.Count)
		withheld[w.Group] += w.Count
	}
	for i := range p.m.Groups {
		of := p.m.Main.Counts(i)
		add(key{"unsent", "no worker was free, or the run ended"}, i, of.Unsent()-withheld[i])
	}
	order := slices.SortedFunc(maps.Keys(counts), func(a, b key) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.outcome+a.label, b.outcome+b.label))
	})
	for _, k := range order {
		kind := errorKind{outcome: k.outcome, label: k.label, count: counts[k]}
		if len(p.m.Groups) > 1 {
			kind.groups = groupsText(groups[k], false)
		}
		kinds = append(kinds, kind)
		conditions = append(conditions, nil)
		holds := kindOfSecond(k.outcome, k.label, expected[k.label], len(violating))
		if len(kinds) <= htmlErrors && holds != nil {
			conditions[len(conditions)-1] = &secondsThat{holds: holds}
		}
	}
	return kinds, conditions
}

// kindOfSecond says whether a second has requests of a kind; nil if seconds do not tell, as
// they count by status, and as expected or violating, but not both at once.
func kindOfSecond(outcome, label string, expected bool, violating int) func(*measure.Second) (float64, bool) {
	switch {
	case outcome == "failed", outcome == "unexpected" && !expected:
		return endsWith(label, outcome == "failed")
	case outcome == "violating" && violating == 1:
		return func(s *measure.Second) (float64, bool) { return float64(s.Violating), s.Violating > 0 }
	}
	return nil
}

// endsWith says how many requests of a second ended so.
func endsWith(label string, failed bool) func(*measure.Second) (float64, bool) {
	return func(s *measure.Second) (float64, bool) {
		for _, e := range s.Ends {
			if e.Label == label && e.Failed == failed {
				return float64(e.Count), true
			}
		}
		return 0, false
	}
}

// wrong tells what went wrong, or that nothing did.
func (p *htmlPage) wrong() g.Node {
	shown := p.problems[:min(len(p.problems), htmlProblems)]
	var told []string
	for _, t := range p.Thresholds {
		if t.State != report.Met {
			told = append(told, t.Text())
		}
	}
	var reasons []string
	for _, reason := range p.Reasons {
		if !slices.Contains(told, reason) {
			reasons = append(reasons, reason)
		}
	}
	listed, more := text.First(reasons, htmlReasons)
	remarks := g.Group{h.Ul(h.Class("reasons"), g.Map(listed,
		func(s string) g.Node { return h.Li(brief(inequality(s))) })),
		moreIn(int(more), "reasons")}
	worse := p.worseCard()
	if len(shown) == 0 && worse == nil {
		return g.Group{h.P(h.Class("calm"), g.Text(p.calmText())), g.If(len(reasons) > 0, remarks),
			g.Text("\n")}
	}
	cards := g.Map(shown, func(one unmetThreshold) g.Node { return one.card() })
	return h.Section(h.ID("wrong"), h.Aria("label", "what went wrong"), worse, cards,
		moreIn(len(p.problems)-len(shown), "thresholds that were not met"), g.If(len(reasons) > 0, remarks))
}

// calmText says that nothing went wrong, as far as nothing did.
func (p *htmlPage) calmText() string {
	q := p.Requests
	switch {
	case p.NotStarted != "" || q.Scheduled == 0:
		return "Nothing was sent."
	case q.AsExpected == q.Scheduled && p.Verdict == report.Pass:
		return fmt.Sprintf("Nothing went wrong: all %s requests were as expected, and every threshold "+
			"was met.",
			number.Count(q.Scheduled))
	case q.AsExpected == q.Scheduled:
		return fmt.Sprintf("All %s requests were as expected, and no threshold was missed.",
			number.Count(q.Scheduled))
	}
	met := "No threshold was missed"
	if p.Verdict == report.Pass {
		met = "Every threshold was met"
	}
	return fmt.Sprintf("%s. %s of %s requests were not as expected.", met,
		number.Count(q.Scheduled-q.AsExpected), number.Count(q.Scheduled))
}

// worseCard tells what is worse than in the baseline; nil if nothing is known to be.
func (p *htmlPage) worseCard() g.Node {
	b := p.Baseline
	if b == nil || b.Judgement != "worse" {
		return nil
	}
	facts := g.Group{fact("baseline", h.Code(brief(b.Run)))}
	for _, c := range b.Changes {
		if c.Judgement == "worse" && len(facts) <= htmlProblems {
			facts = append(facts, fact(changeName(c), g.Text(changeFigure(c, c.Base)+" → "+changeFigure(c,
				c.New)+", "+changeText(c))))
		}
	}
	return h.Article(h.Class("problem bad"), h.H2(g.Text("Worse than the baseline")), h.Dl(h.Class("facts"),
		facts))
}

func (one unmetThreshold) card() g.Node {
	look := "warn"
	if one.State == report.Missed {
		look = "bad"
	}
	facts := g.Group{}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact(name, brief(value)))
		}
	}
	add("why undecided", inequality(one.Why))
	add("when", one.when)
	add("groups", one.groups)
	add("causes", causesText(one.Causes))
	add("worst second", one.worst)
	if v := one.example; v != nil {
		at := ""
		if one.at > 0 {
			at = " at " + chart.ClockText(one.at.Round(100*time.Millisecond).Seconds())
		}
		facts = append(facts, fact("example", h.Code(brief(v.Rule)), g.Text(" "),
			h.Code(brief(place(v.Pointer))),
			g.Text(at+": expected "), h.Code(brief(v.Expected)), g.Text(", received "), h.Code(brief(v.Got)),
			g.If(v.Example.CorrelationID != "", g.Group{g.Text(", correlation ID "),
				h.Code(brief(v.Example.CorrelationID))})))
	}
	return h.Article(h.Class("problem "+look), h.H2(brief(inequality(one.Expression)),
		h.Span(g.Text(" "+string(one.State)+": "+one.amount()))), h.Dl(h.Class("facts"), facts))
}

// amount is what was observed, and of how many requests.
func (one unmetThreshold) amount() string {
	if one.State == report.NoData {
		return "nothing to judge"
	}
	amount := one.ObservedText()
	if one.Unit == "%" && one.Of > 0 && !one.AtLeast {
		amount += fmt.Sprintf(" (%s of %s)", number.Count(one.Count), number.Count(one.Of))
	}
	return amount
}

func causesText(causes []report.Cause) string {
	const most = 4
	var texts []string
	for _, c := range causes[:min(len(causes), most)] {
		texts = append(texts, number.Count(c.Count)+" × "+c.What)
	}
	if n := len(causes) - most; n > 0 {
		texts = append(texts, fmt.Sprintf("%d more in report.json", n))
	}
	return strings.Join(texts, ", ")
}

// inequality writes a threshold as people do.
func inequality(expression string) string {
	return strings.NewReplacer(" <= ", " ≤ ", " >= ", " ≥ ").Replace(expression)
}

// errorTable lists what was not as expected.
func (p *htmlPage) errorTable() g.Node {
	if p.Requests.Scheduled == 0 {
		return nil
	}
	if len(p.errors) == 0 {
		return h.P(g.Text("Nothing went wrong: every request got a response as expected."))
	}
	shown := p.errors[:min(len(p.errors), htmlErrors)]
	all := p.Requests.Scheduled - p.Requests.AsExpected
	rest, several := all, len(p.m.Groups) > 1
	var rows g.Group
	for _, e := range shown {
		rest -= e.count
		rows = append(rows, chart.Row(h.Td(h.Span(h.Class(lookOf(e.outcome)), g.Text(e.outcome))),
			h.Td(h.Class("text"), brief(e.label)), chart.Texts(number.Count(e.count),
				percentOf(e.count, p.Requests.Scheduled)),
			g.If(several, h.Td(h.Class("text"), brief(e.groups))),
			h.Td(h.Class("text"), brief(cmp.Or(e.when, "–")))))
	}
	if rest > 0 {
		rows = append(rows, chart.Row(h.Td(g.Text("others")), h.Td(), chart.Texts(number.Count(rest),
			percentOf(rest, p.Requests.Scheduled)), g.If(several, h.Td()), h.Td()))
	}
	return chart.Scroll("errors", h.THead(h.Tr(heading("outcome", ""), heading("what", "text"),
		heading("count", ""),
		heading("of scheduled", ""), g.If(several, heading("groups", "text")), heading("when", "text"))),
		h.TBody(rows),
		h.TFoot(chart.Row(h.Th(h.Scope("row"), g.Text("all")), h.Td(), chart.Texts(number.Count(all),
			percentOf(all, p.Requests.Scheduled)), g.If(several, h.Td()), h.Td())))
}

func lookOf(outcome string) string {
	if outcome == "unsent" {
		return "warn"
	}
	return "bad"
}
