package scenario_test

import (
	"reflect"
	"strings"
	"testing"

	"mfaload/scenario"
)

// everything is a scenario in which no field is empty.
const everything = `
name: everything
description: d
target:
  envID: abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6
  accessToken: a
  ownerAgreed: true
  customDomain: true
  sourceAddresses: [127.0.0.1]
  headers: {X-A: b}
  transactionIDs: friday
  simulator:
    latency: normal(5ms, 1ms)
    expiry: 1m
    transactions: 5
    stalls: [{every: 3s, for: 1s}]
    rateLimit: 100/s
    users: [{ids: [788d4931-6936-43f2-82ff-178f5762298a], devices: [EMAIL], testMode: true, status: FAILED}, {ids: [00000000-0000-0000-0000-000000000000], httpStatus: 404, error: NOT_FOUND}]
    faults: [{name: echo.user, share: 1%}]
users:
  - {name: a, ids: [788d4931-6936-43f2-82ff-178f5762298a], request: {undocumented: {a: b}}, expect: {status: FAILED}}
  - {name: b, ids: [00000000-0000-0000-0000-000000000000], request: {undocumented: {c: d}}, expect: {httpStatus: 404, error: NOT_FOUND}}
  - {name: c, ids: [788d4931-6936-43f2-82ff-178f5762298b], request: {undocumented: {e: f}}, then: [read, {checkOTP: {after: 'normal(2s, 1s)', share: 90%, wrong: 2%}}, {selectDevice: {device: SMS}}]}
load:
  warmup: 1s
  requests: 1000
  maxRequests: 2000
  on429: pause
  stopOn: [{response: {p99: 5s}, window: 10s}, {connectionFailures: 20}]
  stages:
    - {name: flat, rate: 10/s, duration: 10s, spike: {rate: 20/s, at: 1s, for: 1s}}
    - {name: stairs, from: 1/s, to: 2/s, steps: 2, requests: 10}
    - {name: wave, sine: {low: 1/s, high: 2/s, period: 10s}, duration: 10s}
    - {name: recorded, profile: {file: testdata/profile.csv, interpolate: true}}
thresholds: {response: {p95: 1s}, flow: {response: {p95: 1s}}, groups: {a: {errorRate: 1%}}}
contract: {levels: {echo.user: note}}
`

// shapesNothing are the fields that say nothing about load or judgement.
func shapesNothing(path string) bool {
	for _, p := range []string{".Name", ".Description", ".File", ".Text", ".Target.AccessToken",
		".Target.AccessTokenFile", ".Target.OwnerAgreed", ".Target.Network.TransactionIDs",
		".Target.Network.Trace", ".Target.Network.ServiceTimeHeader",
		".Target.Network.Proxy", ".Target.Network.Headers[].Value", ".Load.Stages[].Profile.File",
		".Groups[].File.Path", ".Groups[].MaxPerUser", ".Groups[].Test", ".Groups[].TestMode",
		".Target.Identities", ".Target.Limits",
		".Load.MaxPerUser", ".Load.RateFactor", ".Changed"} {
		if path == p {
			return true
		}
	}
	return strings.HasPrefix(path, ".Literal") || strings.Contains(path, ".Pos") ||
		strings.HasSuffix(path, ".Written")
}

// TestHash changes one field after the other: a field that is added to a
// scenario is in its hash unless this test says that it shapes nothing.
func TestHash(t *testing.T) {
	s := parse(t, "f", everything)
	s.Target.AuthPath = "https://auth.pingone.eu"
	before, changes := s.Hash(), 0
	var change func(path string, v reflect.Value)
	changed := func(path string) {
		changes++
		if same := s.Hash() == before; same != shapesNothing(path) {
			t.Errorf("%s: the hash stays the same: %v", path, same)
		}
	}
	change = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() { // a file of users, which this scenario has not
				change(path, v.Elem())
			}
		case reflect.Struct:
			if secret, ok := v.Addr().Interface().(*scenario.Secret); ok {
				old := *secret
				*secret = scenario.NewSecret("other")
				changed(path)
				*secret = old
				return
			}
			for i := range v.NumField() {
				change(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				change(path+"[]", v.Index(i))
			}
			old := reflect.ValueOf(v.Interface())
			v.Set(reflect.Append(v.Slice3(0, v.Len(), v.Len()), reflect.Zero(v.Type().Elem())))
			if !shapesNothing(path) {
				changed(path)
			}
			v.Set(old)
		case reflect.Map:
			v.SetMapIndex(reflect.ValueOf("other"), reflect.ValueOf("x"))
			changed(path)
			v.SetMapIndex(reflect.ValueOf("other"), reflect.Value{})
		default:
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			if v.Kind() == reflect.String {
				v.SetString(v.String() + "x")
			} else if v.Kind() == reflect.Bool {
				v.SetBool(!v.Bool())
			} else if v.CanInt() {
				v.SetInt(v.Int() + 1)
			} else if v.CanUint() {
				v.SetUint(v.Uint() + 1)
			} else {
				v.SetFloat(v.Float() + 1)
			}
			changed(path)
			v.Set(old)
		}
	}
	change("", reflect.ValueOf(s).Elem())
	if changes < 60 {
		t.Errorf("only %d fields were changed", changes)
	}
	if s.Hash() != before {
		t.Error("the scenario was not put back")
	}
}

