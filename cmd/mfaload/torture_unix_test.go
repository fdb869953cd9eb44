//go:build unix

package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/report"
)

// tortures is how many random runs 'make test' makes; MFALOAD_TORTURE says another
// number, as 'make torture' does.
const tortures = 16

// TestTorture makes random runs, each from its number alone: random loads against a
// simulator that is slow, refuses and breaks rules, which are interrupted, killed,
// or left alone, in a new folder or over the results of an earlier run. Whatever
// happened, the folder can be read, or says why there is nothing in it; all figures
// add up; and every exit code is one that is documented.
func TestTorture(t *testing.T) {
	t.Parallel()
	program(t)
	first, n := 1, tortures
	if text := os.Getenv("MFALOAD_TORTURE"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("MFALOAD_TORTURE=%s is not a number of runs", text)
		}
	}
	if text := os.Getenv("MFALOAD_TORTURE_SEED"); text != "" {
		var err error
		if first, err = strconv.Atoi(text); err != nil {
			t.Fatalf("MFALOAD_TORTURE_SEED=%s is no seed", text)
		}
		n = 1
	}
	for seed := first; seed < first+n; seed++ {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			newTorture(t, uint64(seed)).run()
		})
	}
}

// torture is one of the random runs.
type torture struct {
	*testing.T
	*rand.Rand
	scenario, dir string
	killed        bool
}

func newTorture(t *testing.T, seed uint64) *torture {
	c := &torture{T: t, Rand: rand.New(rand.NewPCG(seed, 15))}
	folder := t.TempDir()
	c.scenario, c.dir = filepath.Join(folder, "scenario.yaml"), filepath.Join(folder, "results")
	return c
}

func (c *torture) journal() string { return filepath.Join(c.dir, "run.journal") }

// pick is one of several texts.
func (c *torture) pick(texts ...string) string { return texts[c.IntN(len(texts))] }

// between is a whole number from low to high.
func (c *torture) between(low, high int) int { return low + c.IntN(high-low+1) }

func (c *torture) run() {
	overwrite := c.IntN(4) == 0
	if overwrite {
		c.write()
		c.load("--out", c.dir, "--csv", "--hgrm")
	}
	text := c.write()
	c.Cleanup(func() {
		if c.Failed() {
			c.Logf("the scenario:\n%s", text)
		}
	})
	args := []string{"--out", c.dir, "--csv"}
	if overwrite {
		args = append(args, "--overwrite")
	}
	c.load(args...)
	c.read()
}

// write writes a scenario.
func (c *torture) write() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: torture\ntarget:\n  timeout: %s\n  simulator:\n    seed: %d\n",
		c.pick("200ms", "500ms", "2s"), c.between(1, 1000))
	fmt.Fprintf(&b, "    latency: %s\n", c.pick("0ms", "1ms", "30ms", "lognormal(5ms, 300ms)",
		"exponential(40ms)", "normal(50ms, 20ms)", "constant(250ms)"))
	if c.IntN(4) == 0 {
		fmt.Fprintf(&b, "    servers: {count: %d, time: %s}\n", c.between(1, 8),
			c.pick("20ms", "exponential(10ms)", "300ms"))
	}
	if c.IntN(3) == 0 {
		fmt.Fprintf(&b, "    rateLimit: {rate: %d/s, burst: %d, retryAfter: %s}\n", c.between(1, 100),
			c.between(1, 20), c.pick("0s", "1s", "2s"))
	}
	if c.IntN(5) == 0 {
		fmt.Fprintf(&b, "    stalls: [{every: %s, for: 200ms}]\n", c.pick("500ms", "900ms"))
	}
	if faults := c.faults(); faults != "" {
		fmt.Fprintf(&b, "    faults: [%s]\n", faults)
	}
	b.WriteString("users:\n")
	for i := range c.between(1, 4) {
		fmt.Fprintf(&b, "  - {name: g%d, weight: %d, ids: [", i, c.between(1, 5))
		for j := range c.between(1, 40) {
			fmt.Fprintf(&b, "%08x-0000-4000-8000-%012x, ", i+1, j)
		}
		fmt.Fprintf(&b, "], order: %s, expect: %s}\n", c.pick("sequential", "shuffle", "random", "once"),
			c.pick("{httpStatus: 201, status: OTP_REQUIRED}", "{httpStatus: [201, 429]}",
				"{httpStatus: 404, error: NOT_FOUND}", "{httpStatus: 201}"))
	}
	b.WriteString("load:\n" + c.schedule())
	b.WriteString("thresholds: {response: {p95: 300ms, max: 5s}, errorRate: 5%, violationRate: 0%}\n")
	if err := os.WriteFile(c.scenario, []byte(b.String()), 0o600); err != nil {
		c.Fatal(err)
	}
	return b.String()
}

