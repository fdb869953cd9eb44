//go:build unix

package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mfaload/scenario"
	"mfaload/session/ledger"
	"mfaload/simulator"
)

// However runs go on side by side and are killed, the ledger has at least what the service got for each
// user, and that is never more than maxPerUser.
func TestLedgerNeverUndercounts(t *testing.T) {
	t.Parallel()
	program(t)
	const limit, lanes, kills = 40, 4, 5
	users := []string{}
	for n := range 12 {
		users = append(users, fmt.Sprintf("788d4931-6936-43f2-82ff-%012d", n))
	}
	sim, err := simulator.New(scenario.Target{EnvID: envID, Simulator: &scenario.Simulator{Seed: 1,
		Users: []scenario.SimulatedUsers{{IDs: users, Status: "OTP_REQUIRED"}}}})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := map[string]uint64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var of struct{ User struct{ ID string } }
		if json.Unmarshal(body, &of) == nil {
			mu.Lock()
			got[of.User.ID]++
			mu.Unlock()
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "scenario.yaml"), filepath.Join(dir, "ledger")
	text := fmt.Sprintf(`name: ledger
target: {authPath: %q, envID: %s, accessToken: any}
users: [{name: all, maxPerUser: %d/d, ids: [%s]}]
load: {stages: [{rate: 80/s, duration: 300ms}]}
`, server.URL, envID, limit, strings.Join(users, ", "))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	killed := 0
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(lane), 3))
			for n := range kills + 1 {
				c := exec.Command(binary, "run", "-q", "--summary", "none", "--ledger", folder, "--out",
					filepath.Join(dir, fmt.Sprintf("%d-%d", lane, n)), file)
				if n == kills {
					_ = c.Run() // to its end, or refused
					break
				}
				if err := c.Start(); err != nil {
					t.Error(err)
					return
				}
				// A random instant: it waits for nothing.
				time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
				_ = c.Process.Kill()
				var exit *exec.ExitError
				if err := c.Wait(); errors.As(err, &exit) && exit.ExitCode() < 0 {
					mu.Lock()
					killed++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	server.Close() // what is in flight has arrived
	total := uint64(0)
	for _, user := range users {
		days, err := ledger.Days(folder, user)
		if err != nil || len(days) == 0 {
			t.Fatal(days, err)
		}
		counted := uint64(0)
		for _, day := range days { // two, if midnight came in between
			counted += *day.OfUser
		}
		if n := got[user]; counted < n || n > limit*uint64(len(days)) {
			t.Errorf("user %s got %d requests, and the ledger has %d", user, n, counted)
		}
		total += got[user]
	}
	if killed < 10 || total < 40 {
		t.Errorf("%d runs were killed, and sent %d requests: too few to tell", killed, total)
	}
	t.Logf("%d killed, %d requests", killed, total)
}
