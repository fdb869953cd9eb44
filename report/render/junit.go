package render

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
)

// The forms of JUnit's XML that CI systems agree on. A testcase has one failure,
// error or skipped at most: of several, some readers show none.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string           `xml:"name,attr"`
		Tests      int              `xml:"tests,attr"`
		Failures   int              `xml:"failures,attr"`
		Errors     int              `xml:"errors,attr"`
		Skipped    int              `xml:"skipped,attr"`
		Time       string           `xml:"time,attr"`
		Timestamp  string           `xml:"timestamp,attr"`
		Properties *junitProperties `xml:"properties"`
		Cases      []junitCase      `xml:"testcase"`
	}
	junitProperties struct {
		All []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Time    string       `xml:"time,attr"`
		Failure *junitResult `xml:"failure"`
		Error   *junitResult `xml:"error"`
		Skipped *junitResult `xml:"skipped"`
		Out     string       `xml:"system-out,omitempty"`
	}
	junitResult struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit returns the report as junit.xml: a testcase for the verdict, and one
// for each threshold, group, rule and step.
func JUnit(r *report.Report) ([]byte, error) {
	all := junitSuites{Name: "mfaload " + text.Brief(r.Scenario, text.MaxName),
		Time: number.Plain(r.Duration), Suites: []junitSuite{
			newSuite(r, "verdict", []junitCase{junitVerdict(r)}),
			newSuite(r, "thresholds", junitThresholds(r)),
			newSuite(r, "groups", junitGroups(r)),
			newSuite(r, "rules", junitRules(r)),
		}}
	if cases := junitSteps(r); len(cases) > 0 {
		all.Suites = append(all.Suites, newSuite(r, "steps", cases))
	}
	if len(r.Shards) > 0 {
		all.Suites = append(all.Suites, newSuite(r, "shards", junitShards(r)))
	}
	for _, s := range all.Suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(append([]byte(xml.Header), data...), '\n'), nil
}

func newSuite(r *report.Report, name string, cases []junitCase) junitSuite {
	for i := range cases {
		c := &cases[i]
		c.Class, c.Time, c.Name = "mfaload."+text.Brief(r.Scenario, text.MaxName)+"."+name, "0",
			text.Brief(c.Name, text.MaxName)
	}
	cases = fitting(cases, name)
	s := junitSuite{Name: name, Tests: len(cases), Cases: cases, Time: "0",
		Timestamp: r.Started.UTC().Format(time.RFC3339), Properties: labelProperties(r)}
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	return s
}

func labelProperties(r *report.Report) *junitProperties {
	if len(r.Labels) == 0 {
		return nil
	}
	p := &junitProperties{}
	for _, label := range labels(r) {
		key, value, _ := strings.Cut(label, "=")
		p.All = append(p.All, junitProperty{key, value})
	}
	return p
}

// junitVerdict keeps a run that says nothing from being all green.
func junitVerdict(r *report.Report) junitCase {
	c := junitCase{Name: "verdict"}
	result := &junitResult{Message: string(r.Verdict), Type: string(r.Verdict), Text: lines(r.Reasons)}
	switch r.Verdict {
	case report.Pass:
		c.Out = result.Text
	case report.Fail:
		c.Failure = result
	default:
		c.Error = result
	}
	return c
}

func junitThresholds(r *report.Report) (cases []junitCase) {
	for _, t := range r.Thresholds {
		c := junitCase{Name: t.Expression}
		switch t.State {
		case report.Met:
			c.Out = "observed " + t.NoisyText()
		case report.Missed:
			c.Failure = &junitResult{Message: "observed " + t.NoisyText(), Type: "threshold",
				Text: text.Clip(t.Text(), report.MaxText)}
		default: // never green
			c.Skipped = &junitResult{Message: text.Clip(string(t.State)+": "+t.Why, report.MaxText)}
		}
		cases = append(cases, c)
	}
	return cases
}

// junitGroups fails a group where a threshold of its own is missed, and skips
// one that no request was sent for, or of which a threshold could not be judged.
func junitGroups(r *report.Report) (cases []junitCase) {
	missedOf, unclearOf := map[string][]string{}, map[string][]string{}
	for _, t := range r.Thresholds {
		switch {
		case t.Group == "" || t.State == report.Met:
		case t.State == report.Missed:
			missedOf[t.Group] = append(missedOf[t.Group], t.Text())
		default:
			unclearOf[t.Group] = append(unclearOf[t.Group], t.Text())
		}
	}
	for _, g := range r.Groups {
		missed, unclear := missedOf[g.Name], unclearOf[g.Name]
		q := g.Requests
		c := junitCase{Name: g.Name}
		figures := fmt.Sprintf("%d of %d requests sent: %d as expected, %d unexpected, %d violating, %d "+
			"failed; %d of the responses were 429; response p95 %s ms",
			q.Sent, q.Scheduled, q.AsExpected, q.Unexpected, q.Violating, q.Failed, q.RateLimited,
			g.Response.Text("p95"))
		switch {
		case len(missed) > 0:
			c.Failure = &junitResult{Message: fmt.Sprintf("it misses %d of its thresholds", len(missed)),
				Type: "group",
				Text: figures + "\n" + lines(missed)}
		case len(unclear) > 0:
			c.Skipped = &junitResult{Message: strings.ReplaceAll(lines(unclear), "\n", "; ")}
		case q.Sent == 0:
			c.Skipped = &junitResult{Message: "no request was sent"}
		default:
			c.Out = figures
		}
		cases = append(cases, c)
	}
	return cases
}

