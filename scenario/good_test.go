package scenario_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/scenario"
	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

const (
	userA = "788d4931-6936-43f2-82ff-178f5762298a"
	userB = "00000000-0000-0000-0000-000000000000"
	envID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
)

// design is the example of the format's description.
const design = `
name: rollout-eu
description: Friday peak before the EU rollout
target:
  authPath: ${PINGONE_AUTH_PATH:-https://auth.pingone.eu}
  envID: ${PINGONE_ENV_ID:-abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6}
  accessToken: ${TOKEN}
  ownerAgreed: true
  timeout: 10s
users:
  - name: email-otp
    ids: [788d4931-6936-43f2-82ff-178f5762298a]
    weight: 3
    request: {policy: {id: "${POLICY}"}, undocumented: {n: 1.50, list: [true, ~, "1"]}}
    expect: {httpStatus: 201, status: OTP_REQUIRED}
  - name: unknown
    ids: [00000000-0000-0000-0000-000000000000]
    expect: {httpStatus: 404, error: NOT_FOUND}
load:
  arrivals: poisson
  seed: 18446744073709551615
  warmup: 10s
  workers: 32
  drain: 5s
  stages:
    - {rate: 50/s, duration: 2m}
    - {from: 50/s, to: 200/s, duration: 5m}
thresholds:
  errorRate: 0.1%
  groups: {unknown: {violationRate: 1%}, email-otp: {service: {max: 1s}}}
  response: {p99.9: 800ms, p95: 300ms}
contract:
  levels: {links.host: off, field.unknown: fail, echo.*: note}
`

var wantDesign = scenario.Scenario{
	Name: "rollout-eu", Description: "Friday peak before the EU rollout", File: "design.yaml",
	Target: scenario.Target{AuthPath: "https://auth.pingone.eu", EnvID: envID,
		AccessToken: scenario.NewSecret("4711"), OwnerAgreed: true, Timeout: 10 * time.Second,
		Protocol: scenario.HTTP1, Network: scenario.Network{IPVersion: scenario.AnyIP,
			Trace: scenario.TraceOff}},
	Groups: []scenario.Group{
		{Name: "email-otp", IDs: []string{userA}, Weight: 3, MaxPerUser: 10, Order: users.Sequential,
			Exhausted: scenario.Wrap,
			Request: map[string]any{
				"policy": map[string]any{"id": "9761c24a-208d-0499-1bf6-39905184a4e1"},
				"n":      json.Number("1.50"), "list": []any{true, nil, "1"}},
			Expect: scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"OTP_REQUIRED"}}},
		{Name: "unknown", IDs: []string{userB}, Weight: 1, MaxPerUser: 10, Order: users.Sequential,
			Exhausted: scenario.Wrap,
			Expect:    scenario.Expect{HTTPStatuses: []int{404}, Errors: []string{"NOT_FOUND"}}},
	},
	Load: scenario.Load{Arrivals: scenario.Poisson, Seed: 1<<64 - 1, Warmup: 10 * time.Second, Workers: 32,
		Drain: 5 * time.Second, RateFactor: 1, Repeat: 1, On429: scenario.Continue429,
		Stages: []scenario.Stage{{From: 50, To: 50, Duration: 2 * time.Minute},
			{From: 50, To: 200, Duration: 5 * time.Minute}}},
	Thresholds: []scenario.Threshold{
		{Metric: scenario.ErrorRate, Limit: 0.001, Written: "0.1%"},
		{Metric: scenario.Response, Stat: "p99.9", Quantile: 99.9, Limit: 0.8, Written: "800ms"},
		{Metric: scenario.Response, Stat: "p95", Quantile: 95, Limit: 0.3, Written: "300ms"},
		{Metric: scenario.ViolationRate, Limit: 0, Written: "0%"},
		{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"},
		{Group: "email-otp", Metric: scenario.Service, Stat: "max", Limit: 1, Written: "1s"},
		{Group: "unknown", Metric: scenario.ViolationRate, Limit: 0.01, Written: "1%"},
	},
	Levels: []scenario.LevelChange{
		{Rule: "links.host", Level: "off", Pos: form.Pos{File: "design.yaml", Line: 33, Column: 12}},
		{Rule: "field.unknown", Level: "fail", Pos: form.Pos{File: "design.yaml", Line: 33, Column: 29}},
		{Rule: "echo.*", Level: "note", Pos: form.Pos{File: "design.yaml", Line: 33, Column: 50}},
	},
}

