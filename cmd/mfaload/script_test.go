package main_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// inside names the program to a test that runs in a network of its own.
const inside = "MFALOAD_TEST_INSIDE"

// binary is the program under test, built once as users build it.
var binary string

// wide is a terminal on which no line is broken: TestTerminal shows how lines are.
const wide = "10000"

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if binary = os.Getenv(inside); binary != "" {
		return m.Run() // a test within a test
	}
	if flag.Parse(); testing.Short() {
		return m.Run()
	}
	if signal.Ignored(syscall.SIGHUP) { // by nohup: programs would inherit that
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	dir, err := os.MkdirTemp("", "mfaload-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv("COLUMNS", wide)
	binary = filepath.Join(dir, "mfaload")
	build := exec.Command("go", "build", "-race="+withRaceDetector(), "-o", binary, ".")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build mfaload:", err)
		return 1
	}
	code := m.Run()
	if err := excused.enough(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// withRaceDetector is what -race was when this test was built: the program is built alike.
func withRaceDetector() string {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value
		}
	}
	return "false"
}

// program is the built binary. What needs it is no part of 'make quick'.
func program(t testing.TB) string {
	if binary == "" {
		t.Skip("not with -short: it runs the built program")
	}
	return binary
}

// alone are the scripts whose runs have to tell a service apart from the machine
// that they run on: nothing goes on next to them.
var alone = []string{"baseline", "capacity"}

// TestScripts runs the files in testdata/script against the built binary, side by
// side: most of it is waiting.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, scripts(t, func(name string) bool { return !slices.Contains(alone, name) }))
}

// TestScriptsAlone runs the others.
func TestScriptsAlone(t *testing.T) {
	testscript.Run(t, scripts(t, func(name string) bool { return slices.Contains(alone, name) }))
}

func scripts(t *testing.T, wanted func(name string) bool) testscript.Params {
	program(t)
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Files: slices.DeleteFunc(files, func(file string) bool {
			return !wanted(strings.TrimSuffix(filepath.Base(file), ".txtar"))
		}),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(program(t))+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("SCENARIOS", scenarios(t))
			e.Setenv("FREE", freeAddress(t))
			e.Setenv("COLUMNS", wide)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"runs":    runs,
			"refuses": refuses,
			"field":   field,
			"waitup":  waitUp,
			"edit":    edit,
			"fetch":   fetch,
			"press":   press,
			"synth":   synth,
			"calm":    calm,
			"later":   later,
		},
		UpdateScripts: flag.Lookup("update").Value.String() == "true",
	}
}

func scenarios(t *testing.T) string {
	dir, err := filepath.Abs("../../scenarios")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// freeAddress is a loopback address that nothing listens on and that nobody else
// is given: below the ports that systems hand out by themselves.
func freeAddress(t testing.TB) string {
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if _, taken := given.LoadOrStore(address, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// given are the addresses that tests of this process have.
var given sync.Map

// exits runs a program and wants an exit code: exits CODE PROGRAM ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, got := exitCodes(ts, neg, args)
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// runs is exits for a run in real time. Where tests share their processors, that
// mfaload itself was held up may be the right verdict: runs CODE program [args...]
func runs(ts *testscript.TestScript, neg bool, args []string) {
	want, got := exitCodes(ts, neg, args)
	if !excused.verdict(got, want, ts.ReadFile("stdout")) {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// refuses is exits for a program that says what it refuses. The command and what it
// prints are added to the file refusals, which the script compares with a golden:
// refuses CODE PROGRAM ARG...
func refuses(ts *testscript.TestScript, neg bool, args []string) {
	exits(ts, neg, args)
	file, err := os.OpenFile(filepath.Join(ts.Getenv("WORK"), "refusals"),
		os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	text := fmt.Sprintf("$ %s\n%s%s\n", strings.Join(args[1:], " "), ts.ReadFile("stdout"),
		ts.ReadFile("stderr"))
	for _, name := range []string{"WORK", "FREE", "START"} {
		if value := ts.Getenv(name); value != "" {
			text = strings.ReplaceAll(text, value, "$"+name)
		}
	}
	_, err = file.WriteString(text)
	ts.Check(errors.Join(err, file.Close()))
}

func exitCodes(ts *testscript.TestScript, neg bool, args []string) (want, got int) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	return want, got
}

// waitUp waits until a server answers: waitup ADDRESS
func waitUp(ts *testscript.TestScript, _ bool, args []string) { ts.Check(reachable(args[0])) }

// reachable waits until something listens on an address.
func reachable(address string) error {
	for give := time.Now().Add(time.Minute); time.Now().Before(give); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("%s never came up", address)
}

// fetch prints what a URL has, to its end: fetch URL
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), string(body))
}

// press stops a run from its live page, whose address it printed to a file: press FILE
func press(ts *testscript.TestScript, _ bool, args []string) {
	_, address, _ := strings.Cut(ts.ReadFile(args[0]), "live view: ")
	address, _, _ = strings.Cut(address, "\n")
	page, key, _ := strings.Cut(address, "?token=")
	r, err := http.NewRequest(http.MethodPost, page+"stop", http.NoBody)
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	fmt.Fprintln(ts.Stdout(), resp.Status)
}

// edit replaces a text in a file: edit FILE OLD NEW
func edit(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

// runBinary runs the built binary and returns all that it printed.
func runBinary(t *testing.T, wantCode int, args ...string) string {
	t.Helper()
	out, err := exec.Command(program(t), args...).CombinedOutput()
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if !excused.verdict(code, wantCode, string(out)) {
		t.Fatalf("mfaload %v: exit code %d, want %d:\n%s", args, code, wantCode, out)
	}
	return string(out)
}