// TestHashOfWriting compares two ways to write the same.
func TestHashOfWriting(t *testing.T) {
	a := parse(t, "a", whole("thresholds: {errorRate: 0.1%, response: {p95: 1s}}\n"))
	b := parse(t, "b",
		whole("description: other\nthresholds: {errorRate: 0.100%, response: {p95: 1000ms}}\n"))
	if a.Hash() != b.Hash() {
		t.Error("limits that are written in another way give another hash")
	}
	if len(a.Hash()) != 64 {
		t.Errorf("the hash is %q", a.Hash())
	}
}

// What is compared may differ: where requests go, and what they are judged by.
func TestParts(t *testing.T) {
	parse := func(target, users, load string) map[string]string {
		s, err := scenario.Parse("parts.yaml",
			[]byte("name: parts\ntarget: "+target+"\nusers: "+users+"\nload: "+load+"\n"),
			func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		return s.Fingerprints()
	}
	const users, load = "[{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]",
		"{arrivals: poisson, seed: 1, stages: [{rate: 5/s, duration: 1m}]}"
	before := parse("{simulator: {}}", users, load)
	for name, c := range map[string]struct {
		target, users, load string
		sameUsers, sameLoad bool
	}{
		"target": {"{simulator: {latency: 5ms}}", users, load, true, true},
		"seed": {"{simulator: {}}", users,
			"{arrivals: poisson, seed: 2, stages: [{rate: 5/s, duration: 1m}]}", true, true},
		"rate": {"{simulator: {}}", users,
			"{arrivals: poisson, seed: 1, stages: [{rate: 6/s, duration: 1m}]}", true, false},
		"users": {"{simulator: {}}", "[{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298b]}]", load, false,
			true},
		"expect": {"{simulator: {}}",
			"[{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298a], expect: {httpStatus: 404}}]", load,
			false, true},
	} {
		after := parse(c.target, c.users, c.load)
		if (after["users"] == before["users"]) != c.sameUsers ||
			(after["load"] == before["load"]) != c.sameLoad {
			t.Errorf("another %s: %v, before %v", name, after, before)
		}
	}
}

// A search may go on with other limits of itself, and with nothing else.
func TestTrialParts(t *testing.T) {
	const base = "name: parts\ntarget: {simulator: {latency: 1ms}}\nusers: [{name: a, ids: " +
		"[788d4931-6936-43f2-82ff-178f5762298a]}]\n" +
		"load: {seed: 1, maxRequests: 10, stages: [{rate: 5/s, duration: 1m}]}\nthresholds: {response: " +
		"{p95: 100ms}}\ncapacity: {maxRate: 10/s}\n"
	parse := func(replace ...string) map[string]string {
		s, err := scenario.Parse("parts.yaml", []byte(strings.NewReplacer(replace...).Replace(base)),
			func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		return s.TrialFingerprints()
	}
	before := parse()
	for _, c := range []struct {
		differs string // "" for nothing
		replace []string
	}{
		{"", []string{"parts", "others", "rate: 5/s", "rate: 7/s", "duration: 1m", "duration: 2m",
			"maxRequests: 10", "maxRequests: 20", "maxRate: 10/s", "maxRate: 20/s, trials: 30", "100ms",
			"0.1s"}},
		{"", []string{"seed: 1,", "seed: 1, maxPerUser: 5/d,"}},
		{"target", []string{"1ms", "2ms"}},
		{"users", []string{"788d", "788e"}},
		{"users", []string{"ids:", "order: shuffle, ids:"}},
		{"load", []string{"seed: 1", "seed: 2"}},
		{"load", []string{"seed: 1,", "seed: 1, arrivals: poisson,"}},
		{"thresholds", []string{"p95", "p99"}},
	} {
		after := parse(c.replace...)
		for name := range before {
			if (after[name] == before[name]) == (name == c.differs) {
				t.Errorf("%v: %s: same %v", c.replace, name, after[name] == before[name])
			}
		}
	}
}
