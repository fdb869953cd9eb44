package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// everyTerm is a scenario of which judging needs everything, and a secret.
func everyTerm() *scenario.Scenario {
	return &scenario.Scenario{
		Description: "Friday's <peak> & more",
		Thresholds: []scenario.Threshold{
			limit(scenario.Response, "p99.9", 99.9, 0.3, "300ms"), limit(scenario.Service, "max", 0, 1, "1s"),
			{Group: "sms", Metric: scenario.ErrorRate, Limit: 0.001, Written: "0.1%"},
		},
		Load: scenario.Load{Concurrency: 5, Think: 3 * time.Second},
		Target: scenario.Target{AccessToken: scenario.NewSecret("canary"),
			ClientCredentials: &scenario.ClientCredentials{
				ClientID: "canary", ClientSecret: scenario.NewSecret("canary")}},
	}
}

// A measurement that went through a file is judged as before, without its
// scenario; no secret travels with it.
func TestTermsTravelInTheMeasurement(t *testing.T) {
	s := everyTerm()
	m := measured(t)
	m.Terms = report.TermsOf(s).Encode()
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	read, err := measure.Unpack(data)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(read.Terms), "canary") {
		t.Errorf("a secret is in %s", read.Terms)
	}
	terms, err := report.DecodeTerms(read)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report.TermsOf(s), terms); diff != "" {
		t.Error(diff)
	}
	before, err := report.Judge(m)
	if err != nil {
		t.Fatal(err)
	}
	after, err := report.Judge(read)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestTermsThatCanNotBe(t *testing.T) {
	m := measured(t)
	for _, test := range []struct{ terms, want string }{
		{"", "there is nothing"},
		{"null", "no thresholds"},
		{"{", "unexpected EOF"},
		{`{"thresholds":[],"token":"given"} {}`, "data follows it"},
		{`{"thresholds":[],"token":"given","stopOn":{}}`, `unknown field "stopOn"`},
		{`{"thresholds":[]}`, `"" is not a token source`},
		{`{"token":"given"}`, "no thresholds"},
		{`{"thresholds":[],"token":"given","closed":{"users":0,"think_ns":0}}`, "a closed load of 0 users"},
		{`{"thresholds":[{"metric":"errorRate","limit":0,"group":"nobody","written":""}],"token":"given"}`,
			`the group "nobody"`},
		{`{"thresholds":[{"metric":"errors","limit":0,"written":""}],"token":"given"}`,
			`"errors" is nothing`},
		{`{"thresholds":[{"metric":"errorRate","limit":-1,"written":""}],"token":"given"}`, "-1 is not a " +
			"limit"},
		{`{"thresholds":[{"metric":"errorRate","stat":"p50","quantile":50,"limit":0,"written":""}],` +
			`"token":"given"}`, "no percentiles"},
		{`{"thresholds":[{"metric":"response","stat":"p50","quantile":101,"limit":0,"written":""}],` +
			`"token":"given"}`, "101 is not a percentile"},
		{`{"thresholds":[{"metric":"response","stat":"p50","limit":0,"written":""}],"token":"given"}`,
			"0 is not a percentile"},
		{`{"thresholds":[{"metric":"response","stat":"median","limit":0,"written":""}],"token":"given"}`,
			`"median" is not a statistic`},
		{`{"thresholds":[{"metric":"response","stat":"max","quantile":5,"limit":0,"written":""}],` +
			`"token":"given"}`, "is not a statistic"},
	} {
		m.Terms = json.RawMessage(test.terms)
		if _, err := report.Judge(m); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.terms, err, test.want)
		}
	}
}

// Terms that are read are read the same again, and judged by without a panic.
func FuzzTerms(f *testing.F) {
	f.Add([]byte(report.TermsOf(everyTerm()).Encode()))
	f.Add([]byte(report.TermsOf(&scenario.Scenario{}).Encode()))
	f.Add([]byte(`{"thresholds":[{"metric":"response","stat":"p50","quantile":1e-300,"limit":1e300,` +
		`"written":"\u0000"}],"token":"file"}`))
	m := measured(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		read := *m
		read.Terms = text
		terms, err := report.DecodeTerms(&read)
		if err != nil {
			return
		}
		read.Terms = terms.Encode()
		again, err := report.DecodeTerms(&read)
		if diff := cmp.Diff(terms, again); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		if _, err := report.Judge(&read); err != nil {
			t.Fatal(err)
		}
	})
}
