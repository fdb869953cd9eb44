package scenario_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"mfaload/scenario"
)

// good is a scenario with every key of the format.
const good = `name: rollout-eu
description: Friday peak before the EU rollout
target:
  authPath: ${AUTH_PATH:-https://auth.pingone.eu/}
  envID: ${ENV_ID}
  accessToken: ${TOKEN}
  ownerAgreed: true
  timeout: 5s
users:
  - name: email-otp
    ids: [788d4931-6936-43f2-82ff-178f5762298a]
    weight: 3
    request:
      policy: {id: "p-${N}"}
      n: 1.50
      list: [1, null]
      testMode: ${FLAG}
    expect: {httpStatus: 201, status: [OTP_REQUIRED, COMPLETED]}
  - name: unknown
    ids:
      - 00000000-0000-0000-0000-000000000000
    expect: {httpStatus: [404, 403], error: NOT_FOUND}
load:
  arrivals: poisson
  seed: 7
  warmup: 10s
  workers: ${WORKERS}
  drain: 0s
  stages:
    - {rate: 50/s, duration: 2m}
    - {from: 90/min, to: 200/s, duration: 1m30s}
thresholds:
  response: {p95: 300ms, p99.9: 800ms, max: 2s}
  service: {mean: 100ms}
  errorRate: 0.1%
  groups:
    unknown: {errorRate: 1%}
    email-otp: {response: {p50: 50ms}}
contract:
  levels: {links.host: off, field.unknown: fail, echo.*: note}
`

func env(name string) (string, bool) {
	value, ok := map[string]string{"ENV_ID": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6", "TOKEN": "secret: token"[8:], "N": "1", "WORKERS": "32",
		"FLAG": "true", "EMPTY": "", "RATE": "canary/s", "STRUCTURE": "x\nname: y", "BAD_TOKEN": "canary with spaces"}[name]
	return value, ok
}

