package main_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pages are all that has blocks a reader may copy.
func pages(t *testing.T) (all []string) {
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "bench/*.md", "deploy/*.md",
		"scenarios/*.md"} {
		found, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	// What the commands say of themselves is no page to follow.
	return slices.DeleteFunc(all, func(page string) bool { return filepath.Base(page) == "cli.md" })
}

// TestDocs does what the README and the docs say: every block of commands is
// run by a shell, page by page and in order, with a simulator in place of
// PingOne. Pages are read side by side, for most of it is waiting. A page's blocks
// share a folder that looks like the repository, and their exported variables.
// Ready-made scenarios and those of the page are cut to a second a stage. What
// can't be run says why, in the page, above the block.
func TestDocs(t *testing.T) {
	t.Parallel()
	target, read := simulatorForDocs(t), &excuses{}
	t.Cleanup(func() { // when all pages are read
		t.Logf("%d verdicts, of which %d are excused: %q", read.judged, len(read.reasons), read.reasons)
		if err := read.enough(); err != nil {
			t.Error(err)
		}
	})
	for _, page := range pages(t) {
		all := blocks(t, page)
		page = strings.TrimPrefix(page, "../../")
		if len(all) == 0 || page == tutorial {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, target)
			r.read = read
			for _, b := range all {
				if err := r.do(b); err != nil {
					t.Fatalf("%s:%d: %v", page, b.line, err)
				}
				if b.notRun != "" {
					t.Logf("%s:%d is not run: %s", page, b.line, b.notRun)
				}
			}
		})
	}
}

// reader is somebody who follows a page step by step.
type reader struct {
	ctx  context.Context
	dir  string
	vars string // a file with what was exported so far
	env  []string
	read *excuses
}

func newReader(t *testing.T, authPath string) *reader {
	dir := t.TempDir()
	entries, err := filepath.Glob("../../*")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, target := filepath.Base(e), absolute(t, e)
		if name == "bin" || name == "results" || name == "scenarios" {
			continue
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := &reader{ctx: t.Context(), dir: dir, vars: filepath.Join(t.TempDir(), "vars")}
	if err := write(r.vars, ""); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../scenarios/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(filepath.Join(dir, "scenarios", filepath.Base(f)), short(string(text))); err != nil {
			t.Fatal(err)
		}
	}
	r.env = append(os.Environ(), "PATH="+filepath.Dir(program(t))+string(os.PathListSeparator)+
		os.Getenv("PATH"),
		"PINGONE_AUTH_PATH="+authPath, "PINGONE_ENV_ID="+envID, "PINGONE_ACCESS_TOKEN=a-token",
		"VARS="+r.vars, "GITHUB_STEP_SUMMARY="+filepath.Join(dir, "summary.md"), "TERM=dumb")
	return r
}

func absolute(t *testing.T, path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func write(path, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
}

var (
	slowStage  = regexp.MustCompile(`\brate: *([0-9]+)/s, duration: *([0-9]+)s`)
	longStage  = regexp.MustCompile(`\bduration: *(?:[0-9]+[mhd][0-9mhs]*|[0-9]{2,}s|[2-9]s)`)
	longWarmup = regexp.MustCompile(`\b(warmup|think): *[0-9]+[smh]`)
	longWindow = regexp.MustCompile(`\bwindow: *[0-9]+s`)
)

// short is a scenario with stages of a second. One that has few requests keeps
// their number, for it may need them all.
func short(text string) string {
	text = slowStage.ReplaceAllStringFunc(text, func(stage string) string {
		m := slowStage.FindStringSubmatch(stage)
		rate, _ := strconv.Atoi(m[1])
		seconds, _ := strconv.Atoi(m[2])
		if count := rate * seconds; count <= 200 {
			return fmt.Sprintf("rate: %d/s, duration: 1s", count)
		}
		return stage
	})
	lines := strings.SplitAfter(longWindow.ReplaceAllString(longWarmup.ReplaceAllString(text, "$1: 100ms"),
		"window: 1s"), "\n")
	for i, line := range lines {
		// A spike and a sine have times of their own.
		if !strings.Contains(line, "spike:") && !strings.Contains(line, "sine:") {
			lines[i] = longStage.ReplaceAllString(line, "duration: 1s")
		}
	}
	return strings.Join(lines, "")
}

// do does what a block says.
func (r *reader) do(b block) error {
	if b.notRun != "" {
		return nil
	}
	commands, err := b.commands()
	if err != nil {
		return err
	}
	switch {
	case b.file != "":
		return write(filepath.Join(r.dir, b.file), short(b.text))
	case b.isScenario():
		if err := write(filepath.Join(r.dir, "shown.yaml"), b.text); err != nil {
			return err
		}
		commands = "mfaload validate shown.yaml"
	case commands == "":
		return nil
	}
	want := 0
	exits, orPasses := strings.CutPrefix(b.exits, "0 or ") // runs of real time are alike, or are not
	if exits != "" {
		if want, err = strconv.Atoi(exits); err != nil {
			return fmt.Errorf("exits: %w", err)
		}
	}
	if b.language == "setup" {
		commands = "trap - ERR\n" + commands // what it lacks, the blocks below it miss
	}
	out, code, err := r.shell(commands, want)
	if err == nil && !(orPasses && code == 0) && !r.read.verdict(code, want, out) {
		err = fmt.Errorf("exit code %d, want %d\n%s\n%s", code, want, commands, out)
	}
	return err
}

// shell runs commands as a careful user's shell would, and keeps what they
// export for the next ones. Commands that end as is wanted do not stop it, and
// where that is no success, at least one has to.
func (r *reader) shell(commands string, want int) (out string, code int, err error) {
	const before = `set -Euo pipefail
source "$VARS"
code=0
trap 'code=$?; [ $code = $WANT ] || [ $code = 4 ] || exit $code' ERR
trap 'last=$?; export -p >"$VARS"; [ $last != 0 ] && exit $last; exit $code' EXIT
`
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", before+commands+"\ntrue\n")
	c.Dir, c.Env = r.dir, append(r.env, "WANT="+strconv.Itoa(want))
	c.WaitDelay = time.Second
	text, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", 0, err
	}
	return string(text), c.ProcessState.ExitCode(), nil
}

