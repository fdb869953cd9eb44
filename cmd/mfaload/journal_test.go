package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mfaload/report"
)

// killed is a run that is killed at some moment, and the server's own count.
type killed struct {
	faulty
	dir    string
	resets int
	after  int // requests
	kill   chan struct{}
}

const killRate = 200

func startKilled(t *testing.T, after int) *killed {
	t.Helper()
	k := &killed{dir: filepath.Join(t.TempDir(), "out"), after: after, kill: make(chan struct{})}
	k.load = "{workers: 16, stages: [{rate: 200/s, duration: 1m}]}"
	var once sync.Once
	k.server = startFaults(t, nil, func(x *incoming) bool {
		if x.number == k.after {
			once.Do(func() { close(k.kill) })
		}
		if x.number%7 == 3 {
			k.server.mu.Lock()
			k.resets++
			k.server.mu.Unlock()
			return x.reset()
		}
		return x.answer()
	})
	return k
}

// run runs the program until it is killed.
func (k *killed) run(t *testing.T) {
	cmd := exec.Command(program(t), "run", "-q", "--out", k.dir, k.scenario(t))
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	<-k.kill
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// rebuilt checks what 'mfaload report' makes of the run.
func (k *killed) rebuilt(t *testing.T) {
	t.Helper()
	printed := runBinary(t, 130, "report", k.dir)
	data, err := os.ReadFile(filepath.Join(k.dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	k.server.mu.Lock()
	defer k.server.mu.Unlock()
	q, came := r.Requests, uint64(len(k.server.came))
	if q.Scheduled != q.Sent+q.Unsent || q.Sent != q.Answered+q.Failed || sum(r.Errors) != q.Failed ||
		sum(r.Statuses) != q.Answered {
		t.Errorf("the sums are wrong: %+v, errors %v, statuses %v", q, r.Errors, r.Statuses)
	}
	// A second of requests may be missing, and on a busy machine some more; none
	// may be there that the server does not know.
	const most = killRate * 3 / 2
	if q.Sent > came || q.Sent+most < came || q.Answered > uint64(k.server.answered) ||
		q.Answered+most < uint64(k.server.answered) {
		t.Errorf("%d requests came and %d were answered, rebuilt were %+v", came, k.server.answered, q)
	}
	if n := r.Errors["connection reset"]; n != q.Failed || n > uint64(k.resets) || n+most < uint64(k.resets) {
		t.Errorf("%d connections were reset, rebuilt were %v", k.resets, r.Errors)
	}
	if r.Verdict != report.Interrupted || len(r.Reasons) < 2 || !strings.Contains(r.Reasons[1],
		"rebuilt from the journal") {
		t.Errorf("%s: %q\n%s", r.Verdict, r.Reasons, printed)
	}
	if _, err := os.Stat(filepath.Join(k.dir, "run.journal")); err == nil {
		t.Error("the journal is still there")
	}
	runBinary(t, 0, "report", k.dir) // from now on it is a run like any other
}

// Whenever the program is killed, at most the last second is lost.
func TestKilledAtTwentyMoments(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		after := random.IntN(3 * killRate)
		t.Run(fmt.Sprintf("after %d", after), func(t *testing.T) {
			t.Parallel()
			k := startKilled(t, after)
			k.run(t)
			k.rebuilt(t)
		})
	}
}

// A run leaves no journal behind, and none is taken for interrupted while it goes
// on.
func TestJournalOfARunThatGoesOn(t *testing.T) {
	k := startKilled(t, 10)
	cmd := exec.Command(program(t), "run", "-q", "--out", k.dir, k.scenario(t))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-k.kill
	if printed := runBinary(t, 2, "report", k.dir); !strings.Contains(printed, "wait until that run ends") {
		t.Errorf("%s", printed)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(k.dir, "run.journal")); err == nil {
		t.Error("the journal is still there")
	}
}
