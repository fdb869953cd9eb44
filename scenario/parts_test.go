package scenario_test

import (
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
		return s.Parts()
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