// simulatorForDocs stands in for the environment that a page speaks of.
func simulatorForDocs(t *testing.T) (authPath string) {
	address := freeAddress(t)
	c := exec.Command(program(t), "simulate", "-q", "--addr", address, "../../scenarios/quickstart.yaml")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	if err := reachable(address); err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}

// tutorial is a page that [TestTutorialNeedsNoEnvironment] does, and [TestDocs] does not do again.
const tutorial = "docs/tutorial.md"

// TestTutorialNeedsNoEnvironment does the tutorial with the variables that bare 'mfaload simulate'
// prints, and nothing else that reaches a service.
func TestTutorialNeedsNoEnvironment(t *testing.T) {
	t.Parallel()
	c := exec.Command(program(t), "simulate", "--addr", freeAddress(t))
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	r := newReader(t, "")
	r.read = &excuses{}
	lines, exported := bufio.NewScanner(stdout), 0
	for exported < 3 && lines.Scan() {
		if variable, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			r.env = append(r.env, variable)
			exported++
		}
	}
	if exported != 3 {
		t.Fatalf("simulate printed %d variables", exported)
	}
	for _, b := range blocks(t, "../../"+tutorial) {
		if err := r.do(b); err != nil {
			t.Fatalf("%s:%d: %v", tutorial, b.line, err)
		}
	}
}

// Pages that are made from the program; make docs writes them again.
func TestGeneratedPagesAreFresh(t *testing.T) {
	t.Parallel()
	fresh := func(page string, want string) {
		t.Helper()
		have, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(have)); diff != "" {
			t.Errorf("docs/%s is stale, run make docs: %s", page, diff)
		}
	}
	fresh("rules.md", runBinary(t, 0, "contract", "--format", "markdown"))
	fresh("scenario.md", runBinary(t, 0, "schema", "--format", "markdown"))
	cli, err := exec.Command("go", "run", "-tags", "docs", ".", "reference").Output()
	if err != nil {
		t.Fatal(err)
	}
	fresh("cli.md", string(cli))
}

// The page on reports names every file that a run leaves behind.
func TestReportsPageNamesEveryFile(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	out, file := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "short.yaml")
	if err := os.WriteFile(file, []byte("name: short\ntarget: {simulator: {}}\nusers: [{name: email, ids: "+
		"[788d4931-6936-43f2-82ff-178f5762298a]}]\nload: {stages: [{rate: 50/s, duration: 1s}]}\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	runBinary(t, 0, "run", "-q", "--hgrm", "--csv", "--out", out, file)
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := f.Name()
		if strings.HasSuffix(name, ".hgrm") {
			name = "*.hgrm"
		}
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/reports.md does not say what %s is", f.Name())
		}
	}
}

// Ready-made scenarios are valid as they are, and so is what the help shows.
func TestReadyMadeScenariosAreValid(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	t.Setenv("PINGONE_ENV_ID", envID)
	t.Setenv("PINGONE_ACCESS_TOKEN", "a-token")
	shown := regexp.MustCompile(`(?s)\n  name: first.*?\n\n`).FindString(runBinary(t, 0, "help", "scenario"))
	thresholds := regexp.MustCompile(`(?s)\n  thresholds:.*?\n\n`).FindString(runBinary(t, 0, "help",
		"thresholds"))
	file := filepath.Join(t.TempDir(), "shown.yaml")
	if err := os.WriteFile(file, []byte(strings.Split(shown, "\n  thresholds:")[0]+thresholds),
		0o600); err != nil {
		t.Fatal(err)
	}
	runBinary(t, 0, append([]string{"validate", file}, files...)...)
}