func (c *torture) faults() string {
	var faults []string
	for _, name := range []string{"echo.user", "field.unknown", "http.status", "conn.reset", "conn.cut",
		"answer.slow", "device.masked"} {
		if c.IntN(5) == 0 {
			faults = append(faults, fmt.Sprintf("{name: %s, share: %s}", name,
				c.pick("1%", "10%", "50%", "100%")))
		}
	}
	return strings.Join(faults, ", ")
}

// schedule is an open or a closed load of one to three seconds.
func (c *torture) schedule() string {
	text := "  drain: " + c.pick("0s", "300ms", "1s", "3s") + "\n"
	if c.IntN(5) == 0 {
		return text + fmt.Sprintf("  concurrency: %d\n  think: %s\n  duration: %dms\n", c.between(1, 30),
			c.pick("0ms", "5ms", "100ms"), c.between(800, 2500))
	}
	if c.IntN(3) == 0 {
		text += fmt.Sprintf("  warmup: %dms\n", c.between(100, 1200))
	}
	if c.IntN(3) == 0 {
		text += fmt.Sprintf("  workers: %d\n", c.between(1, 20))
	}
	text += fmt.Sprintf("  arrivals: %s\n  seed: %d\n  on429: %s\n", c.pick("uniform", "poisson"),
		c.between(1, 1000), c.pick("continue", "continue", "pause", "stop"))
	if c.IntN(4) == 0 {
		text += "  stopOn: [{errorRate: 30%, window: 1s}]\n"
	}
	// The first stage has a request, and lasts for longer than the window and the
	// warm-up's arrivals need.
	text += fmt.Sprintf("  stages:\n    - {rate: %d/s, duration: %dms}\n", c.between(20, 300),
		c.between(1000, 1500))
	for range c.between(0, 2) {
		long := c.between(300, 900)
		text += "    - " + c.pick(
			fmt.Sprintf("{rate: %d/s, duration: %dms}", c.between(1, 300), long),
			fmt.Sprintf("{from: %d/s, to: %d/s, duration: %dms}", c.between(0, 50), c.between(51, 300), long),
			fmt.Sprintf("{from: 10/s, to: %d/s, steps: %d, duration: %dms}", c.between(11, 300),
				c.between(2, 5), long),
			fmt.Sprintf("{rate: 20/s, spike: {rate: %d/s, at: 100ms, for: 100ms}, duration: %dms}",
				c.between(30, 500), long),
			fmt.Sprintf("{pause: %dms}", long/2), fmt.Sprintf("{rate: %d/s, requests: %d}",
				c.between(100, 200), c.between(1, 100))) + "\n"
	}
	return text
}

// documented are the exit codes of a run.
var documented = []int{0, 1, 2, 3, 4, 130}

