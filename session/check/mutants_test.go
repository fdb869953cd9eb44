package check_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"mfaload/live/console"
	"mfaload/pingone"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/check"
	"mfaload/simulator"
)

const (
	envID   = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
	ownUser = "788d4931-6936-43f2-82ff-178f5762298a"
	policy  = "9761c24a-208d-0499-1bf6-39905184a4e1"
	app     = "5a0a0950-8a81-4739-b12a-f4d6a11c7a82"
)

// users are the simulator's users, by the status that a request for them gets.
var users = []scenario.SimulatedUsers{
	{IDs: []string{ownUser}, Devices: []string{"EMAIL", "SMS"}, Status: "OTP_REQUIRED"},
	{IDs: []string{"c05e1b7a-3f92-4d68-8a14-e6d3907b5c21"}, Devices: []string{"EMAIL", "SMS", "TOTP"}},
	{IDs: []string{"6b83d2f0-91ce-4a7d-b5f6-0e4c7a1d9382"}, Devices: []string{"MOBILE"}, Form: "newer"},
	{IDs: []string{"f1d7c3a9-58e4-4b02-9c6d-3a7e80b5d214"}, Devices: []string{"FIDO2"}},
	{IDs: []string{"0b9e4c72-d318-4fa5-8e67-c2a1f5930d4b"}, Status: "COMPLETED"},
	{IDs: []string{"2f4a9c1e-7d0b-4c56-9e83-51b0c6d7a2f4"}, Status: "FAILED"},
}

var otherUser = "991776fd-145b-499e-8237-2c62aef35b2c" // of another population

// subject is a scenario with a simulator, some faults of it, and a handler around it.
type subject struct {
	users    []scenario.SimulatedUsers
	faults   []scenario.Fault
	around   func(http.Handler) http.Handler // nil for none
	settings check.Settings
	protocol scenario.Protocol
}

