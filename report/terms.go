package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/scenario"
)

// Terms are what a measurement is judged by: all that judging needs to know of
// the scenario. They travel inside the measurement, so that it can be judged
// where the scenario is not. They hold no secret.
type Terms struct {
	Description string `json:"description,omitempty"`
	// Target is where the requests went, and Scenario the text of
	// [scenario.Scenario].
	Target     string               `json:"target,omitempty"`
	Scenario   string               `json:"scenario,omitempty"`
	Thresholds []scenario.Threshold `json:"thresholds"`
	// Flow are those of the steps that follow requests.
	Flow []scenario.Threshold `json:"flow,omitempty"`
	// Confidence is that with which thresholds have to be met or missed, from 0 to 1; 0 if
	// the observed values decide. Between is the relative standard deviation of runs that
	// differ for reasons of their own.
	Confidence float64 `json:"confidence,omitempty"`
	Between    float64 `json:"between,omitempty"`
	// Looks are how often the run may be looked at, to end as soon as it is decided: each may
	// be wrong by chance. 0 if only at its end.
	Looks int `json:"looks,omitempty"`
	// Closed is set where the load is closed.
	Closed *ClosedTerms `json:"closed,omitempty"`
	// Token says where the access token came from.
	Token TokenSource `json:"token"`
	// TokenEnds is when the access token ends that the run began with, where
	// nothing of mfaload's renews it and the token says so.
	TokenEnds *time.Time `json:"token_ends,omitempty"`
}

// ClosedTerms describe a closed load.
type ClosedTerms struct {
	Users int           `json:"users"`
	Think time.Duration `json:"think_ns"`
}

// TokenSource is where an access token comes from.
type TokenSource string

const (
	// GivenToken was written into the scenario or its environment.
	GivenToken TokenSource = "given"
	// FileToken is read from a file that something else keeps fresh.
	FileToken TokenSource = "file"
	// RenewedToken is fetched with client credentials.
	RenewedToken TokenSource = "renewed"
)

// TermsOf returns the terms of a scenario.
func TermsOf(s *scenario.Scenario) Terms {
	t := Terms{Description: s.Description, Target: target(&s.Target), Scenario: s.Text,
		Thresholds: slices.Clone(
			s.Thresholds,
		), Flow: slices.Clone(s.Flow), Confidence: s.Confidence, Between: s.Between, Looks: len(s.Looks()),
		Token: GivenToken}
	if t.Thresholds == nil {
		t.Thresholds = []scenario.Threshold{}
	}
	if l := &s.Load; l.Closed() {
		t.Closed = &ClosedTerms{l.Concurrency, l.Think}
	}
	switch {
	case s.Target.ClientCredentials != nil:
		t.Token = RenewedToken
	case s.Target.AccessTokenFile != "":
		t.Token = FileToken
	}
	return t
}

// target is where a scenario sends its requests; it holds no credentials.
func target(t *scenario.Target) string {
	switch {
	case t.Simulator != nil:
		return "embedded simulator"
	case t.CustomDomain || t.AuthPath == "":
		return t.AuthPath
	}
	return t.AuthPath + "/" + t.EnvID
}

// eachLook is the confidence that each look at a run takes, so that all have the one that is
// wanted; 0 if the observed values decide.
func (t *Terms) eachLook() float64 {
	if t.Confidence == 0 || t.Looks < 2 {
		return t.Confidence
	}
	return 1 - (1-t.Confidence)/float64(t.Looks)
}

// Encode writes the terms as [measure.Measurement.Terms] holds them.
func (t Terms) Encode() json.RawMessage {
	text, err := json.Marshal(t)
	if err != nil {
		panic("report: a threshold's limit is not a number: " + err.Error()) // a scenario takes none
	}
	return text
}

