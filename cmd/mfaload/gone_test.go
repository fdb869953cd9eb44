//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a run shows may go away: its reader, its terminal, the disk behind it. It
// costs what is shown, and nothing else.

// goneScenario is a run of so many seconds against the simulator, whose responses
// take a time.
func goneScenario(t *testing.T, seconds int, latency string, load string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text := fmt.Sprintf(`name: gone
target: {simulator: {latency: %s}, timeout: 2m}
users: [{name: all, ids: [788d4931-6936-43f2-82ff-178f5762298a, 788d4931-6936-43f2-82ff-178f5762298b]}]
load: {stages: [{rate: 20/s, duration: %ds}]%s}
capacity: {maxRate: 40/s, startRate: 20/s, trial: 5s, warmup: 1s, settle: 1s, budget: 8s}
`, latency, seconds, load)
	if err := os.WriteFile(filepath.Join(dir, "s.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inFolder is the program, to be run in a folder.
func inFolder(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(program(t), args...)
	c.Dir = dir
	return c
}

// ended waits for a program and returns its exit code; -1 is that of a signal. A
// run that a busy machine made inconclusive has passed.
func ended(t *testing.T, c *exec.Cmd) int {
	t.Helper()
	give := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer give.Stop()
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if code := c.ProcessState.ExitCode(); code != 4 {
		return code
	}
	return 0
}

// verdictOf is what a results folder says.
func verdictOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Error(err)
		return ""
	}
	for _, v := range []string{"pass", "fail", "inconclusive", "interrupted"} {
		if bytes.Contains(text, fmt.Appendf(nil, `"verdict": %q`, v)) {
			return v
		}
	}
	return ""
}

// Whatever verb it is, one who reads its first line and leaves ends nothing: as
// with '2>&1 | head -1'.
func TestReaderGoesAway(t *testing.T) {
	t.Parallel()
	dir := goneScenario(t, 3, "20ms", "")
	if out, err := inFolder(t, dir, "run", "--out", "before", "s.yaml").CombinedOutput(); err != nil &&
		!bytes.Contains(out, []byte("INCONCLUSIVE")) {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, test := range []struct {
		code int
		args string
	}{
		{0, "run --out run s.yaml"}, {0, "run --shards 2 --out shards s.yaml"},
		{0, "capacity --out capacity s.yaml"},
		{0, "check --rate 20/s s.yaml"}, {0, "report before"}, {0, "compare --force before before"},
		{0, "validate s.yaml s.yaml"},
		{0, "schema"}, {0, "contract"}, {0, "run --plan s.yaml"}, {0, "help"},
		{0, "merge --out merged shards/shards"},
		{2, "validate s.yaml nowhere.yaml"},
	} {
		t.Run(strings.Fields(test.args)[0], func(t *testing.T) {
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			c := inFolder(t, dir, strings.Fields(test.args)...)
			c.Stdout, c.Stderr = writer, writer
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			writer.Close()
			if _, err := bufio.NewReaderSize(reader, 16).ReadString('\n'); err != nil {
				t.Errorf("it said nothing: %v", err)
			}
			reader.Close()
			if code := ended(t, c); code != test.code {
				t.Errorf("%s: exit code %d, want %d", test.args, code, test.code)
			}
		})
	}
	for _, out := range []string{"run", "shards", "merged"} {
		if v := verdictOf(t, filepath.Join(dir, out)); v != "pass" && v != "inconclusive" {
			t.Errorf("%s: verdict %q", out, v)
		}
	}
}

// A reader who is there and does not read, as a terminal after Ctrl-S, ends no
// run and holds none up: nor its coordinator.
func TestReaderStandsStill(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run"}, {"run", "--shards", "2"}} {
		dir := goneScenario(t, 3, "20ms", "")
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		fill(t, writer)
		c := inFolder(t, dir, append(args, "--out", "out", "s.yaml")...)
		c.Stderr = writer
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		writer.Close()
		if code := ended(t, c); code != 0 {
			t.Errorf("%v: exit code %d", args, code)
		}
		if v := verdictOf(t, filepath.Join(dir, "out")); v != "pass" && v != "inconclusive" {
			t.Errorf("%v: verdict %q", args, v)
		}
	}
}

// A disk that is full takes neither progress nor results. Progress is nobody's
// loss; that results could not be written is said, and no success.
func TestFullDiskBehindTheOutput(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	dir := goneScenario(t, 2, "20ms", "")
	for _, args := range []string{"run --out run s.yaml", "run --shards 2 --out shards s.yaml",
		"check --rate 20/s s.yaml", "capacity --out capacity s.yaml"} {
		c := inFolder(t, dir, strings.Fields(args)...)
		c.Stderr = full
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if code := ended(t, c); code != 0 {
			t.Errorf("%s: exit code %d", args, code)
		}
	}
	for _, args := range []string{"validate s.yaml", "schema", "run --plan s.yaml", "report run", "version",
		"help", "check --rate 20/s s.yaml"} {
		c := inFolder(t, dir, strings.Fields(args)...)
		c.Stdout = full
		said, _ := c.StderrPipe()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(said)
		if code := ended(t, c); code != 2 || !strings.Contains(string(text), "no space left on device") {
			t.Errorf("%s: exit code %d: %s", args, code, text)
		}
	}
}

// The SIGHUP of a terminal that is closed ends a run as SIGTERM does, however
// often it comes: the shell and the system both send it. Under nohup it ends
// nothing.
func TestHangup(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, before string
		args         []string
		code         int
		verdict      string
	}{
		{"run", "", []string{"run"}, 130, "interrupted"},
		{"shards", "", []string{"run", "--shards", "2"}, 130, "interrupted"},
		{"nohup", "trap '' HUP; ", []string{"run"}, 0, "pass"},
		{"nohup shards", "trap '' HUP; ", []string{"run", "--shards", "2"}, 0, "pass"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seconds := 3600
			if test.code == 0 {
				seconds = 4
			}
			dir := goneScenario(t, seconds, "20ms", "")
			c := exec.Command("sh", append([]string{"-c", test.before + `exec "$0" "$@"`, program(t)},
				append(test.args, "--out", "out", "s.yaml")...)...)
			c.Dir = dir
			<-startedAt(t, c)
			for range 3 {
				if err := c.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
				time.Sleep(150 * time.Millisecond) // longer than one signal's echo
			}
			if code := ended(t, c); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if v := verdictOf(t, filepath.Join(dir, "out")); v != test.verdict &&
				(v != "inconclusive" || test.verdict != "pass") {
				t.Errorf("verdict %q", v)
			}
		})
	}
}