// mfaload runs the program to its end, and holds it to what it may do at all.
func (c *torture) mfaload(args ...string) (code int, stderr string) {
	c.Helper()
	cmd := exec.Command(program(c), args...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	_ = cmd.Run()
	c.sane(cmd, errors.String())
	return cmd.ProcessState.ExitCode(), errors.String()
}

func (c *torture) sane(cmd *exec.Cmd, stderr string) {
	c.Helper()
	if code := cmd.ProcessState.ExitCode(); !slices.Contains(documented, code) && !c.killed {
		c.Fatalf("%s exited with %d: %s", strings.Join(cmd.Args[1:], " "), code, stderr)
	}
	for _, crash := range []string{"panic:", "fatal error:", "\ngoroutine ", "DATA RACE"} {
		if strings.Contains(stderr, crash) {
			c.Fatalf("%s crashed: %s", strings.Join(cmd.Args[1:], " "), stderr)
		}
	}
}

// load makes the run, and signals or kills it at a random time, or does not.
func (c *torture) load(args ...string) {
	c.Helper()
	var signals []syscall.Signal
	switch c.IntN(5) {
	case 0, 1:
		signals = []syscall.Signal{syscall.SIGKILL}
	case 2:
		signals = []syscall.Signal{[]syscall.Signal{syscall.SIGINT, syscall.SIGTERM,
			syscall.SIGHUP}[c.IntN(3)]}
	case 3:
		signals = []syscall.Signal{syscall.SIGINT, []syscall.Signal{syscall.SIGTERM, syscall.SIGINT,
			syscall.SIGKILL}[c.IntN(3)]}
	}
	atRequest, delay, gap := c.IntN(2) == 0, time.Duration(c.IntN(2500))*time.Millisecond,
		time.Duration(c.IntN(600))*time.Millisecond
	cmd := exec.Command(program(c), append([]string{"run", "--quiet", c.scenario}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	wait := func(d time.Duration) {
		select {
		case <-ended:
		case <-time.After(d):
		}
	}
	if len(signals) > 0 && atRequest { // the journal is there once requests are sent
		for range 1000 {
			if _, err := os.Stat(c.journal()); err == nil || closed(ended) {
				break
			}
			wait(5 * time.Millisecond)
		}
	}
	early := false // nothing has begun that a signal has to end in order
	for i, s := range signals {
		if i == 0 {
			wait(delay)
		} else {
			wait(gap)
		}
		if !closed(ended) {
			c.killed = c.killed || s == syscall.SIGKILL
			_, err := os.Stat(c.journal())
			early = early || err != nil
			_ = cmd.Process.Signal(s)
		}
	}
	select {
	case <-ended:
	case <-time.After(2 * time.Minute): // a run takes ten seconds at most
		_ = cmd.Process.Kill()
		<-ended
		c.Fatalf("the run did not end after %v: %s", signals, stderr.String())
	}
	status, isWait := cmd.ProcessState.Sys().(syscall.WaitStatus)
	c.killed = c.killed || early && isWait && status.Signaled() && slices.Contains(signals, status.Signal())
	c.sane(cmd, stderr.String())
	code := cmd.ProcessState.ExitCode()
	if !c.killed && (code == 2 || code == 3) {
		c.Fatalf("the run exited with %d: %s", code, stderr.String())
	}
	c.Logf("signals %v after %v and %v, exit code %d", signals, delay, gap, code)
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// read reads what the run left, rebuilt where it was cut off.
func (c *torture) read() {
	c.killed = false
	_, err := os.Stat(c.journal())
	rebuilt := err == nil
	code, stderr := c.mfaload("report", "--csv", c.dir)
	if code == 2 {
		c.nothing(stderr)
		return
	}
	if code != 0 && !(rebuilt && slices.Contains([]int{1, 4, 130}, code)) {
		c.Fatalf("report exited with %d: %s", code, stderr)
	}
	if _, err := os.Stat(c.journal()); err == nil {
		c.Error("the journal is still there after report")
	}
	before := c.files()
	if code, stderr := c.mfaload("report", "--csv", c.dir); code != 0 {
		c.Errorf("the second report exited with %d: %s", code, stderr)
	}
	for name, text := range c.files() {
		if text != before[name] {
			c.Errorf("%s is not the same when it is made again", name)
		}
	}
	code, stderr = c.mfaload("compare", "--force", c.dir, c.dir)
	short := strings.Contains(stderr, "a side has no whole second: run longer") ||
		strings.Contains(stderr, "sent no request in its judged part")
	if code != 0 && code != 4 && !(code == 2 && short) {
		c.Errorf("compare with itself exited with %d: %s", code, stderr)
	}
	r, err := report.Decode([]byte(before["report.json"]))
	if err != nil {
		c.Fatal(err)
	}
	m, err := measure.Unpack([]byte(before["measurement.json.gz"]))
	if err != nil {
		c.Fatal(err)
	}
	c.sums(r)
	c.measured(r, m)
	c.rendered(before, m)
}

// nothing accepts a folder without results only where the run was ended before it
// could write any: there is no report, and the error names the folder.
func (c *torture) nothing(stderr string) {
	for _, name := range []string{"report.json", "measurement.json.gz"} {
		if _, err := os.Stat(filepath.Join(c.dir, name)); err == nil {
			c.Errorf("%s is there, and can't be read: %s", name, stderr)
		}
	}
	if info, err := os.Stat(c.journal()); err == nil && info.Size() > 64<<10 {
		c.Errorf("a journal of %d bytes can't be read: %s", info.Size(), stderr)
	}
	if !strings.Contains(stderr, c.dir) {
		c.Errorf("the error does not name the folder: %s", stderr)
	}
	c.Logf("nothing to read: %s", stderr)
}

func (c *torture) files() map[string]string {
	all := map[string]string{}
	names, err := filepath.Glob(filepath.Join(c.dir, "*"))
	if err != nil {
		c.Fatal(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			c.Fatal(err)
		}
		all[filepath.Base(name)] = string(text)
	}
	return all
}

func (c *torture) equal(what string, got, want uint64) {
	c.Helper()
	if got != want {
		c.Errorf("%s: %d, want %d", what, got, want)
	}
}

func total[K comparable](counts map[K]uint64) (n uint64) {
	for count := range maps.Values(counts) {
		n += count
	}
	return n
}

// sums holds the report to its own sums.
func (c *torture) sums(r *report.Report) {
	c.figures("all", &r.Figures)
	if r.Warmup != nil {
		c.figures("warm-up", r.Warmup)
	}
	var q report.Requests
	labels := map[string]uint64{}
	for i := range r.Groups {
		g := &r.Groups[i]
		c.figures(g.Name, &g.Figures)
		q.Scheduled, q.Sent, q.Answered = q.Scheduled+g.Requests.Scheduled, q.Sent+g.Requests.Sent,
			q.Answered+g.Requests.Answered
		q.AsExpected, q.Unexpected = q.AsExpected+g.Requests.AsExpected, q.Unexpected+g.Requests.Unexpected
		q.Violating, q.RateLimited = q.Violating+g.Requests.Violating, q.RateLimited+g.Requests.RateLimited
		q.Failed, q.Unsent = q.Failed+g.Requests.Failed, q.Unsent+g.Requests.Unsent
		for label, n := range g.Statuses {
			labels[label] += n
		}
		for label, n := range g.Errors {
			labels["failed: "+label] += n
		}
	}
	if q != r.Requests {
		c.Errorf("the groups add up to %+v, the whole is %+v", q, r.Requests)
	}
	for label, n := range r.Statuses {
		c.equal("the groups' "+label, labels[label], n)
	}
	for label, n := range r.Errors {
		c.equal("the groups' failed: "+label, labels["failed: "+label], n)
	}
	for _, rule := range r.Coverage {
		if rule.Violated > rule.Evaluated {
			c.Errorf("the rule %s was broken %d times of %d", rule.Rule, rule.Violated, rule.Evaluated)
		}
	}
	for _, th := range r.Thresholds {
		if th.Passed != (th.State == report.Met) {
			c.Errorf("threshold %s is %s and passed is %v", th.Expression, th.State, th.Passed)
		}
		if th.State == report.Missed && r.Verdict == report.Pass {
			c.Errorf("threshold %s is missed and the verdict is pass", th.Expression)
		}
	}
}

func (c *torture) figures(of string, f *report.Figures) {
	q := f.Requests
	c.equal(of+": sent + unsent", q.Sent+q.Unsent, q.Scheduled)
	c.equal(of+": answered + failed", q.Answered+q.Failed, q.Sent)
	c.equal(of+": as expected + unexpected + violating", q.AsExpected+q.Unexpected+q.Violating, q.Answered)
	c.equal(of+": statuses", total(f.Statuses), q.Answered)
	c.equal(of+": errors", total(f.Errors), q.Failed)
	if total(f.Withheld) > q.Unsent {
		c.Errorf("%s: %d withheld of %d unsent", of, total(f.Withheld), q.Unsent)
	}
	if len(f.ByOutcome) > 0 {
		outcomes := uint64(0)
		for _, o := range f.ByOutcome {
			outcomes += o.Count
		}
		c.equal(of+": outcomes", outcomes, q.Sent)
	}
}

// measured holds the measurement to the report.
func (c *torture) measured(r *report.Report, m *measure.Measurement) {
	all := r.Requests
	if w := r.Warmup; w != nil {
		all.Sent, all.Failed = all.Sent+w.Requests.Sent, all.Failed+w.Requests.Failed
		all.Violating, all.AsExpected, all.RateLimited = all.Violating+w.Requests.Violating,
			all.AsExpected+w.Requests.AsExpected, all.RateLimited+w.Requests.RateLimited
	}
	c.equal("requests of all cells", m.Main.Sent(), r.Requests.Sent)
	if m.SecondsLost != "" {
		c.Errorf("the seconds are lost: %s", m.SecondsLost)
	}
	var sent, failed, clean, violating, limited, grouped, ends uint64
	several, told := len(m.Groups) > 1, false
	for s := range m.Seconds.All() {
		n := s.Response.Count()
		c.equal("service times of a second", s.Service.Count(), n)
		c.equal("latenesses of a second", s.Lateness.Count(), n)
		sent, failed, clean = sent+n, failed+s.Failed, clean+s.Clean
		violating, limited = violating+s.Violating, limited+s.RateLimited
		for _, e := range s.Ends {
			ends, told = ends+e.Count, true
		}
		for _, g := range s.Groups {
			grouped += g.Response.Count()
		}
	}
	c.equal("sent by second", sent, all.Sent)
	c.equal("failed by second", failed, all.Failed)
	c.equal("violating by second", violating, all.Violating)
	c.equal("429 by second", limited, all.RateLimited)
	c.equal("as expected by second", clean, all.AsExpected)
	if told {
		c.equal("ends by second", ends, all.Sent)
	}
	if several {
		c.equal("groups by second", grouped, all.Sent)
	}
	flow := func(what string, counts []uint64) {
		if len(counts) == 0 {
			return
		}
		n := uint64(0)
		for _, count := range counts {
			n += count
		}
		c.equal(what, n, all.Sent)
	}
	flow("sent in a second", m.Flow.Sent)
	flow("ended in a second", m.Flow.Ended)
	var fails, shown uint64
	for _, v := range m.Violations {
		if v.Fails {
			fails += v.Count - v.InWarmup
		}
	}
	for _, v := range r.Violations {
		if v.Level == "fail" {
			shown += v.Count
		}
	}
	c.equal("violations in the report", shown, fails)
	if r.Requests.Violating > fails+m.UngroupedViolations {
		c.Errorf("%d responses break %d rules", r.Requests.Violating, fails)
	}
}

// rendered holds what is made from the two files to them.
func (c *torture) rendered(files map[string]string, m *measure.Measurement) {
	rows, err := csv.NewReader(strings.NewReader(files["series.csv"])).ReadAll()
	if err != nil || len(rows) == 0 {
		c.Fatalf("series.csv: %v", err)
	}
	sent := uint64(0)
	for _, row := range rows[1:] {
		n, err := strconv.ParseUint(row[slices.Index(rows[0], "sent")], 10, 64)
		if err != nil {
			c.Fatal(err)
		}
		sent += n
	}
	c.equal("sent in series.csv", sent, m.Main.Sent()+m.Warmup.Sent())
	for decoder := xml.NewDecoder(strings.NewReader(files["junit.xml"])); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			c.Fatalf("junit.xml: %v", err)
		}
	}
	for line := range strings.Lines(files["violations.ndjson"]) {
		if !json.Valid([]byte(line)) {
			c.Errorf("violations.ndjson: %s", line)
		}
	}
	for _, name := range []string{"report.html", "report.md", "latency.hlog"} {
		if files[name] == "" {
			c.Errorf("%s is empty", name)
		}
	}
}
