package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"mfaload/capacity"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/session"
)

var (
	updateFrozen = flag.Bool("update", false, "rewrite what testdata/frozen holds of outputs")
	keepFrozen   = flag.String("keep", "",
		"write all outputs of TestFrozen into this folder, for diff -r of two commits")
)

// frozen is the folder of TestFrozen. What it makes outputs of is in input, and
// is never renewed: results folders, journals, searches and scenarios of version
// v0.0.0-frozen. The outputs are next to it: texts for people in one archive a
// case, of everything else its checksum in sha256.txt.
const frozen = "testdata/frozen"

// frozenOutputs are the outputs of one case, by their names.
type frozenOutputs map[string][]byte

// TestFrozen holds all that mfaload makes of recorded results, of scenarios and of
// itself to the bytes of an earlier version: times and versions are in what was
// recorded, so nothing varies. With -update the outputs are rewritten.
func TestFrozen(t *testing.T) {
	golden, err := filepath.Abs(frozen)
	if err != nil {
		t.Fatal(err)
	}
	if *keepFrozen != "" {
		if *keepFrozen, err = filepath.Abs(*keepFrozen); err != nil {
			t.Fatal(err)
		}
	}
	work := t.TempDir()
	if err := os.CopyFS(work, os.DirFS(filepath.Join(golden, "input"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	defer func(linked string) { version = linked }(version)
	version = "v0.0.0-frozen"
	cases := map[string]frozenOutputs{
		"help": frozenHelp(t), "schema": frozenSchemas(t), "compare": frozenComparisons(t),
		"capacity": frozenCapacity(t), "check": frozenChecks(t),
	}
	for _, kind := range []string{"results", "journals"} {
		folders, err := os.ReadDir(kind)
		if err != nil || len(folders) == 0 {
			t.Fatalf("nothing recorded in %s: %v", kind, err)
		}
		for _, f := range folders {
			cases[f.Name()] = frozenRenders(t, kind, f.Name())
		}
	}
	scenarios, err := filepath.Glob("scenarios/*.yaml")
	if err != nil || len(scenarios) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	cases["scenarios"] = frozenOutputs{}
	for _, file := range scenarios {
		frozenScenario(t, filepath.ToSlash(file), cases["scenarios"])
	}
	frozenCompare(t, golden, cases)
}

// frozenRun runs one command line in this process.
func frozenRun(t *testing.T, args ...string) []byte {
	t.Helper()
	return frozenRunAt(t, "", args...)
}

// frozenRunAt is frozenRun on a terminal of so many columns; empty for an unknown number.
func frozenRunAt(t *testing.T, columns string, args ...string) []byte {
	t.Helper()
	var out, said bytes.Buffer
	lookup := func(name string) (string, bool) {
		if name == "COLUMNS" {
			return columns, columns != ""
		}
		return frozenVariables(name)
	}
	code := run(context.Background(), invocation{args: args, in: strings.NewReader(""), out: &out,
		err:    &said,
		lookup: lookup, leave: func(int) { t.Error("left at once") }})
	return fmt.Appendf(nil, "%s%s[exit code %d]\n", out.Bytes(), said.Bytes(), code)
}

func frozenVariables(name string) (string, bool) {
	value, known := map[string]string{
		"PINGONE_AUTH_PATH":    "https://auth.example.com",
		"PINGONE_ENV_ID":       "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
		"PINGONE_ACCESS_TOKEN": "a-token", "PINGONE_CLIENT_ID": "a-client",
		"PINGONE_CLIENT_SECRET": "a-secret",
		"PINGONE_TEST_USER":     "788d4931-6936-43f2-82ff-178f5762298a", "PROXY_PASSWORD": "a-password",
	}[name]
	return value, known
}

// frozenRenders makes all files of recorded results, or of a journal.
func frozenRenders(t *testing.T, kind, name string) frozenOutputs {
	t.Helper()
	made := frozenOutputs{}
	if err := os.Rename(filepath.Join(kind, name), name); err != nil {
		t.Fatal(err)
	}
	made["report.txt"] = frozenRun(t, "report", "--csv", "--hgrm", "--out", "rendered-"+name, name)
	frozenFolder(t, "rendered-"+name, made)
	text, err := os.ReadFile(filepath.Join("rendered-"+name, session.ReportFile))
	if err != nil {
		if text, err = os.ReadFile(filepath.Join(name, session.ReportFile)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := report.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, terminal := range []render.Terminal{{Width: 80}, {Width: 100}, {Width: 140, Color: true},
		{Width: 80, Full: true}} {
		var b bytes.Buffer
		terminal.Path = name + "/report.html"
		if err := terminal.Write(&b, r); err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(b.Bytes(), []byte("\n")); lines > 30 && !terminal.Full {
			t.Errorf("the summary of %s has %d lines at %d columns:\n%s", name, lines, terminal.Width, &b)
		}
		name := fmt.Sprintf("summary%d.txt", terminal.Width)
		if terminal.Full {
			name = "full.txt"
		}
		made[name] = bytes.ReplaceAll(b.Bytes(), []byte("\x1b"), []byte("ESC"))
	}
	return made
}

// frozenFolder adds the files of a folder; what is compressed, as what it holds.
func frozenFolder(t *testing.T, folder string, made frozenOutputs) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name := f.Name()
		if plain, packed := strings.CutSuffix(name, ".gz"); packed {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if data, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
			name = plain
		}
		made[name] = data
	}
}

// frozenComparisons compares recorded results in every form.
func frozenComparisons(t *testing.T) frozenOutputs {
	made := frozenOutputs{}
	for name, args := range map[string][]string{
		"blocks": {"results/base", "results/baselined"},
		"same":   {"results/base", "results/base"},
		"other":  {"results/pass", "results/slow"},
		"forced": {"--force", "results/pass", "results/slow"},
		"runs": {"--margin", "p95=5%", "history/01", "history/02", "history/03", "history/04", "--",
			"history/09", "history/10", "history/11", "history/12"},
		"history": {"--against-history", "history"},
	} {
		for suffix, columns := range map[string]string{"": "", "100": "100", "140": "140"} {
			made[name+suffix+".txt"] = frozenRunAt(t, columns, append([]string{"compare"}, args...)...)
		}
		page := name + ".html"
		made[name+".json"] = frozenRun(t, append([]string{"compare", "--json", "--html", page}, args...)...)
		if data, err := os.ReadFile(page); err == nil {
			made[page] = data
		}
	}
	return made
}

// unshownOfChecks are the parts of a check that no seed makes repeatable, the simulator's port and its
// IDs, and the long list of rules that were not violated.
var unshownOfChecks = regexp.MustCompile(`127\.0\.0\.1:\d+|(correlation|transaction)-id [-0-9a-f]{36}|` +
	`(?m)^  (passed|not reached) .*\n`)

// frozenChecks are all forms of a check, of a service with a fault.
func frozenChecks(t *testing.T) frozenOutputs {
	made := frozenOutputs{}
	scenario := filepath.Join(t.TempDir(), "faulty.yaml")
	if err := os.WriteFile(scenario, []byte(`name: faulty
target: {simulator: {faults: [{name: device.masked, share: 100%}]}}
users:
  - name: several-devices
    ids: [c05e1b7a-3f92-4d68-8a14-e6d3907b5c21]
    expect: {httpStatus: 201, status: DEVICE_SELECTION_REQUIRED}
load: {stages: [{rate: 1/s, duration: 1s}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, form := range [][]string{{"plain"}, {"follow", "--follow", "--negative"},
		{"generate", "--generate", "--max-requests", "40", "--out", "found"},
		{"replay", "--replay", filepath.Join("found", "violations.ndjson")}} {
		for _, width := range []string{"80", "100", "140"} {
			args := append([]string{"check", "--rate", "100000/s", scenario}, form[1:]...)
			out := frozenRunAt(t, width, args...)
			made[form[0]+width+".txt"] = unshownOfChecks.ReplaceAll(out, nil)
		}
	}
	return made
}

// searchTook is the one thing that varies: how long a search took, to the millisecond.
var searchTook = regexp.MustCompile(`(?m)^  "duration_s": 541[.0-9]*,$`)

// frozenCapacity asks a search that has ended another question: all its trials are
// judged again, and nothing is sent.
func frozenCapacity(t *testing.T) frozenOutputs {
	made := frozenOutputs{
		"plan.txt": frozenRun(t, "capacity", "--plan", "--budget", "10m", "scenarios/capacity.yaml"),
		"resumed.txt": frozenRun(t, "capacity", "-q", "--resume", "capacity", "--target-rate", "5/s",
			"--contract", "contract.yaml", "scenarios/search.yaml"), // the search's own
	}
	text, err := os.ReadFile(filepath.Join("capacity", session.CapacityFile))
	if err != nil {
		t.Fatal(err)
	}
	result, err := capacity.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{100, 140} {
		var b bytes.Buffer
		if err := (capacity.TerminalText{Width: width}).Write(&b, result); err != nil {
			t.Fatal(err)
		}
		made[fmt.Sprintf("result%d.txt", width)] = b.Bytes()
	}
	for _, name := range []string{session.CapacityFile, session.CapacityPage} {
		data, err := os.ReadFile(filepath.Join("capacity", name))
		if err != nil {
			t.Fatal(err)
		}
		made[name] = searchTook.ReplaceAll(data, []byte(`  "duration_s": 541,`))
	}
	return made
}

func frozenSchemas(t *testing.T) frozenOutputs {
	// Those of what mfaload writes are made from its types, and tests hold them to what they mean.
	made := frozenOutputs{
		"scenario-page": frozenRun(t, "schema", "--format", "markdown"),
		"scenario.json": frozenRun(t, "schema", "scenario"),
	}
	for _, format := range []string{"openapi", "jsonschema", "markdown"} {
		made["contract-"+format] = frozenRun(t, "contract", "--format", format)
	}
	made["faults"] = frozenRun(t, "simulate", "--faults")
	return made
}

func frozenHelp(t *testing.T) frozenOutputs {
	made := frozenOutputs{"mfaload.txt": frozenRun(t, "--help")}
	root := newRoot(newApp(invocation{out: io.Discard, err: io.Discard, lookup: frozenVariables}))
	var all func(c *cobra.Command, path []string)
	all = func(c *cobra.Command, path []string) {
		for _, sub := range c.Commands() {
			at := append(slices.Clone(path), sub.Name())
			made[strings.Join(at, "-")+".txt"] = frozenRun(t, append([]string{"help"}, at...)...)
			all(sub, at)
		}
	}
	all(root, nil)
	return made
}

// limitsOfMachine are the parts of a plan that open files (the test's parent may have
// left some), local ports and processors of this machine decide.
var limitsOfMachine = map[string]string{
	`needed, up to [0-9,]+,\s[^:]+: (enough|too few: [^;]+?)\n`: "needed, up to LIMIT\n",
	`[0-9.]+ [MG]B of memory`:                                   "MEMORY",
}

// frozenScenario adds what identifies a scenario, and what it would send.
func frozenScenario(t *testing.T, file string, made frozenOutputs) {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(file), ".yaml")
	made[name+".validate.txt"] = frozenRun(t, "validate", file)
	widths := map[string]string{".plan.txt": ""}
	if name == "everything" {
		widths[".plan100.txt"], widths[".plan140.txt"] = "100", "140"
	}
	for suffix, columns := range widths {
		text := frozenRunAt(t, columns, "run", "--plan", "--latency", "50ms", file)
		for varies, same := range limitsOfMachine {
			text = regexp.MustCompile(varies).ReplaceAll(text, []byte(same))
		}
		made[name+suffix] = text
	}
	env := invocation{out: io.Discard, err: io.Discard, lookup: frozenVariables}
	a := newApp(env)
	in, err := (&contractFlags{}).loader(a).Load(file)
	if err != nil {
		made[name+".hashes.txt"] = fmt.Appendln(nil, err)
		return
	}
	s, parts := in.Scenario, in.Parts
	defer s.Close()
	text := fmt.Appendf(nil, "hash %s\n", s.Hash())
	for kind, list := range map[string]map[string]string{"part": parts, "trial part": s.TrialFingerprints()} {
		for _, part := range slices.Sorted(maps.Keys(list)) {
			text = fmt.Appendf(text, "%s %s %s\n", kind, part, list[part])
		}
	}
	lines := strings.SplitAfter(string(text), "\n")
	slices.Sort(lines)
	made[name+".hashes.txt"] = []byte(strings.Join(lines, ""))
}

// frozenCompare compares all outputs with those that testdata/frozen holds.
func frozenCompare(t *testing.T, golden string, cases map[string]frozenOutputs) {
	t.Helper()
	var sums strings.Builder
	archives := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		var archive strings.Builder
		for _, file := range slices.Sorted(maps.Keys(cases[name])) {
			data := cases[name][file]
			if *keepFrozen != "" {
				path := filepath.Join(*keepFrozen, name, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			switch filepath.Ext(file) {
			case ".txt", ".md", ".xml":
				fmt.Fprintf(&archive, "-- %s --\n%s", file, data)
			default:
				fmt.Fprintf(&sums, "%s/%s %x\n", name, file, sha256.Sum256(data))
			}
		}
		if archive.Len() > 0 {
			archives[name+".txtar"] = []byte(archive.String())
		}
	}
	archives["sha256.txt"] = []byte(sums.String())
	for _, name := range slices.Sorted(maps.Keys(archives)) {
		path := filepath.Join(golden, name)
		if *updateFrozen {
			if err := os.WriteFile(path, archives[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := otherLines(string(want), string(archives[name])); diff != "" {
			t.Errorf("%s/%s is not what mfaload makes (see CONTRIBUTING.md):\n%s", frozen, name, diff)
		}
	}
}

// otherLines are the lines that only one of two texts has; the first ones, where
// there are many.
func otherLines(want, got string) (diff string) {
	if want == got {
		return ""
	}
	left, n := map[string]int{}, 0
	for _, line := range strings.SplitAfter(got, "\n") {
		left[line]++
	}
	note := func(sign, line string) {
		if n++; n <= 40 {
			diff += fmt.Sprintf("  %s%.300s\n", sign, strings.TrimSuffix(line, "\n"))
		}
	}
	for _, line := range strings.SplitAfter(want, "\n") {
		if left[line]--; left[line] < 0 {
			note("-", line)
		}
	}
	for _, line := range strings.SplitAfter(got, "\n") {
		if left[line] > 0 {
			left[line]--
			note("+", line)
		}
	}
	return fmt.Sprintf("%s  %d lines differ, or their order does\n", diff, n)
}