func sameSecret(a, b scenario.Secret) bool { return a.Reveal() == b.Reveal() }

func parse(t testing.TB, file, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse(file, []byte(text), lookup)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

func TestParse(t *testing.T) {
	got := parse(t, "design.yaml", design)
	if diff := cmp.Diff(&wantDesign, got, cmp.Comparer(sameSecret), noText); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Duration() != 7*time.Minute {
		t.Errorf("it lasts %v", got.Duration())
	}
}

// TestDefaults is the smallest scenario.
func TestDefaults(t *testing.T) {
	want := &scenario.Scenario{
		Name: "test", File: "f",
		Target: scenario.Target{EnvID: envID, Timeout: 10 * time.Second, Protocol: scenario.HTTP1,
			Network: scenario.Network{IPVersion: scenario.AnyIP,
				Trace: scenario.TraceOff}, Simulator: &scenario.Simulator{Seed: 1}},
		Groups: []scenario.Group{{Name: "email", IDs: []string{userA}, Weight: 1, Order: users.Sequential,
			Exhausted: scenario.Wrap, Expect: scenario.Expect{HTTPStatuses: []int{201}}}},
		Load: scenario.Load{Arrivals: scenario.Uniform, Seed: 1, Drain: 10 * time.Second, RateFactor: 1,
			Repeat: 1,
			On429:  scenario.Continue429,
			Stages: []scenario.Stage{{From: 10, To: 10, Duration: 10 * time.Second}}},
		Thresholds: []scenario.Threshold{
			{Metric: scenario.ErrorRate, Written: "0%"},
			{Metric: scenario.ViolationRate, Written: "0%"},
			{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"},
		},
	}
	if diff := cmp.Diff(want, parse(t, "f", string(complete(nil))), cmp.Comparer(sameSecret),
		noText); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// good are files, completed like the bad ones, and what a part of them means.
var good = []struct {
	name, yaml string
	part       func(*scenario.Scenario) any
	want       any
}{
	{"byte-order mark", "\uFEFF# a comment\nname: a\n", name, "a"},
	{"line ends of Windows", "name: a\r\ndescription: b\r\n", name, "a"},
	{"JSON", `{"name": "a", "target": {"simulator": {}}, "users": [{"name": "b", "ids": ["` + userA +
		`"]}], "load": {"stages": [{"rate": "1/s", "duration": "1m"}]}}`, name, "a"},
	{"users of files",
		"users:\n  - {name: a, file: users/a.csv, order: random, perUser: 1/30s}\n  - {name: b, file: '-', " +
			"order: once}\n" +
			"  - {name: c, file: c.ndjson, order: shuffle, exhausted: stop, perUser: 1/min}\n  - {name: d, " +
			"ids: [" + userA + "]}\n", feeds,
		[]string{"users/a.csv:2:21 random  30s", "-:3:21 once stop 0s", "c.ndjson:4:21 shuffle stop 1m0s",
			":0:0 sequential wrap 0s"}},
	{"the most a user of the simulator gets", "", maxPerUser, []uint64{0}},
	{"the most a user of this machine gets",
		"target: {authPath: 'http://127.0.0.1:8080', envID: " + envID + ", accessToken: a}\n", maxPerUser,
		[]uint64{0}},
	{"the most a user of a host gets",
		"target: {authPath: 'https://mfa.example.com', envID: " + envID +
			", accessToken: a, ownerAgreed: true}\n", maxPerUser, []uint64{10}},
	{"the most a user behind a resolved name gets",
		"target: {authPath: 'https://mfa.example.com', envID: " + envID +
			", accessToken: a, ownerAgreed: true, resolve: 127.0.0.1}\n", maxPerUser, []uint64{10}},
	{"the most a user behind a proxy gets",
		"target: {authPath: 'http://127.0.0.1:8080', envID: " + envID +
			", accessToken: a, ownerAgreed: true, proxy: 'http://127.0.0.1:3128'}\n", maxPerUser,
		[]uint64{10}},
	{"the most a user gets, by group",
		"users:\n  - {name: a, ids: [" + userA + "]}\n  - {name: b, ids: [" + userB +
			"], maxPerUser: 1000000000/d}\n" +
			"  - {name: c, usernameless: true, request: {rp: {id: example.com}}}\nload: {maxPerUser: 50/d, " +
			"stages: [{rate: 1/s, duration: 1m}]}\n", maxPerUser, []uint64{50, 1_000_000_000, 0}},
	{"document markers", "---\nname: a\n", name, "a"},
	{"quoted digits", "name: '12'\n", name, "12"},
	{"tagged text", "name: !!str 12\n", name, "12"},
	{"variable in a name", "name: a-${NAME}\n", name, "a-secret-name"},
	{"variable with digits only", "name: ${TOKEN}\n", name, "4711"},
	{"literal ${", "description: a$${NAME}$$${NAME} $NAME\n", description, "a${NAME}$${NAME} $NAME"},
	{"default for an empty variable", "description: ${EMPTY:-nothing here}\n", description, "nothing here"},
	{"empty default", "description: ${GONE:-}\n", description, ""},
	{"structure in a variable is text", "description: ${SPACED}\n", description, "a: b # c"},
	{"a date is text", "description: 2024-01-01\n", description, "2024-01-01"},
	{"folded text", "description: >-\n  a\n  b\n", description, "a b"},
	{"no capacity", "", capacity, (*scenario.Capacity)(nil)},
	{"capacity", "capacity: {maxRate: 64/s}\n", capacity,
		&scenario.Capacity{MaxRate: 64, StartRate: 2, Trial: 30 * time.Second, Warmup: 10 * time.Second,
			Settle: 5 * time.Second, Budget: 30 * time.Minute, Trials: 15, Width: 0.05, Confidence: 0.95}},
	{"servers", "target: {simulator: {servers: {count: 10, time: exponential(20ms), contention: 3%, " +
		"coherency: 0.01%, collapse: {at: 90%, after: 20s}}}}\n", simulator,
		scenario.Simulator{Servers: &scenario.Servers{Count: 10,
			Time: scenario.Latency{Kind: "exponential", A: 20 * time.Millisecond}, Contention: 0.03,
			Coherency: 0.0001,
			Collapse:  &scenario.Collapse{At: 0.9, After: 20 * time.Second, Slower: 4}}, Seed: 1}},
	{"simulator of nothing", "target:\n  simulator:\n", simulator, scenario.Simulator{Seed: 1}},
	{"distribution in braces", "target: {simulator: {latency: lognormal(80ms, 250ms), seed: 2}}\n", simulator,
		scenario.Simulator{Latency: scenario.Latency{Kind: "lognormal", A: 80 * time.Millisecond,
			B: 250 * time.Millisecond}, Seed: 2}},
	{"distribution in a block", "target:\n  simulator:\n    latency: normal( 80ms ,20ms )\n", simulator,
		scenario.Simulator{Latency: scenario.Latency{Kind: "normal", A: 80 * time.Millisecond,
			B: 20 * time.Millisecond}, Seed: 1}},
	{"constant latency", "target: {simulator: {latency: constant(5ms)}}\n", simulator,
		scenario.Simulator{Latency: scenario.Latency{Kind: "constant", A: 5 * time.Millisecond}, Seed: 1}},
	{"plain latency", "target: {simulator: {latency: '${DURATION}'}}\n", simulator,
		scenario.Simulator{Latency: scenario.Latency{Kind: "constant", A: 5 * time.Second}, Seed: 1}},
	{"plain limit", "target: {simulator: {rateLimit: 90/min}}\n", simulator,
		scenario.Simulator{Limit: &scenario.Limit{Rate: 1.5, Burst: 2, RetryAfter: time.Second}, Seed: 1}},
	{"low limit", "target: {simulator: {rateLimit: {rate: 6/h, retryAfter: 1m}}}\n", simulator,
		scenario.Simulator{Limit: &scenario.Limit{Rate: 6.0 / 3600, Burst: 1, RetryAfter: time.Minute},
			Seed: 1}},
	{"limit with a burst", "target: {simulator: {rateLimit: {rate: 100/s, burst: 5}}}\n", simulator,
		scenario.Simulator{Limit: &scenario.Limit{Rate: 100, Burst: 5, RetryAfter: time.Second}, Seed: 1}},
	{"simulated users, stalls and faults", `target:
  simulator:
    stalls: [{every: 3s, for: 1s}]
    users:
      - {ids: [` + userA + `], devices: [EMAIL, SMS], form: newer}
      - {ids: [` + userB + `], httpStatus: 403, error: ACCESS_FAILED}
      - {ids: [` + envID + `], status: FAILED}
    faults: [{name: echo.user, share: 1%}]
`, simulator, scenario.Simulator{
		Stalls: []scenario.Stall{{Every: 3 * time.Second, For: time.Second}},
		Users: []scenario.SimulatedUsers{{IDs: []string{userA}, Devices: []string{"EMAIL", "SMS"},
			Form: "newer"},
			{IDs: []string{userB}, Form: "older", HTTPStatus: 403, Error: "ACCESS_FAILED"},
			{IDs: []string{envID}, Form: "older", Status: "FAILED"}},
		Faults: []scenario.Fault{{Name: "echo.user", Share: 0.01,
			Pos: form.Pos{File: "good.yaml", Line: 8, Column: 21}}},
		Seed: 1}},
	{"aliases", "users:\n  - {name: a, ids: &ids [" + userA +
		"], expect: &e {httpStatus: [400, 404]}}\n  - {name: b, ids: [" + userB + "], expect: *e}\n",
		func(s *scenario.Scenario) any { return s.Groups[1].Expect },
		scenario.Expect{HTTPStatuses: []int{400, 404}}},
	{"list of statuses",
		"users:\n  - name: a\n    ids: [" + userA +
			"]\n    expect:\n      status: [OTP_REQUIRED, SOME_NEW_STATUS]\n",
		func(s *scenario.Scenario) any { return s.Groups[0].Expect },
		scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"OTP_REQUIRED", "SOME_NEW_STATUS"}}},
	{"error next to success",
		"users: [{name: a, ids: [" + userA +
			"], expect: {httpStatus: [201, 429], error: REQUEST_LIMITED}}]\n",
		func(s *scenario.Scenario) any { return s.Groups[0].Expect },
		scenario.Expect{HTTPStatuses: []int{201, 429}, Errors: []string{"REQUEST_LIMITED"}}},
	{"typed request",
		"users:\n  - name: a\n    ids: [" + userA +
			"]\n    request:\n     undocumented:\n      n: ${NUMBER}\n      s: '${NUMBER}'\n      b: " +
			"${YES}\n      e: ${EMPTY}\n      big: 123456789012345678901234567890\n      m: ${MAPPING}\n   " +
			"   no: no\n",
		func(s *scenario.Scenario) any { return s.Groups[0].Request },
		map[string]any{"n": json.Number("4711"), "s": "4711", "b": true, "e": nil,
			"big": json.Number("123456789012345678901234567890"), "m": "{workers: 3}", "no": "no"}},
	{"typed variables",
		"target:\n  authPath: HTTP://LocalHost:8080/\n  envID: " + envID +
			"\n  accessToken: ${TOKEN}\n  ownerAgreed: ${YES}\n" +
			"load:\n  workers: ${NUMBER}\n  seed: \"${NUMBER}\"\n  stages:\n    - rate: ${RATE}\n      " +
			"duration: ${DURATION}\n",
		func(s *scenario.Scenario) any {
			return []any{s.Target.AuthPath, s.Target.AccessToken.Reveal(), s.Target.OwnerAgreed,
				s.Load.Workers, s.Load.Seed, s.Load.Stages[0]}
		},
		[]any{"http://localhost:8080", "4711", true, 4711, uint64(4711),
			scenario.Stage{From: 7, To: 7, Duration: 5 * time.Second}}},
	{"loopback addresses", "target: {authPath: 'http://127.8.9.10', envID: " + envID + ", accessToken: a}\n",
		authPath, "http://127.8.9.10"},
	{"loopback of IPv6", "target: {authPath: 'http://[::1]:80', envID: " + envID + ", accessToken: a}\n",
		authPath, "http://[::1]:80"},
	{"a host with consent",
		"target: {authPath: 'https://Auth.PingOne.com/', envID: " + envID +
			", accessToken: a, ownerAgreed: true}\n", authPath, "https://auth.pingone.com"},
	{"simulator with a token", "target: {simulator: {}, envID: " + userB + ", accessToken: a}\n",
		func(s *scenario.Scenario) any { return s.Target.EnvID }, userB},
	{"pauses", "load: {stages: [{rate: 0/s, duration: 1m}, {from: 0/s, to: 10/s, duration: 1d}, {from: " +
		"10/s, to: 0/s, duration: 1h30m}]}\n",
		func(s *scenario.Scenario) any { return s.Load.Stages },
		[]scenario.Stage{{Duration: time.Minute}, {To: 10, Duration: 24 * time.Hour},
			{From: 10, Duration: 90 * time.Minute}}},
	{"kinds of stages", `load:
  repeat: 2
  maxRequests: 5000
  stages:
    - {name: up, from: 1/s, to: 4/s, steps: 4, duration: 10s}
    - {rate: 1/s, spike: {rate: 50/s, at: 2s, for: 500ms}, duration: 1m}
    - {pause: 5s}
    - {sine: {low: 1/s, high: 9/s, period: 1h}, duration: 1d}
    - {sine: {low: 1/s, high: 9/s, period: 1h, crest: 0s}, duration: 1d}
    - {rate: 4/s, requests: 10}
    - {from: 0/s, to: 3/s, requests: 1}
`, func(s *scenario.Scenario) any { return []any{s.Load.Repeat, s.Load.MaxRequests, s.Load.Stages} },
		[]any{2, uint64(5000), []scenario.Stage{
			{Name: "up", From: 1, To: 4, Steps: 4, Duration: 10 * time.Second},
			{From: 1, To: 1,
				Spike:    &scenario.Spike{Rate: 50, At: 2 * time.Second, For: 500 * time.Millisecond},
				Duration: time.Minute},
			{Duration: 5 * time.Second},
			{Wave: &scenario.Wave{Low: 1, High: 9, Period: time.Hour, Crest: 30 * time.Minute},
				Duration: 24 * time.Hour},
			{Wave: &scenario.Wave{Low: 1, High: 9, Period: time.Hour}, Duration: 24 * time.Hour},
			{From: 4, To: 4, Requests: 10, Duration: 2500 * time.Millisecond},
			{To: 3, Requests: 1, Duration: 666666667},
		}}},
	{"a profile that holds", "load: {stages: [{profile: testdata/profile.csv}]}\n",
		func(s *scenario.Scenario) any { return s.Load.Stages },
		[]scenario.Stage{{Duration: time.Minute,
			Profile: &scenario.Profile{File: "testdata/profile.csv", Points: []scenario.Point{
				{Rate: 2}, {At: 10 * time.Second, Rate: 8, Before: 20},
				{At: 20 * time.Second, Rate: 4.5, Before: 100}, {At: 40 * time.Second, Before: 190}}}}}},
	{"a profile of lines", "load: {stages: [{profile: {file: testdata/profile.csv, interpolate: true}}]}\n",
		func(s *scenario.Scenario) any { return s.Load.Stages },
		[]scenario.Stage{{Duration: 40 * time.Second,
			Profile: &scenario.Profile{File: "testdata/profile.csv", Interpolate: true,
				Points: []scenario.Point{
					{Rate: 2}, {At: 10 * time.Second, Rate: 8, Before: 50},
					{At: 20 * time.Second, Rate: 4.5, Before: 112.5},
					{At: 40 * time.Second, Before: 157.5}}}}}},
	{"so many requests at a rate",
		"load: {requests: 100, stages: [{from: 0/s, to: 10/s, duration: 10s}, {rate: 10/s}]}\n",
		func(s *scenario.Scenario) any {
			return []any{s.Load.Requests, s.Load.Stages[1].Duration,
				s.Duration()}
		},
		[]any{uint64(100), 5 * time.Second, 15 * time.Second}},
	{"so many requests by repeating",
		"load: {requests: 101, stages: [{rate: 10/s, duration: 1s}, {pause: 1s}]}\n",
		func(s *scenario.Scenario) any { return s.Load.Repeat }, 11},
	{"closed", "load: {concurrency: 50, think: 200ms, duration: 2m, warmup: 5s, maxRequests: 9000}\n",
		func(s *scenario.Scenario) any { return []any{s.Load, s.Duration(), s.Load.Closed()} },
		[]any{scenario.Load{Arrivals: scenario.Uniform, Seed: 1, Warmup: 5 * time.Second, Workers: 50,
			Drain: 10 * time.Second, RateFactor: 1, Repeat: 1,
			MaxRequests: 9000, On429: scenario.Continue429, Concurrency: 50, Think: 200 * time.Millisecond,
			Duration: 2 * time.Minute}, 2 * time.Minute, true}},
	{"auto warm-up", "load: {warmup: auto, stages: [{rate: 1/s, duration: 2m}]}\n", warmupOf,
		[]any{24 * time.Second, true}},
	{"longest auto warm-up", "load: {warmup: auto, concurrency: 5, duration: 1h}\n", warmupOf,
		[]any{time.Minute, true}},
	{"shortest auto warm-up", "load: {warmup: auto, stages: [{rate: 1/s, duration: 20s}]}\n", warmupOf,
		[]any{5 * time.Second, true}},
	{"auto warm-up of a length", "load: {warmup: {auto: 90s}, stages: [{rate: 1/s, duration: 2m}]}\n",
		warmupOf, []any{90 * time.Second, true}},
	{"fixed warm-up", "load: {warmup: 90s, stages: [{rate: 1/s, duration: 2m}]}\n", warmupOf,
		[]any{90 * time.Second, false}},
	{"on 429", "load: {on429: stop, stages: [{rate: 1/s, duration: 1m}]}\n",
		func(s *scenario.Scenario) any { return s.Load.On429 }, scenario.Stop429},
	{"conditions that end a run",
		"load:\n  stages: [{rate: 0/s, duration: 1m}, {from: 1/s, to: 3/s, duration: 1m}]\n" +
			"  stopOn: [{errorRate: 10%}, {service: {p99.9: 5s, p50: 100ms}, window: 1m}, " +
			"{connectionFailures: 20}, {window: 90s, rateLimitedRate: 0%}, {violationRate: 1%}]\n", stopOn,
		[]string{"errorRate > 10% over 10s", "service p99.9 > 5s over 1m", "service p50 > 100ms over 1m",
			"20 connection failures in a row",
			"rateLimitedRate > 0% over 90s", "violationRate > 1% over 10s"}},
	{"conditions of a closed load",
		"load: {concurrency: 1, requests: 5, stopOn: [{response: {p50: 1s}, window: 10m}]}\n", stopOn,
		[]string{"response p50 > 1s over 10m"}},
	{"closed, so many requests", "load: {concurrency: 5, requests: 100}\n",
		func(s *scenario.Scenario) any { return s.Load.Requests }, uint64(100)},
	{"closed has no planned rate", "load: {concurrency: 5, requests: 100}\n", thresholds,
		"errorRate <= 0%; violationRate <= 0%"},
	{"just one request", "load: {stages: [{rate: 0.1/s, duration: 10s}]}\n",
		func(s *scenario.Scenario) any { return s.Load.Stages[0].From }, scenario.Rate(0.1)},
	{"thresholds of nothing", "thresholds:\n", thresholds,
		"errorRate <= 0%; violationRate <= 0%; achievedRate >= 99%"},
	{"no share as a number", "thresholds: {errorRate: 0, violationRate: 0.0}\n", thresholds,
		"errorRate <= 0; violationRate <= 0.0; achievedRate >= 99%"},
	{"share from a variable", "thresholds: {errorRate: '${SHARE}'}\n", thresholds,
		"errorRate <= 2%; violationRate <= 0%; achievedRate >= 99%"},
	{"statistics",
		"thresholds:\n  service: {min: 1ms, mean: 2ms, max: 1m, p50: 3ms, p100: 2h, p0.001: 1ms}\n",
		thresholds,
		"service min <= 1ms; service mean <= 2ms; service max <= 1m; service p50 <= 3ms; service p100 <= " +
			"2h; service p0.001 <= 1ms; errorRate <= 0%; violationRate <= 0%; achievedRate >= 99%"},
	{"group's thresholds have no defaults",
		"thresholds: {groups: {email: {response: {p50: 1s}, achievedRate: 90%}}}\n", thresholds,
		"errorRate <= 0%; violationRate <= 0%; achievedRate >= 99%; email: response p50 <= 1s; email: " +
			"achievedRate >= 90%"},
	{"contract of nothing", "contract:\n", func(s *scenario.Scenario) any { return len(s.Levels) }, 0},
}

func name(s *scenario.Scenario) any        { return s.Name }
func description(s *scenario.Scenario) any { return s.Description }
func capacity(s *scenario.Scenario) any    { return s.Capacity }
func simulator(s *scenario.Scenario) any   { return *s.Target.Simulator }
func authPath(s *scenario.Scenario) any    { return s.Target.AuthPath }

func thresholds(s *scenario.Scenario) any {
	var all []string
	for _, t := range s.Thresholds {
		all = append(all, t.String())
	}
	return strings.Join(all, "; ")
}

func maxPerUser(s *scenario.Scenario) any {
	var all []uint64
	for _, g := range s.Groups {
		all = append(all, g.MaxPerUser)
	}
	return all
}

func stopOn(s *scenario.Scenario) any {
	var all []string
	for _, c := range s.Load.StopOn {
		all = append(all, c.String())
	}
	return all
}

// feeds says where each group's users come from.
func feeds(s *scenario.Scenario) any {
	var all []string
	for _, g := range s.Groups {
		all = append(all,
			fmt.Sprintf("%s:%d:%d %s %s %v", g.File.Path, g.File.Pos.Line, g.File.Pos.Column, g.Order,
				g.Exhausted, g.PerUser))
	}
	return all
}

// whole is a good file as it is parsed.
func whole(yaml string) string {
	if strings.HasPrefix(yaml, "{") {
		return yaml
	}
	return string(complete([]byte(yaml)))
}

func TestGood(t *testing.T) {
	for _, g := range good {
		t.Run(g.name, func(t *testing.T) {
			s := parse(t, "good.yaml", whole(g.yaml))
			if diff := cmp.Diff(g.want, g.part(s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// The next one is equal, but shares nothing with it.
			again := parse(t, "good.yaml", whole(g.yaml))
			if diff := cmp.Diff(s, again, cmp.Comparer(sameSecret)); diff != "" || s.Hash() != again.Hash() {
				t.Errorf("parsed again (-first +second):\n%s", diff)
			}
			if len(s.Groups[0].IDs) == 0 {
				return
			}
			again.Groups[0].IDs[0], again.Thresholds[0].Limit = "", 99
			if len(s.Load.Stages) > 0 {
				again.Load.Stages[0].From = 99
			}
			if s.Groups[0].IDs[0] == "" || len(s.Load.Stages) > 0 && s.Load.Stages[0].From == 99 ||
				s.Thresholds[0].Limit == 99 {
				t.Error("two scenarios share memory")
			}
		})
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "s.yaml")
	if err := os.WriteFile(file, complete(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Read(file, lookup)
	if err != nil || s.File != file {
		t.Errorf("got %v, %v", s, err)
	}
	if s, err := scenario.ReadSimulator(file, lookup); err != nil || s.Target.Simulator == nil {
		t.Errorf("got %v, %v", s, err)
	}
	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir} {
		_, err := scenario.Read(path, lookup)
		_, same := scenario.ReadSimulator(path, lookup)
		if m := message(err); !strings.HasPrefix(m, "read "+path+": ") || m != message(same) {
			t.Errorf("got %v, %v", err, same)
		}
		if errors.Is(err, fs.ErrNotExist) != (path != dir) {
			t.Errorf("%v does not wrap its cause", err)
		}
	}
}

func TestUnreadable(t *testing.T) {
	for text, want := range map[string]string{
		"": "f:1:1: the file is empty\n" +
			"    write a scenario: 'mfaload schema' describes the keys",
		"\uFEFF": "f:1:1: the file is empty\n" +
			"    write a scenario: 'mfaload schema' describes the keys",
		"# nothing\n": "f:1:1: the file is empty\n" +
			"    write a scenario: 'mfaload schema' describes the keys",
		"name: a\nüb\xff: b\n": "f:2:3: the file is not UTF-8\n    save it as UTF-8",
		"\xff\xfen\x00a\x00":   "f:1:1: the file is UTF-16\n    save it as UTF-8",
		"name: a\x00\n": "f:1:1: not YAML: control characters are not allowed\n    " +
			"remove the character that can't be printed",
		strings.Repeat("#", 16<<20) +
			"#": "f:1:1: the file has more than 16 MiB\n    split the users over several scenarios",
		"a: " + strings.Repeat("[", 70) +
			strings.Repeat("]",
				70): "f:1:1: unknown key \"a\"\n    use one of name, description, target, users, load, " +
			"thresholds, capacity, case, contract, check\n" +
			"f:1:68: mappings and lists are more than 64 deep here\n    use fewer levels; an alias must " +
			"not hold itself",
	} {
		_, err := scenario.Parse("f", []byte(text), lookup)
		if err == nil || !strings.HasPrefix(missing.ReplaceAllString(err.Error(), ""), want) &&
			err.Error() != want {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

// TestTooLarge is about files that are too large to be kept as examples.
func TestTooLarge(t *testing.T) {
	var groups, names strings.Builder
	for i := range 42 {
		fmt.Fprintf(&groups, "  - {name: group-%02d, ids: [00000000-0000-0000-0000-%012d]}\n", i, i)
		fmt.Fprintf(&names, "group-%02d, ", i)
	}
	token := "target: {authPath: 'http://localhost', envID: " + envID + ", accessToken: " +
		strings.Repeat("x", 6<<10) + "y}\n"
	for text, want := range map[string]string{
		whole("name: a\nlist: [" + strings.Repeat("1,", 5e5) +
			"]\n"): "the file has more than 500000 values\n    split the users over several scenarios",
		whole(token): "target.accessToken is longer than the headers that the service takes, 6 KB\n    " +
			"write an access token such as ${PINGONE_ACCESS_TOKEN}",
		whole("description: " + strings.Repeat("${LONG}", 20) +
			"\n"): "description: variable LONG is too long\n" +
			"    set it in the environment, or give a default: ${LONG:-default}",
		whole("users:\n" + groups.String() +
			"thresholds: {groups: {push: {errorRate: 1%}}}\n"): `thresholds of an unknown group "push"` +
			"\n    use one of " +
			names.String()[:40*len("group-00, ")-len(", ")] + ", …",
		whole(strings.Repeat("name", 100) + ": a\n"): `unknown key "` + strings.Repeat("name", 20) + `…"` +
			"\n    use one of name, description, target, users, load, thresholds, capacity, case, " +
			"contract, check",
	} {
		_, err := scenario.Parse("f", []byte(text),
			func(name string) (string, bool) { return strings.Repeat("x", 100_000), name == "LONG" })
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 2000 {
			t.Errorf("%.60q: got %.2000v, want %s", text, err, want)
		}
	}
}

// TestManyProblems bounds what is printed, and counts the rest.
func TestManyProblems(t *testing.T) {
	text := whole("users:\n  - name: a\n    ids: [" + strings.Repeat("x, ", 1000) + "]\n")
	_, err := scenario.Parse("f", []byte(text), lookup)
	problems, _ := err.(form.Problems)
	if len(problems) != 201 || problems[200].Text != "800 more problems are not shown" {
		t.Errorf("%d problems, the last is %v", len(problems), problems[len(problems)-1])
	}
}

func TestSimulatorFile(t *testing.T) {
	own := scenario.Target{EnvID: envID, Simulator: &scenario.Simulator{Seed: 1,
		Users: []scenario.SimulatedUsers{{IDs: []string{userA}, Devices: []string{"MOBILE"}, Form: "older"}}}}
	withToken := own
	withToken.EnvID, withToken.AccessToken = userB, scenario.NewSecret("a-token")
	users := "users: [{ids: [" + userA + "], devices: [MOBILE]}]\n"
	for text, want := range map[string]scenario.Target{
		users: own,
		"envID: " + userB + "\naccessToken: a-token\n" + users: withToken,
		"{}": {EnvID: envID, Simulator: &scenario.Simulator{Seed: 1}},
		"name: a\ntarget: {simulator: {seed: 3}}\n" +
			whole("")[len("name: test\ntarget: {simulator: {}}\n"):]: {
			EnvID: envID, Timeout: 10 * time.Second, Protocol: scenario.HTTP1,
			Network: scenario.Network{IPVersion: scenario.AnyIP,
				Trace: scenario.TraceOff}, Simulator: &scenario.Simulator{Seed: 3}},
	} {
		s, err := scenario.ParseSimulator("f", []byte(text), lookup)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, s.Target, cmp.Comparer(sameSecret)); diff != "" {
			t.Errorf("%s(-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{
		"latncy: 5ms\n": "f:1:1: unknown key \"latncy\"\n    did you mean \"latency\"?",
		"users: [{ids: [" + userA + ", " + userA + "]}]\n": "f:1:54: users[0].ids[1]: \"" + userA +
			"\" is a duplicate\n    remove one of them: the user is already listed",
		whole("target: {authPath: 'http://localhost', envID: " + envID +
			", accessToken: a}\n"): "f:1:9: target has no simulator\n" +
			"    write simulator: {} there instead of authPath, or pass a file with the simulator's own keys",
		"": "f:1:1: the file is empty\n    write a scenario: 'mfaload schema' describes the keys",
	} {
		if _, err := scenario.ParseSimulator("f", []byte(text), lookup); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func warmupOf(s *scenario.Scenario) any { return []any{s.Load.Warmup, s.Load.AutoWarmup} }