func TestParseEveryKey(t *testing.T) {
	s, err := scenario.Parse("good.yaml", []byte(good), env)
	if err != nil {
		t.Fatal(err)
	}
	want := &scenario.Scenario{
		Name: "rollout-eu", Description: "Friday peak before the EU rollout", File: "good.yaml",
		Target: scenario.Target{AuthPath: "https://auth.pingone.eu", EnvID: "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
			AccessToken: scenario.NewSecret("token"), OwnerAgreed: true, Timeout: 5 * time.Second},
		Groups: []scenario.Group{
			{Name: "email-otp", IDs: []string{"788d4931-6936-43f2-82ff-178f5762298a"}, Weight: 3,
				Request: map[string]any{"policy": map[string]any{"id": "p-1"}, "n": json.Number("1.50"),
					"list": []any{json.Number("1"), nil}, "testMode": true},
				Expect: scenario.Expect{HTTPStatuses: []int{201}, Statuses: []string{"OTP_REQUIRED", "COMPLETED"}}},
			{Name: "unknown", IDs: []string{"00000000-0000-0000-0000-000000000000"}, Weight: 1,
				Expect: scenario.Expect{HTTPStatuses: []int{404, 403}, Errors: []string{"NOT_FOUND"}}},
		},
		Load: scenario.Load{Arrivals: scenario.Poisson, Seed: 7, Warmup: 10 * time.Second, Workers: 32,
			Stages: []scenario.Stage{{From: 50, To: 50, Duration: 2 * time.Minute}, {From: 1.5, To: 200, Duration: 90 * time.Second}}},
		Thresholds: []scenario.Threshold{
			{Metric: scenario.Response, Stat: "p95", Quantile: 95, Limit: 0.3, Written: "300ms"},
			{Metric: scenario.Response, Stat: "p99.9", Quantile: 99.9, Limit: 0.8, Written: "800ms"},
			{Metric: scenario.Response, Stat: "max", Limit: 2, Written: "2s"},
			{Metric: scenario.Service, Stat: "mean", Limit: 0.1, Written: "100ms"},
			{Metric: scenario.ErrorRate, Limit: 0.001, Written: "0.1%"},
			{Metric: scenario.ViolationRate, Written: "0%"},
			{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"},
			{Group: "email-otp", Metric: scenario.Response, Stat: "p50", Quantile: 50, Limit: 0.05, Written: "50ms"},
			{Group: "unknown", Metric: scenario.ErrorRate, Limit: 0.01, Written: "1%"},
		},
		Levels: []scenario.LevelChange{
			{Rule: "links.host", Level: "off", Pos: scenario.Pos{File: "good.yaml", Line: 40, Column: 12}},
			{Rule: "field.unknown", Level: "fail", Pos: scenario.Pos{File: "good.yaml", Line: 40, Column: 29}},
			{Rule: "echo.*", Level: "note", Pos: scenario.Pos{File: "good.yaml", Line: 40, Column: 50}},
		},
	}
	if diff := cmp.Diff(want, s, secrets); diff != "" {
		t.Error(diff)
	}
}

var secrets = cmp.Comparer(func(a, b scenario.Secret) bool { return a.Reveal() == b.Reveal() })

// small is the least that a scenario needs.
const small = `name: small
target: {simulator: {}}
users:
  - name: all
    ids: [788d4931-6936-43f2-82ff-178f5762298a]
load:
  stages: [{rate: 10/s, duration: 10s}]
`

func TestDefaults(t *testing.T) {
	s, err := scenario.Parse("small.yaml", []byte(small), env)
	if err != nil {
		t.Fatal(err)
	}
	want := &scenario.Scenario{
		Name: "small", File: "small.yaml",
		Target: scenario.Target{EnvID: scenario.SimulatedEnvID, Timeout: 10 * time.Second, Simulator: &scenario.Simulator{Seed: 1}},
		Groups: []scenario.Group{{Name: "all", IDs: []string{"788d4931-6936-43f2-82ff-178f5762298a"}, Weight: 1,
			Expect: scenario.Expect{HTTPStatuses: []int{201}}}},
		Load: scenario.Load{Arrivals: scenario.Uniform, Seed: 1, Workers: 64, Drain: 10 * time.Second,
			Stages: []scenario.Stage{{From: 10, To: 10, Duration: 10 * time.Second}}},
		Thresholds: []scenario.Threshold{
			{Metric: scenario.ErrorRate, Written: "0%"},
			{Metric: scenario.ViolationRate, Written: "0%"},
			{Metric: scenario.AchievedRate, Limit: 0.99, Written: "99%"},
		},
	}
	if diff := cmp.Diff(want, s, secrets); diff != "" {
		t.Error(diff)
	}
}

func TestSimulatorOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sim.yaml")
	text := `envID: 11111111-2222-3333-4444-555555555555
accessToken: ${TOKEN}
latency: lognormal(80ms, 250ms)
stalls: [{every: 3s, for: 1s}]
rateLimit: {rate: 100/s, retryAfter: 2s}
users: [{ids: [788d4931-6936-43f2-82ff-178f5762298a], devices: [SMS, MOBILE], form: newer}]
faults: [{name: echo.user, share: 1%}]
seed: 9
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenario.ReadSimulator(path, env)
	if err != nil {
		t.Fatal(err)
	}
	want := scenario.Target{EnvID: "11111111-2222-3333-4444-555555555555", AccessToken: scenario.NewSecret("token"),
		Simulator: &scenario.Simulator{
			Latency: scenario.Latency{Kind: "lognormal", A: 80 * time.Millisecond, B: 250 * time.Millisecond},
			Stalls:  []scenario.Stall{{Every: 3 * time.Second, For: time.Second}},
			Limit:   &scenario.Limit{Rate: 100, Burst: 100, RetryAfter: 2 * time.Second},
			Users:   []scenario.SimulatedUsers{{IDs: []string{"788d4931-6936-43f2-82ff-178f5762298a"}, Devices: []string{"SMS", "MOBILE"}, Form: "newer"}},
			Faults:  []scenario.Fault{{Name: "echo.user", Share: 0.01, Pos: scenario.Pos{File: path, Line: 7, Column: 17}}},
			Seed:    9,
		}}
	if diff := cmp.Diff(want, s.Target, secrets); diff != "" {
		t.Error(diff)
	}
}

// mistakes are scenarios with one mistake each: a text of a good scenario, what
// stands there instead, and the whole message.
var mistakes = []struct{ name, old, new, want string }{
	{"unknown key", "\ndescription:", "\ndescripton:", `bad.yaml:2:1: the scenario has no key "descripton"
    did you mean "description"?`},
	{"key twice", "  timeout: 5s", "  envID: x", `bad.yaml:8:3: target has the key "envID" twice
    remove one of the two`},
	{"missing key", "name: rollout-eu\n", "", `bad.yaml:1:1: the scenario has no name
    add name: the scenario's name, which also names the results folder`},
	{"empty value", "name: rollout-eu", "name:", `bad.yaml:1:6: the scenario: name is empty
    give it a value`},
	{"name", "name: rollout-eu", "name: ../x", `bad.yaml:1:7: name: "../x" is no name
    use at most 100 letters, digits, '.', '_' and '-', starting with a letter or digit`},
	{"no YAML", "users:\n", "users: [\n", `bad.yaml:9:1: the file is no YAML: did not find expected node content
    check indentation, quotes and brackets near this line`},
	{"tab", "  seed: 7", "\tseed: 7", `bad.yaml:24:1: the file is no YAML: found a tab character that violates indentation
    indent with spaces, not tabs; put texts with special characters in quotes`},
	{"list for a mapping", "  levels: {links.host: off, field.unknown: fail, echo.*: note}", "  levels: [a]", `bad.yaml:40:11: contract.levels must be a mapping, not a list
    write it as key: value pairs`},
	{"mapping for a list", "    ids: [788d4931-6936-43f2-82ff-178f5762298a]", "    ids: {a: b}", `bad.yaml:11:10: ids must be a list, not a mapping
    write it as a list: one item a line with a leading dash, or [a, b]`},
	{"missing variable", "${ENV_ID}", "${NOPE}", `bad.yaml:5:10: target.envID: the environment variable NOPE is not set
    export NOPE, or give a default: ${NOPE:-…}`},
	{"broken variable", "${ENV_ID}", "${ENV-ID}", `bad.yaml:5:10: target.envID: a variable's name is missing or has no end
    write ${NAME} or ${NAME:-default}; $${ stands for a plain ${`},
	{"a variable's value is not shown", "rate: 50/s", `rate: "${RATE}"`, `bad.yaml:30:14: rate: "${RATE}" is not a rate
    write for example 50/s, 90/min or 3600/h`},
	{"a variable is no structure", "name: rollout-eu", "name: ${STRUCTURE}", `bad.yaml:1:7: name: "${STRUCTURE}" is no name
    use at most 100 letters, digits, '.', '_' and '-', starting with a letter or digit`},
	{"a token is not shown", "${TOKEN}", "${BAD_TOKEN}", `bad.yaml:6:16: accessToken has spaces or characters that no token has
    check that nothing was cut or added when it was copied`},
	{"Bearer", "${TOKEN}", "Bearer canary", `bad.yaml:6:16: accessToken begins with Bearer
    leave "Bearer" out: write the token alone`},
	{"client credentials", "  accessToken: ${TOKEN}", "  clientCredentials: {clientSecret: canary}", `bad.yaml:6:22: target.clientCredentials is not supported yet
    get a token beforehand and set target.accessToken`},
	{"file of users", "    weight: 3", "    file: users.csv", `bad.yaml:12:11: file is not supported yet
    list the users under ids`},
	{"no token", "  accessToken: ${TOKEN}\n", "", `bad.yaml:4:3: target has no accessToken
    add accessToken: ${PINGONE_ACCESS_TOKEN}`},
	{"no consent", "  ownerAgreed: true\n", "", `bad.yaml:4:13: authPath: "${AUTH_PATH:-https://auth.pingone.eu/}" is not loopback, and nobody says that its owner agreed
    ask the owner first (PingOne asks customers to open a support case before a load test, and real messages may go out), then set ownerAgreed: true`},
	{"unencrypted", "https://auth.pingone.eu/}", "http://auth.pingone.eu}", `bad.yaml:4:13: authPath: "${AUTH_PATH:-http://auth.pingone.eu}" would send the token unencrypted
    use https`},
	{"a path", "https://auth.pingone.eu/}", "https://auth.pingone.eu/as}", `bad.yaml:4:13: authPath: "${AUTH_PATH:-https://auth.pingone.eu/as}" is no such URL
    write scheme and host alone, for example https://auth.pingone.eu`},
	{"both targets", "  timeout: 5s", "  simulator:", `bad.yaml:4:13: target has both authPath and simulator
    remove authPath or simulator`},
	{"no target", "  authPath: ${AUTH_PATH:-https://auth.pingone.eu/}\n", "", `bad.yaml:4:3: target has neither authPath nor simulator
    add authPath: https://auth.pingone.eu (or com, ca, com.au, sg, asia), or simulator: {}`},
	{"bare duration", "timeout: 5s", "timeout: 5", `bad.yaml:8:12: target.timeout: "5" is not a duration
    write for example 5s or 5ms`},
	{"negative duration", "timeout: 5s", "timeout: -5s", `bad.yaml:8:12: target.timeout: "-5s" is not a duration
    write at least 0s`},
	{"no time", "timeout: 5s", "timeout: 0s", `bad.yaml:8:12: target.timeout: "0s" is too short
    write at least 1ms`},
	{"bare rate", "rate: 50/s", "rate: 50", `bad.yaml:30:14: rate: "50" is not a rate
    write for example 50/s, 90/min or 3600/h`},
	{"rate too high", "rate: 50/s", "rate: 1e9/s", `bad.yaml:30:14: rate: "1e9/s" is not a rate
    write for example 50/s, 90/min or 3600/h`},
	{"rate above the bound", "rate: 50/s", "rate: 1000001/s", `bad.yaml:30:14: rate: "1000001/s" is not a rate
    write at most 1000000/s`},
	{"rate and ramp", "rate: 50/s", "rate: 50/s, to: 60/s", `bad.yaml:30:7: the stage has neither a rate alone nor both from and to
    write {rate: 50/s, duration: 2m} or {from: 50/s, to: 200/s, duration: 5m}`},
	{"user twice", "      - 00000000-0000-0000-0000-000000000000", "      - 788D4931-6936-43f2-82ff-178f5762298a", `bad.yaml:21:9: the user "788D4931-6936-43f2-82ff-178f5762298a" is listed already in line 11
    name every user once`},
	{"group twice", "  - name: unknown", "  - name: email-otp", `bad.yaml:19:11: there are two groups named "email-otp"
    give each group a name of its own
bad.yaml:37:5: thresholds.groups: there is no group "unknown"
    use one of email-otp, email-otp`},
	{"no ID", "00000000-0000-0000-0000-000000000000", "0000", `bad.yaml:21:9: ids: "0000" is no ID
    write 36 characters: 8-4-4-4-12 hexadecimal digits`},
	{"no users", "    ids: [788d4931-6936-43f2-82ff-178f5762298a]", "    ids: []", `bad.yaml:11:10: ids is empty
    name at least one user ID`},
	{"weight", "weight: 3", "weight: 0", `bad.yaml:12:13: weight: "0" is out of range or no whole number
    write a whole number from 1 to 1000000`},
	{"a variable in braces", "rate: 50/s", "rate: ${RATE}", `bad.yaml:29:1: the file is no YAML: did not find expected ',' or '}'
    put ${…} in quotes inside { } and [ ]: "${NAME}"`},
	{"user in the request", "      n: 1.50", "      user: {id: x}", `bad.yaml:15:7: request.user is filled from ids
    remove it`},
	{"status of a refusal", "expect: {httpStatus: 201,", "expect: {httpStatus: 404,", `bad.yaml:18:13: expect: status is part of a 201 only
    leave status out, or expect httpStatus 201`},
	{"error of a success", "expect: {httpStatus: [404, 403], error: NOT_FOUND}", "expect: {error: NOT_FOUND}", `bad.yaml:22:13: expect: error is never part of a 201
    add the httpStatus that belongs to the error: httpStatus: 404`},
	{"code", "error: NOT_FOUND", "error: not found", `bad.yaml:22:45: error: "not found" is no code
    write upper-case words joined by _, for example OTP_REQUIRED`},
	{"arrivals", "arrivals: poisson", "arrivals: random", `bad.yaml:24:13: load.arrivals: "random" is not known
    use one of uniform, poisson`},
	{"no stage", "  stages:\n    - {rate: 50/s, duration: 2m}\n    - {from: 90/min, to: 200/s, duration: 1m30s}", "  stages: []", `bad.yaml:29:11: load.stages has no stage
    add a stage: {rate: 50/s, duration: 2m}`},
	{"no arrival", "{rate: 50/s, duration: 2m}\n    - {from: 90/min, to: 200/s, duration: 1m30s}", "{rate: 0.1/s, duration: 2s}", `bad.yaml:30:5: load.stages have no arrival in them
    raise a rate or a duration`},
	{"warm-up of nothing", "{rate: 50/s,", "{from: 0/s, to: 1/s,", `bad.yaml:26:11: the warm-up would send nothing: the first stage begins at 0/s
    begin the first stage above 0/s, or remove warmup`},
	{"too long", "duration: 2m}", "duration: 29d}\n    - {rate: 1/s, duration: 2d}", `bad.yaml:30:5: load.stages last longer than 30 days
    make the stages shorter`},
	{"statistic", "p95: 300ms", "p101: 300ms", `bad.yaml:33:14: response: "p101" is no statistic
    use min, mean, max, or a percentile such as p50, p95 or p99.9`},
	{"share", "errorRate: 0.1%", "errorRate: 120%", `bad.yaml:35:14: errorRate: "120%" is not a share
    write at most 100%`},
	{"group of thresholds", "    unknown: {errorRate: 1%}", "    unkown: {errorRate: 1%}", `bad.yaml:37:5: thresholds.groups: there is no group "unkown"
    did you mean "unknown"?`},
	{"level", "links.host: off", "links.host: warn", `bad.yaml:40:24: level: "warn" is not known
    use one of fail, note, off`},
	{"no rule", "links.host: off", "links host: off", `bad.yaml:40:12: contract.levels: "links host" is no rule
    write a rule such as echo.user, or a family such as links.*`},
	{"second document", "contract:\n", "---\ncontract:\n", `bad.yaml:39:1: the file has a second document
    keep one scenario a file`},
	{"not UTF-8", "Friday peak", "Fr\xffday peak", `bad.yaml:2:16: the file is not UTF-8
    save the file as UTF-8`},
}

