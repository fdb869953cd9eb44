package check_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mfaload/live/console"
	"mfaload/pingone"
	"mfaload/pingone/generate"
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
	named := slices.Clone(ids[:1]) // and passkeys, which are those of a relying party
	for _, u := range s.users {
		if slices.Contains(u.Devices, "FIDO2") {
			named = append(named, u.IDs...)
		}
	}
	request := map[string]any{"application": map[string]any{"id": app},
		"policy": map[string]any{"id": policy}, "rp": map[string]any{"id": "login.example.com"}}
	in := &session.Inputs{Document: pingone.Document(), Scenario: &scenario.Scenario{Name: "subject",
		Target: target,
		Groups: []scenario.Group{
			{Name: "plain", IDs: ids, Weight: 1, Expect: scenario.Expect{HTTPStatuses: []int{201}}},
			{Name: "named", IDs: named, Weight: 1, Request: request,
				Expect: scenario.Expect{HTTPStatuses: []int{201}}},
		}}}
	if in.Contract, err = pingone.Compile("contract.yaml", in.Document, nil); err != nil {
		t.Fatal(err)
	}
	k, err = check.New(in, console.New(io.Discard, io.Discard, func(string) (string, bool) {
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

// timeout is short for a service that never responds, or leaves streams of HTTP/2 without an end.
func (s *subject) timeout() time.Duration {
	for _, f := range s.faults {
		if f.Name == "answer.slow" || strings.HasPrefix(f.Name, "h2.") {
			return 100 * time.Millisecond
		}
	}
	return 5 * time.Second
}

// atMost is how many requests a check sends in all; those for each user, and to read their
// transactions back, are among them.
const atMost = 300

func generating(seed uint64) check.Settings {
	return check.Settings{Negative: true, Follow: true, Generate: true, MaxRequests: atMost - 16, Seed: seed}
}

// The unbent simulator breaks no rule and gives no finding, whatever the seed and the users.
func TestNoFalseAlarms(t *testing.T) {
	seeds := uint64(3)
	if runsAll() {
		seeds = 50
	}
	for seed := range seeds {
		var sent atomic.Int32
		s := &subject{users: users, settings: generating(seed), around: func(sim http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				sim.ServeHTTP(w, r)
			})
		}}
		if seed%2 == 1 {
			s.protocol = scenario.HTTP1
		}
		if k, passed := s.check(t); !passed || len(k.Broken()) > 0 || sent.Load() > atMost {
			t.Fatalf("seed %d: passed %v with %d requests, broken %v", seed, passed, sent.Load(), k.Broken())
		}
	}
}

// runsAll says whether everything runs, which takes some minutes; make test runs a sample.
func runsAll() bool { return os.Getenv("MFALOAD_MUTANTS") == "all" }

// subject is the mutant with how it is checked.
func (m *mutant) subject(settings check.Settings) *subject {
	s := &subject{users: users, faults: m.faults, settings: settings}
	if m.hook != nil {
		s.around = service(m.hook())
	}
	return s
}

// killed says whether a check finds something wrong with a mutant.
func (m *mutant) killed(t testing.TB, settings check.Settings) bool {
	k, passed := m.subject(settings).check(t)
	return !passed || len(k.Broken()) > 0
}

// why says why a mutant survives.
func (m *mutant) why(t testing.TB) string {
	settings := generating(1)
	settings.MaxRequests, settings.Out = 100_000, t.TempDir()
	if !m.killed(t, settings) {
		return "no request that is generated tells it from the service"
	}
	if found := failures(t, settings.Out); len(found) > 0 {
		return "left out by the bound: " + found[0].Case.Name()
	}
	return "shows in a share of responses only"
}

// failures are those that a check wrote to a folder.
func failures(t testing.TB, folder string) []generate.FailedCase {
	t.Helper()
	file, err := os.Open(filepath.Join(folder, "violations.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found, err := generate.ReadFailures(file)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := generate.ReadSchema(pingone.Document())
	if err != nil {
		t.Fatal(err)
	}
	in := generate.Input{Schema: schema}
	for _, u := range users {
		in.Users = append(in.Users, u.IDs...)
	}
	mask := generate.NewMask(&in)
	for i := range found {
		found[i], _ = mask.Filled(found[i])
	}
	return found
}

// inSample says whether a mutant is one in so many, whatever other mutants there are.
func (m *mutant) inSample(of uint32) bool { return crc32.ChecksumIEEE([]byte(m.class+m.name))%of == 0 }

// reduced is one mutant in so many for make test; make mutants runs all.
const reduced = 12

// minKilled are the shares of all mutants and of the sample, in percent, that must be found. In a
// sample one mutant whose fault is in a share of the responses only is 2%.
const (
	minKilled         = 98
	minKilledOfSample = 95
)

// prismEvery is one mutant in so many that Prism is shown too.
const prismEvery = 5

// score counts what becomes of mutants.
type score struct{ all, killed, shown, found int }

func (s *score) add(o score) {
	s.all, s.killed, s.shown, s.found = s.all+o.all, s.killed+o.killed, s.shown+o.shown, s.found+o.found
}

func (s *score) row(class string) string {
	return fmt.Sprintf("| %s | %d | %d (%.1f%%) | %d of %d |", class, s.all, s.killed,
		100*float64(s.killed)/float64(s.all), s.found, s.shown)
}

// Mutants of the service are found with at most 300 requests each. MFALOAD_MUTANTS=all runs all,
// and prints what is killed by class, what Prism finds of a sample, and what survives and why.
func TestMutantsAreKilled(t *testing.T) {
	all := fleet()
	if len(all) < 400 {
		t.Fatalf("%d mutants, want at least 400", len(all))
	}
	p := newPrism(t)
	classes, total := map[string]*score{}, &score{}
	var survivors []string
	for i := range all {
		m := &all[i]
		slow := strings.HasSuffix(m.name, "take longer") // on a busy machine
		if !runsAll() && (slow || !m.inSample(reduced)) {
			continue
		}
		result := score{all: 1}
		if m.killed(t, generating(1)) {
			result.killed = 1
		} else {
			survivors = append(survivors, fmt.Sprintf("| %s: %s | %s |", m.class, m.name, m.why(t)))
		}
		if p != nil && i%prismEvery == 0 {
			result.found, result.shown = p.finds(t, m)
		}
		if classes[m.class] == nil {
			classes[m.class] = &score{}
		}
		classes[m.class].add(result)
		total.add(result)
	}
	t.Log("| class | mutants | found | Prism found, of a sample |")
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		t.Log(classes[class].row(class))
	}
	t.Log(total.row("all"))
	if p == nil {
		t.Log("Prism was not run: MFALOAD_PRISM names none")
	}
	t.Log("| not found | why |")
	for _, s := range survivors {
		t.Log(s)
	}
	want := minKilledOfSample
	if runsAll() {
		want = minKilled
	}
	if total.killed*100 < total.all*want {
		t.Errorf("%d of %d mutants killed, want %d%%: %q", total.killed, total.all, want, survivors)
	}
}
