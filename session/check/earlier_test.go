package check_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfaload/live/console"
	"mfaload/pingone"
	"mfaload/pingone/generate"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/check"
)

// What an earlier check found is sent first, and stays in the file until a response tells that it is
// fixed: not where the service limits the rate, nor where the bound leaves no room for it.
func TestEarlierViolationsStayUntilTheyAreTold(t *testing.T) {
	out := t.TempDir()
	kept := func() []generate.FailedCase {
		file, err := os.Open(filepath.Join(out, "violations.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		all, err := generate.ReadFailures(file)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	run := func(max int, around func(http.Handler) http.Handler, faults ...scenario.Fault) int {
		s := &subject{users: users[:1], faults: faults, around: around,
			settings: check.Settings{Generate: true, Out: out, MaxRequests: max, Seed: 1}}
		s.check(t)
		return len(kept())
	}
	limits := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		})
	}
	found := run(60, nil, scenario.Fault{Name: "expect.refused", Share: 1})
	if found < 10 {
		t.Fatalf("%d violations", found)
	}
	if left := run(60, limits); left != found {
		t.Errorf("%d violations of %d are left where no response tells anything", left, found)
	}
	first := kept()[0].Case.Name()
	if left := run(5, nil); left >= found || left < found-5 {
		t.Errorf("%d violations of %d are left after 5 requests that were right", left, found)
	}
	if kept()[0].Case.Name() == first {
		t.Errorf("%s was sent and is fixed, but stayed", first)
	}
	if left := run(found+60, nil); left != 0 {
		t.Errorf("%d violations are left", left)
	}
}

// On a host that is not this machine no file of violations makes mfaload send requests for users who
// are no test users.
func TestReplayIsForTestUsersOnly(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.WriteHeader(500)
	}))
	defer server.Close()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(to.Port())
	file := filepath.Join(t.TempDir(), "violations.ndjson")
	for _, user := range []string{ownUser, otherUser, "{{user1}}", "{{user2}}"} {
		line := fmt.Sprintf(`{"rule":"request.failed","case":{"expect":"valid","user":%q,`+
			`"request":{"method":"POST","path":"/"}}}`, user)
		if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		in := &session.Inputs{Document: pingone.Document(), Scenario: &scenario.Scenario{
			Target: scenario.Target{AuthPath: "http://mfaload.example", EnvID: envID, Timeout: time.Second,
				AccessToken: scenario.NewSecret("the-access-token"),
				Network: scenario.Network{Resolve: []scenario.Endpoint{{Address: "127.0.0.1",
					Port: port}}}},
			Groups: []scenario.Group{{Name: "test", Test: true, IDs: []string{ownUser}},
				{Name: "people", IDs: []string{otherUser}}}}}
		for i := range in.Scenario.Groups {
			in.Scenario.Groups[i].Expect = scenario.Expect{HTTPStatuses: []int{201}}
		}
		if in.Contract, err = pingone.Compile("contract.yaml", in.Document, nil); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		c := console.New(&out, io.Discard, func(string) (string, bool) { return "", false })
		k, err := check.New(in, c, check.Settings{Replay: file})
		if err != nil {
			t.Fatal(err)
		}
		op, err := pingone.New(in.Scenario, in.Contract, "")
		if err != nil {
			t.Fatal(err)
		}
		requests = 0
		if err := k.Send(t.Context(), op, 1e9); err != nil {
			t.Fatal(err)
		}
		op.Close()
		want := 0
		if user == ownUser || user == "{{user1}}" {
			want = 1
		}
		if told := strings.Contains(out.String(), "can't tell"); requests != want || told != (want == 0) {
			t.Errorf("%s: %d requests, want %d: %s", user, requests, want, out.String())
		}
	}
}
