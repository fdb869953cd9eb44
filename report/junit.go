package report

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"
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
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
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
// for each threshold, group and rule.
func (r *Report) JUnit() ([]byte, error) {
	all := junitSuites{Name: "mfaload " + plain(r.Scenario, longest), Time: trim(r.Duration), Suites: []junitSuite{
		r.junitSuite("verdict", []junitCase{r.junitVerdict()}),
		r.junitSuite("thresholds", r.junitThresholds()),
		r.junitSuite("groups", r.junitGroups()),
		r.junitSuite("rules", r.junitRules()),
	}}
	if len(r.Shards) > 0 {
		all.Suites = append(all.Suites, r.junitSuite("shards", r.junitShards()))
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

func (r *Report) junitSuite(name string, cases []junitCase) junitSuite {
	for i := range cases {
		c := &cases[i]
		c.Class, c.Time, c.Name = "mfaload."+plain(r.Scenario, longest)+"."+name, "0", plain(c.Name, longest)
	}
	cases = fitting(cases, name)
	s := junitSuite{Name: name, Tests: len(cases), Cases: cases, Time: "0", Timestamp: r.Started.UTC().Format(time.RFC3339)}
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

// junitVerdict keeps a run that says nothing of the service from being all
// green.
func (r *Report) junitVerdict() junitCase {
	c := junitCase{Name: "verdict"}
	result := &junitResult{Message: string(r.Verdict), Type: string(r.Verdict), Text: lines(r.Reasons)}
	switch r.Verdict {
	case Pass:
		c.Out = result.Text
	case Fail:
		c.Failure = result
	default:
		c.Error = result
	}
	return c
}

func (r *Report) junitThresholds() (cases []junitCase) {
	for _, t := range r.Thresholds {
		c := junitCase{Name: t.Expression}
		switch t.State {
		case Met:
			c.Out = "observed " + t.observed()
		case Missed:
			c.Failure = &junitResult{Message: "observed " + t.observed(), Type: "threshold", Text: clip(t.text(), maxText)}
		default: // never green
			c.Skipped = &junitResult{Message: clip(string(t.State)+": "+t.Why, maxText)}
		}
		cases = append(cases, c)
	}
	return cases
}

// junitGroups fails a group where a threshold of its own is missed, and skips
// one that no request was sent for, or of which a threshold could not be judged.
func (r *Report) junitGroups() (cases []junitCase) {
	missedOf, unclearOf := map[string][]string{}, map[string][]string{}
	for _, t := range r.Thresholds {
		switch {
		case t.Group == "" || t.State == Met:
		case t.State == Missed:
			missedOf[t.Group] = append(missedOf[t.Group], t.text())
		default:
			unclearOf[t.Group] = append(unclearOf[t.Group], t.text())
		}
	}
	for _, g := range r.Groups {
		missed, unclear := missedOf[g.Name], unclearOf[g.Name]
		q := g.Requests
		c := junitCase{Name: g.Name}
		figures := fmt.Sprintf("%d of %d requests sent: %d as expected, %d unexpected, %d violating, %d failed; %d of the responses were 429; response p95 %s ms",
			q.Sent, q.Scheduled, q.AsExpected, q.Unexpected, q.Violating, q.Failed, q.RateLimited, g.Response.Text("p95"))
		switch {
		case len(missed) > 0:
			c.Failure = &junitResult{Message: fmt.Sprintf("it misses %d of its thresholds", len(missed)), Type: "group",
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

// junitRules fails a rule that an answer broke at level fail, even where a
// threshold tolerates it, and skips one that no answer was held against.
func (r *Report) junitRules() (cases []junitCase) {
	known := map[string]bool{}
	for _, c := range r.Coverage {
		known[c.Rule] = true
		cases = append(cases, r.junitRule(c.Rule, c.Evaluated))
	}
	for _, v := range r.Violations {
		if !known[v.Rule] {
			known[v.Rule] = true
			cases = append(cases, r.junitRule(v.Rule, v.Count))
		}
	}
	slices.SortStableFunc(cases, func(a, b junitCase) int { return strings.Compare(a.Name, b.Name) })
	return cases
}

func (r *Report) junitRule(rule string, evaluated uint64) junitCase {
	var fails, notes []string
	count := uint64(0)
	for _, v := range r.Violations {
		switch {
		case v.Rule != rule:
		case v.Level == "fail":
			count += v.Count
			fails = append(fails, v.text())
		default:
			notes = append(notes, v.text())
		}
	}
	c := junitCase{Name: rule, Out: lines(notes)}
	switch {
	case len(fails) > 0:
		c.Failure = &junitResult{Message: fmt.Sprintf("broken %d times", count), Type: "rule", Text: lines(fails)}
	case evaluated == 0:
		c.Skipped = &junitResult{Message: "not exercised: no response gave occasion for it"}
	}
	return c
}

// text says of a violation what a reader of a log needs.
func (v *Violation) text() string {
	text := fmt.Sprintf("%s: %d times\n  expected %s\n  got      %s", plain(place(v.Pointer), longest), v.Count,
		plain(v.Expected, longest), plain(v.Got, longest))
	if id := v.Example.CorrelationID; id != "" {
		text += "\n  first correlation-id " + plain(id, longest)
	}
	return text
}

func place(pointer string) string {
	if pointer == "" {
		return "(whole answer)"
	}
	return pointer
}