// checked runs a check of the subject, and returns it with whether it passed.
func (s *subject) check(t testing.TB) (k *check.Check, passed bool) {
	t.Helper()
	identity := func(name string, kind scenario.IdentityKind, users ...string) scenario.Identity {
		return scenario.Identity{Name: name, Kind: kind, AccessToken: scenario.NewSecret("token-of-" + name),
			Users: users}
	}
	target := scenario.Target{EnvID: envID, AccessToken: scenario.NewSecret("the-access-token"),
		Timeout: s.timeout(), Protocol: s.protocol,
		Identities: []scenario.Identity{identity("expired", scenario.Expired), identity("foreign",
			scenario.Foreign),
			identity("weak", scenario.Weak), identity("population", scenario.Population, otherUser)},
		Simulator: &scenario.Simulator{Seed: 1, Faults: s.faults, Users: append(s.users,
			scenario.SimulatedUsers{IDs: []string{otherUser}, Devices: []string{"EMAIL"}})}}
	sim, err := simulator.New(target)
	if err != nil {
		t.Fatal(err)
	}
	handler := http.Handler(sim)
	if s.around != nil {
		handler = s.around(sim)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	defer server.CloseClientConnections()
	target.AuthPath, target.Simulator = server.URL, nil
	if sim.WritesFrames() {
		target.Protocol = scenario.HTTP2
	}
	var ids []string
	for _, u := range s.users {
		ids = append(ids, u.IDs...)
	}
	request := map[string]any{"application": map[string]any{"id": app},
		"policy": map[string]any{"id": policy}}
	in := &session.Inputs{Document: pingone.Document(), Scenario: &scenario.Scenario{Name: "subject",
		Target: target,
		Groups: []scenario.Group{
			{Name: "plain", IDs: ids, Weight: 1, Expect: scenario.Expect{HTTPStatuses: []int{201}}},
			{Name: "named", IDs: ids[:1], Weight: 1, Request: request,
				Expect: scenario.Expect{HTTPStatuses: []int{201}}},
		}}}
	if in.Contract, err = pingone.Compile("contract.yaml", in.Document, nil); err != nil {
		t.Fatal(err)
	}
	k, err = check.New(in, console.New(s.out(), io.Discard, func(string) (string, bool) {
		return "",
			false
	}), s.settings)
	if err != nil {
		t.Fatal(err)
	}
	op, err := pingone.New(in.Scenario, in.Contract, "")
	if err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	if err := k.Send(context.Background(), op, 1e9); err != nil {
		t.Fatal(err)
	}
	passed, err = k.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return k, passed
}

// timeout is short for a service that never responds.
func (s *subject) timeout() time.Duration {
	if slices.ContainsFunc(s.faults, func(f scenario.Fault) bool { return f.Name == "answer.slow" }) {
		return 100 * time.Millisecond
	}
	return 5 * time.Second
}

func (s *subject) out() io.Writer { return io.Discard }

func generating(seed uint64) check.Settings {
	return check.Settings{Negative: true, Follow: true, Generate: true, MaxRequests: 275, Seed: seed}
}

// The unbent simulator breaks no rule and gives no finding, whatever the seed and the users.
func TestNoFalseAlarms(t *testing.T) {
	seeds := uint64(3)
	if os.Getenv("MFALOAD_MUTANTS") == "all" {
		seeds = 50
	}
	for seed := range seeds {
		s := &subject{users: users, settings: generating(seed)}
		if seed%2 == 1 {
			s.protocol = scenario.HTTP1
		}
		if k, passed := s.check(t); !passed || len(k.Broken()) > 0 {
			t.Fatalf("seed %d: passed %v, broken %v", seed, passed, k.Broken())
		}
	}
}

// killed says whether a check finds something wrong with a mutant.
func (m *mutant) killed(t testing.TB) bool {
	s := &subject{users: users, faults: m.faults, settings: generating(1)}
	if m.hook != nil {
		s.around = service(m.hook())
	}
	k, passed := s.check(t)
	return !passed || len(k.Broken()) > 0
}

// reduced is one mutant in so many for make test; make mutants runs all.
const reduced = 12

// minKilled is the share of mutants, in percent, that must be found. With no bound on the requests
// more are: most survivors are about one variant that 300 requests leave out.
const minKilled = 75

// Mutants of the service are found with at most 300 requests each. MFALOAD_MUTANTS=all runs all,
// and prints what is killed by class, and what survives.
func TestMutantsAreKilled(t *testing.T) {
	all := fleet()
	full := os.Getenv("MFALOAD_MUTANTS") == "all"
	if len(all) < 400 {
		t.Fatalf("%d mutants, want at least 400", len(all))
	}
	type count struct{ killed, all int }
	classes := map[string]*count{}
	var survivors []string
	total := count{}
	for i := range all {
		m := &all[i]
		if !full && i%reduced != 0 {
			continue
		}
		if classes[m.class] == nil {
			classes[m.class] = &count{}
		}
		total.all++
		classes[m.class].all++
		began := time.Now()
		killed := m.killed(t)
		if took := time.Since(began); full && took > 5*time.Second {
			t.Logf("%s: %s: took %v", m.class, m.name, took.Round(time.Second))
		}
		if killed {
			total.killed++
			classes[m.class].killed++
		} else {
			survivors = append(survivors, m.class+": "+m.name)
		}
	}
	t.Log("| class | mutants | killed |")
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		t.Logf("| %s | %d | %d |", class, classes[class].all, classes[class].killed)
	}
	t.Logf("| all | %d | %d (%.1f%%) |", total.all, total.killed,
		100*float64(total.killed)/float64(total.all))
	for _, s := range survivors {
		t.Logf("| survivor | %s |", s)
	}
	if total.killed*100 < total.all*minKilled {
		t.Errorf("%d of %d mutants killed, want %d%%", total.killed, total.all, minKilled)
	}
}
