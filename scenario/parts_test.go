package scenario_test

import (
	"strings"
	"testing"

	"mfaload/scenario"
)

// What is compared may differ: where requests go, and what they are judged by.
func TestParts(t *testing.T) {
	parse := func(target, users, load string) map[string]string {
		s, err := scenario.Parse("parts.yaml", []byte("name: parts\ntarget: "+target+"\nusers: "+users+"\nload: "+load+"\n"), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		return s.Fingerprints()
	}
	const users, load = "[{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]", "{arrivals: poisson, seed: 1, stages: [{rate: 5/s, duration: 1m}]}"
	before := parse("{simulator: {}}", users, load)
	for name, c := range map[string]struct {
		target, users, load string
		sameUsers, sameLoad bool
	}{
		"target": {"{simulator: {latency: 5ms}}", users, load, true, true},
		"seed":   {"{simulator: {}}", users, "{arrivals: poisson, seed: 2, stages: [{rate: 5/s, duration: 1m}]}", true, true},
		"rate":   {"{simulator: {}}", users, "{arrivals: poisson, seed: 1, stages: [{rate: 6/s, duration: 1m}]}", true, false},
		"users":  {"{simulator: {}}", "[{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298b]}]", load, false, true},
		"expect": {"{simulator: {}}", "[{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298a], expect: {httpStatus: 404}}]", load, false, true},
	} {
		after := parse(c.target, c.users, c.load)
		if (after["users"] == before["users"]) != c.sameUsers || (after["load"] == before["load"]) != c.sameLoad {
			t.Errorf("another %s: %v, before %v", name, after, before)
		}
	}
}

// A search may go on with other limits of itself, and with nothing else.
func TestTrialParts(t *testing.T) {
	const base = "name: parts\ntarget: {simulator: {latency: 1ms}}\nusers: [{name: a, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]\n" +
		"load: {seed: 1, maxRequests: 10, stages: [{rate: 5/s, duration: 1m}]}\nthresholds: {response: {p95: 100ms}}\ncapacity: {maxRate: 10/s}\n"
	parse := func(replace ...string) map[string]string {
		s, err := scenario.Parse("parts.yaml", []byte(strings.NewReplacer(replace...).Replace(base)), func(string) (string, bool) { return "", false })
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
		{"", []string{"parts", "others", "rate: 5/s", "rate: 7/s", "duration: 1m", "duration: 2m", "maxRequests: 10", "maxRequests: 20", "maxRate: 10/s", "maxRate: 20/s, trials: 30", "100ms", "0.1s"}},
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