func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			if strings.Count(good, m.old) != 1 {
				t.Fatalf("%q stands %d times in the good scenario", m.old, strings.Count(good, m.old))
			}
			_, err := scenario.Parse("bad.yaml", []byte(strings.Replace(good, m.old, m.new, 1)), env)
			if err == nil {
				t.Fatal("taken without an error")
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("a secret is shown: %v", err)
			}
			if diff := cmp.Diff(m.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAllProblemsComeAtOnce(t *testing.T) {
	text := strings.NewReplacer("rate: 50/s", "rate: 50", "weight: 3", "weight: x", "name: rollout-eu", "nam: rollout-eu").Replace(good)
	_, err := scenario.Parse("bad.yaml", []byte(text), env)
	var problems scenario.Problems
	if !errors.As(err, &problems) || len(problems) != 4 {
		t.Fatalf("%v", err)
	}
	for i, line := range []int{1, 1, 12, 30} {
		if problems[i].Pos.Line != line {
			t.Errorf("problem %d is at line %d, want %d", i, problems[i].Pos.Line, line)
		}
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "\n# a comment\n", "---\n", "null\n", "\ufeff"} {
		_, err := scenario.Parse("empty.yaml", []byte(text), env)
		if err == nil || !strings.Contains(err.Error(), "the file is empty") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReadNamesTheFile(t *testing.T) {
	_, err := scenario.Read("none.yaml", env)
	if err == nil || !strings.HasPrefix(err.Error(), "read none.yaml: no such file or directory: ") {
		t.Errorf("%v", err)
	}
}

func TestAliasesCannotMultiply(t *testing.T) {
	text := "name: x\nusers:\n  - name: a\n    request:\n      a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		text += fmt.Sprintf("      a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10))
	}
	if _, err := scenario.Parse("bomb.yaml", []byte(text), env); err == nil || !strings.Contains(err.Error(), "aliases multiply") {
		t.Errorf("%.300v", err)
	}
}