// junitRules fails a rule that a response broke at level fail, even where a
// threshold tolerates it, and skips one that no response was compared with.
func junitRules(r *report.Report) (cases []junitCase) {
	known := map[string]bool{}
	for _, c := range r.Coverage {
		known[c.Rule] = true
		cases = append(cases, junitRule(r, c.Rule, c.Evaluated))
	}
	for _, v := range r.Violations {
		if !known[v.Rule] {
			known[v.Rule] = true
			cases = append(cases, junitRule(r, v.Rule, v.Count))
		}
	}
	slices.SortStableFunc(cases, func(a, b junitCase) int { return strings.Compare(a.Name, b.Name) })
	return cases
}

func junitRule(r *report.Report, rule string, evaluated uint64) junitCase {
	var fails, notes []string
	count := uint64(0)
	for _, v := range r.Violations {
		switch {
		case v.Rule != rule:
		case v.Level == "fail":
			count += v.Count
			fails = append(fails, violationText(v))
		default:
			notes = append(notes, violationText(v))
		}
	}
	c := junitCase{Name: rule, Out: lines(notes)}
	switch {
	case len(fails) > 0:
		c.Failure = &junitResult{Message: "violated " + number.Times(count), Type: "rule",
			Text: lines(fails)}
	case evaluated == 0:
		c.Skipped = &junitResult{Message: "not exercised by any response"}
	}
	return c
}

func violationText(v report.Violation) string {
	all := fmt.Sprintf("%s: %s\n  expected %s\n  received %s", text.Brief(place(v.Pointer),
		text.MaxName), number.Times(v.Count),
		text.Brief(v.Expected, text.MaxName), text.Brief(v.Got, text.MaxName))
	if id := v.Example.CorrelationID; id != "" {
		all += "\n  first correlation-id " + text.Brief(id, text.MaxName)
	}
	return all
}

func place(pointer string) string {
	if pointer == "" {
		return "(whole response)"
	}
	return pointer
}

// What bounds junit.xml: each suite has so many testcases and so many bytes of them,
// and each testcase so many lines. What is left out is said, and is in report.json.
const (
	junitCases = 1000
	junitBytes = 512 << 10
	junitLines = 20
)

// fitting are the testcases that there is room for. When that is not all of them,
// those that failed come first, and the last one stands for the rest: it is never
// better than they are.
func fitting(cases []junitCase, what string) []junitCase {
	if room(cases) == len(cases) {
		return cases
	}
	slices.SortStableFunc(cases, func(a, b junitCase) int { return a.rank() - b.rank() })
	n := room(cases)
	rest := cases[n]
	rest.Name, rest.Out = fmt.Sprintf("%d more %s in report.json", len(cases)-n, what), ""
	for _, result := range []**junitResult{&rest.Failure, &rest.Error, &rest.Skipped} {
		if *result != nil {
			*result = &junitResult{Message: rest.Name, Type: (*result).Type}
		}
	}
	return append(cases[:n:n], rest)
}

// room is how many of the testcases fit, from the first on.
func room(cases []junitCase) (n int) {
	for size := 0; n < min(len(cases), junitCases); n++ {
		if size += cases[n].size(); size > junitBytes {
			break
		}
	}
	return n
}

// rank is the place of a testcase among those of which not all are shown.
func (c *junitCase) rank() int {
	switch {
	case c.Failure != nil:
		return 0
	case c.Error != nil:
		return 1
	case c.Skipped != nil:
		return 2
	}
	return 3
}

func (c *junitCase) size() int {
	n := len(c.Class) + escapedSize(c.Name) + escapedSize(c.Out) + 100
	for _, r := range []*junitResult{c.Failure, c.Error, c.Skipped} {
		if r != nil {
			n += escapedSize(r.Message) + escapedSize(r.Text) + 100
		}
	}
	return n
}

func escapedSize(text string) int {
	var n byteCounter
	_ = xml.EscapeText(&n, []byte(text))
	return int(n)
}

type byteCounter int

func (c *byteCounter) Write(b []byte) (int, error) {
	*c += byteCounter(len(b))
	return len(b), nil
}

func lines(texts []string) string {
	shown, more := text.First(texts, junitLines)
	cut := make([]string, len(shown))
	for i, s := range shown {
		cut[i] = text.Clip(s, report.MaxText)
	}
	if more > 0 {
		cut = append(cut, fmt.Sprintf("%d more in report.json", more))
	}
	return strings.Join(cut, "\n")
}