// DecodeTerms reads the terms of a measurement. What they can't be is an error.
func DecodeTerms(m *measure.Measurement) (Terms, error) {
	fail := func(err error) (Terms, error) {
		return Terms{}, fmt.Errorf("read what the measurement is judged by: %w: the file is damaged or "+
			"from another version", err)
	}
	if len(m.Terms) == 0 {
		return fail(errors.New("there is nothing"))
	}
	d := json.NewDecoder(bytes.NewReader(m.Terms))
	d.DisallowUnknownFields()
	var t Terms
	if err := d.Decode(&t); err != nil {
		return fail(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail(errors.New("data follows it"))
	}
	if err := t.check(m.Groups); err != nil {
		return fail(err)
	}
	return t, nil
}

func (t *Terms) check(groups []string) error {
	if t.Thresholds == nil {
		return errors.New("it has no thresholds")
	}
	for _, h := range slices.Concat(t.Thresholds, t.Flow) {
		if err := checkThreshold(h, groups); err != nil {
			return err
		}
	}
	for _, h := range t.Flow {
		if !h.Flow || h.Metric == scenario.AchievedRate || h.Metric == scenario.Goodput {
			return fmt.Errorf("%s is no threshold of steps", h)
		}
	}
	if !(t.Confidence >= 0 && t.Confidence < 1 && t.Between >= 0 && t.Between <= 1 &&
		t.Looks >= 0 && t.Looks < 100) {
		return fmt.Errorf("a confidence of %v, and runs that differ by %v", t.Confidence, t.Between)
	}
	if c := t.Closed; c != nil && (c.Users < 1 || c.Think < 0) {
		return fmt.Errorf("a closed load of %d users who think for %v", c.Users, c.Think)
	}
	if !slices.Contains([]TokenSource{GivenToken, FileToken, RenewedToken}, t.Token) {
		return fmt.Errorf("%.60q is not a token source", string(t.Token))
	}
	return nil
}

func checkThreshold(h scenario.Threshold, groups []string) error {
	timed := h.Metric == scenario.Response || h.Metric == scenario.Service
	switch {
	case h.Group != "" && !slices.Contains(groups, h.Group):
		return fmt.Errorf("a threshold is for the group %.60q, which is not there", h.Group)
	case !timed && !slices.Contains([]scenario.Metric{scenario.ErrorRate, scenario.ViolationRate,
		scenario.RateLimitedRate, scenario.AchievedRate, scenario.Goodput}, h.Metric):
		return fmt.Errorf("%.60q is nothing that a threshold can judge", string(h.Metric))
	case !(h.Limit >= 0) || math.IsInf(h.Limit, 0):
		return fmt.Errorf("%v is not a limit", h.Limit)
	case !timed:
		if h.Stat != "" || h.Quantile != 0 {
			return fmt.Errorf("%s has no percentiles", h.Metric)
		}
	case strings.HasPrefix(h.Stat, "p"):
		if !(h.Quantile > 0 && h.Quantile <= 100) {
			return fmt.Errorf("%v is not a percentile", h.Quantile)
		}
	case !slices.Contains([]string{"min", "mean", "max"}, h.Stat) || h.Quantile != 0:
		return fmt.Errorf("%.60q is not a statistic of times", h.Stat)
	}
	return nil
}

// Closed marks the report of a closed load.
type Closed struct {
	Users int `json:"users"    schema:"minimum=1"`
	// How long each waits after a response.
	Think float64 `json:"think_ms"`
	// What that means for the latency figures.
	Meaning string `json:"meaning"`
}

// closed describes a closed load; nil of a load with a schedule.
func closed(c *ClosedTerms) *Closed {
	if c == nil {
		return nil
	}
	return &Closed{Users: c.Users, Think: Milliseconds(c.Think), Meaning: "No schedule was kept: a slow " +
		"response delays its user's next request, so a slow service " +
		"gets fewer requests, and its slow times are underrepresented in the percentiles (coordinated " +
		"omission). " +
		"They do not say how long users who arrive on their own schedule would have waited."}
}

// What bounds report.json, so that mfaload can read it back: it has at most 128 MiB,
// whatever was run. A scenario has at most 10,000 groups, and a measurement at most
// 500 kinds of violations.
const (
	maxThresholds   = 10_000
	maxReasons      = 1000
	maxExplained    = 1000    // thresholds that have causes
	maxCauses       = 20      // of each of them
	MaxText         = 2000    // bytes of a reason, a pointer and the like
	maxScenarioText = 1 << 20 // bytes
	maxCurlBody     = 8 << 10 // bytes of a request that a command line repeats
	maxCurlURL      = 4 << 10
)

// LeftOut counts what report.json has no room for. The verdict takes all of it into
// account, and measurement.json.gz has it.
type LeftOut struct {
	Thresholds   uint64 `json:"thresholds,omitempty"`
	Reasons      uint64 `json:"reasons,omitempty"`
	Causes       uint64 `json:"causes,omitempty"`
	ScenarioText uint64 `json:"scenario_text_bytes,omitempty"`
}

// bound leaves out of a judged report what it has no room for: what passed goes first.
func (r *Report) bound() *Report {
	var out LeftOut
	r.Thresholds = MissedFirst(r.Thresholds, maxThresholds)
	r.Thresholds, out.Thresholds = text.First(r.Thresholds, maxThresholds)
	r.Reasons, out.Reasons = text.First(r.Reasons, maxReasons)
	out.Causes = boundCauses(r.Thresholds)
	if n := len(r.ScenarioText); n > maxScenarioText {
		kept := strings.LastIndexByte(r.ScenarioText[:maxScenarioText], '\n') + 1
		r.ScenarioText, out.ScenarioText = r.ScenarioText[:kept], uint64(n-kept)
	}
	for i := range r.Reasons {
		r.Reasons[i] = text.Clip(r.Reasons[i], MaxText)
	}
	if out != (LeftOut{}) {
		r.LeftOut = &out
	}
	return r
}

// escaped makes all texts of the report safe to show: whoever renders it need not think
// of what is from outside.
func (r *Report) escaped() *Report {
	text.EscapeAll(r)
	return r
}

func boundCauses(all []Threshold) (left uint64) {
	for i := range all {
		n, more := maxCauses, uint64(0)
		if i >= maxExplained {
			n = 0
		}
		all[i].Causes, more = text.First(all[i].Causes, n)
		left += more
	}
	return left
}

// MissedFirst are the thresholds with those first that are not met, where not all of
// them are shown.
func MissedFirst(all []Threshold, shown int) []Threshold {
	if len(all) <= shown {
		return all
	}
	order := []State{Missed, Undecided, NoData, Met}
	all = slices.Clone(all)
	slices.SortStableFunc(all,
		func(a, b Threshold) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	return all
}