func TestHash(t *testing.T) {
	base := parse(t, good)
	for name, same := range map[string]string{
		"description": strings.Replace(good, "Friday peak", "Monday", 1),
		"token":       strings.Replace(good, "${TOKEN}", "other", 1),
		"comment":     "# a comment\n" + good,
	} {
		if parse(t, same).Hash() != base.Hash() {
			t.Errorf("%s: changes the hash", name)
		}
	}
	for _, change := range [][2]string{{"50/s", "51/s"}, {"weight: 3", "weight: 4"}, {"p95: 300ms", "p95: 301ms"}, {"seed: 7", "seed: 8"},
		{"links.host: off", "links.host: note"}, {"n: 1.50", "n: 1.51"}, {"timeout: 5s", "timeout: 6s"}} {
		if parse(t, strings.Replace(good, change[0], change[1], 1)).Hash() == base.Hash() {
			t.Errorf("%v: does not change the hash", change)
		}
	}
}

func parse(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("x.yaml", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSecretIsNeverPrinted(t *testing.T) {
	s := parse(t, strings.Replace(good, "${TOKEN}", "canary", 1))
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", *s), fmt.Sprintf("%#v", *s), fmt.Sprintf("%s %q %x", s.Target.AccessToken, s.Target.AccessToken, s.Target.AccessToken), string(asJSON)} {
		if strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
			t.Errorf("the token is shown: %s", text)
		}
	}
	if s.Target.AccessToken.Reveal() != "canary" {
		t.Error("the token is lost")
	}
}