// secondsIn is progress at least a second after the start.
var secondsIn = regexp.MustCompile(`[1-9][0-9]* s: `)

// someExpected is progress with a response.
var someExpected = regexp.MustCompile(`[1-9][0-9]* as expected`)

// startedAt starts a program and closes the channel when its run has gone on for
// a second; its stderr is read to its end.
func startedAt(t *testing.T, c *exec.Cmd) (said chan struct{}) {
	t.Helper()
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said = make(chan struct{})
	go func() {
		found := false
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if !found && secondsIn.MatchString(lines.Text()) {
				found = true
				close(said)
			}
		}
		if !found {
			close(said)
		}
	}()
	return said
}

// 'timeout' and others send a signal to the process and to its group: that is one
// signal, and the run is reported.
func TestSignalAndItsEcho(t *testing.T) {
	t.Parallel()
	dir := goneScenario(t, 3600, "300ms", "")
	c := inFolder(t, dir, "run", "--out", "out", "s.yaml")
	<-startedAt(t, c)
	for range 2 {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // so that they are two
	}
	if code := ended(t, c); code != 130 || verdictOf(t, filepath.Join(dir, "out")) != "interrupted" {
		t.Errorf("exit code %d", code)
	}
}

// A second signal quits at once and says where what was measured is.
func TestSecondSignalSaysWhatIsKept(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		says string
	}{
		{"run --out out s.yaml", "quitting now: the journal is kept, and 'mfaload report out' rebuilds the " +
			"results from it"},
		{"run --shards 2 --out out s.yaml", "keep what they measured: 'mfaload merge out/shards' judges it"},
		{"capacity --out out s.yaml", "the trials that ended are kept, and 'mfaload capacity --resume " +
			"out' goes on"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			dir := goneScenario(t, 60, "1m", ", drain: 2m")
			c := inFolder(t, dir, strings.Fields(test.args)...)
			stderr, err := c.StderrPipe()
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			said := ""
			lines := bufio.NewScanner(stderr)
			for signals := 0; lines.Scan(); {
				said += lines.Text() + "\n"
				going := signals == 0 && (secondsIn.MatchString(lines.Text()) ||
					strings.Contains(lines.Text(), "a trial is judged"))
				if going || signals == 1 && strings.Contains(lines.Text(), "stopping:") {
					if going && strings.HasPrefix(test.args, "capacity") {
						time.Sleep(time.Second) // within the first trial; says nothing itself
					}
					signals++
					_ = c.Process.Signal(os.Interrupt)
				}
			}
			if code := ended(t, c); code != 130 || !strings.Contains(said, test.says) {
				t.Errorf("exit code %d:\n%s", code, said)
			}
			if test.args == "run --out out s.yaml" {
				if out, _ := inFolder(t, dir, "report", "out").CombinedOutput(); !bytes.Contains(out,
					[]byte("INTERRUPTED  gone")) {
					t.Errorf("it can't be read: %s", out)
				}
			}
		})
	}
}