// What the decoder takes, the schema for editors takes too.
func TestSchemaTakesWhatTheDecoderTakes(t *testing.T) {
	schema := compileSchema(t)
	for name, text := range map[string]string{"good": good, "small": small, "quickstart": readFile(t, "../scenarios/quickstart.yaml"), "stall": readFile(t, "../scenarios/stall.yaml")} {
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, m := range mistakes {
		if m.name == "unknown key" || m.name == "weight" || m.name == "bare rate" || m.name == "statistic" {
			if schema.Validate(asJSON(t, strings.Replace(good, m.old, m.new, 1))) == nil {
				t.Errorf("%s: the schema takes it", m.name)
			}
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(scenario.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("scenario.json")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]scenario.Rate{"50/s": 50, "90/min": 1.5, "3600/h": 1, "0.5 / s": 0.5, "0/s": 0, "1000000/s": 1e6} {
		if got, err := scenario.ParseRate(text); err != nil || got != want {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]time.Duration{"1.5s": 1500 * time.Millisecond, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour,
		"0": 0, "0.5d": 12 * time.Hour, "1d12h": 36 * time.Hour, "30d": 720 * time.Hour, "250us": 250 * time.Microsecond} {
		if got, err := scenario.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]float64{"0.1%": 0.001, "0.001": 0.001, "100 %": 1, "0": 0} {
		if got, err := scenario.ParseShare(text); err != nil || got != want {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1/s", "NaN/s", "Inf/s", "1e309/s", "50/", "/s", "50/d", "+5/s", "1_0/s", "0x5/s"} {
		if got, err := scenario.ParseRate(text); err == nil {
			t.Errorf("rate %q is taken as %v", text, got)
		}
	}
	for _, text := range []string{"", "5", "s", "-1s", "31d", "721h", "1e9s", "dd", "d", "99999999999h", "9223372036854775807ns9223372036854775807ns"} {
		if got, err := scenario.ParseDuration(text); err == nil {
			t.Errorf("duration %q is taken as %v", text, got)
		}
	}
	for _, text := range []string{"", "%", "101%", "1.1", "-1%", "NaN", "1e-3"} {
		if got, err := scenario.ParseShare(text); err == nil {
			t.Errorf("share %q is taken as %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(small))
	for _, m := range mistakes {
		f.Add([]byte(strings.Replace(good, m.old, m.new, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenario.Parse("f.yaml", data, env)
		if err == nil {
			again, err := scenario.Parse("f.yaml", data, env)
			if err != nil || cmp.Diff(s, again, secrets) != "" {
				t.Errorf("parsing again gives another scenario: %v", err)
			}
			return
		}
		var problems scenario.Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("no problems in %T: %v", err, err)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, p := range problems {
			if p.Pos.Line < 1 || p.Pos.Line > lines || p.Pos.Column < 1 || p.Text == "" || p.Remedy == "" {
				t.Errorf("of %d lines: %+v", lines, p)
			}
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"50/s", "90/min", "1.5s", "1d12h", "0.1%", "1e309", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := scenario.ParseRate(s); err == nil {
			if r < 0 || r > scenario.MaxRate || r != r {
				t.Errorf("rate %q = %v", s, r)
			}
			if again, err := scenario.ParseRate(r.String()); err != nil || again != r {
				t.Errorf("%q is written as %q and read as %v, %v", s, r, again, err)
			}
		}
		if d, err := scenario.ParseDuration(s); err == nil && (d < 0 || d > scenario.MaxDuration) {
			t.Errorf("duration %q = %v", s, d)
		}
		if x, err := scenario.ParseShare(s); err == nil && (x < 0 || x > 1 || x != x) {
			t.Errorf("share %q = %v", s, x)
		}
	})
}
