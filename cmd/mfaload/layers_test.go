package main_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mayImport says which of our packages each of our packages may import. Data
// flows one way; only the command sees both ends.
var mayImport = map[string][]string{
	"mfaload/internal/cli":        {"mfaload/internal/text"},
	"mfaload/internal/disk":       {},
	"mfaload/internal/machine":    {},
	"mfaload/internal/number":     {},
	"mfaload/internal/redact":     {},
	"mfaload/internal/schemagen":  {},
	"mfaload/internal/schematest": {},
	"mfaload/internal/text":       {},
	"mfaload/internal/yamldoc":    {},
	"mfaload/scenario/form":       {"mfaload/internal/text", "mfaload/internal/yamldoc"},
	"mfaload/scenario/users":      {"mfaload/internal/disk", "mfaload/scenario/form"},
	"mfaload/pingone/limits":      {},
	"mfaload/scenario": {"mfaload/internal/disk", "mfaload/internal/redact", "mfaload/internal/text",
		"mfaload/pingone/limits", "mfaload/scenario/form", "mfaload/scenario/users"},
	"mfaload/contract": {"mfaload/internal/redact", "mfaload/internal/text",
		"mfaload/internal/yamldoc"},
	"mfaload/contract/diff":      {"mfaload/contract"},
	"mfaload/internal/varint":    {},
	"mfaload/internal/clidocs":   {"mfaload/internal/cli", "mfaload/internal/disk"},
	"mfaload/internal/reference": {"mfaload/contract", "mfaload/scenario", "mfaload/scenario/form"},
	"mfaload/internal/testkit": {"mfaload/measure", "mfaload/measure/journal", "mfaload/scenario",
		"mfaload/scenario/users"},
	"mfaload/internal/testkit/noise": {"mfaload/measure"},
	"mfaload/measure": {"mfaload/internal/disk", "mfaload/internal/stat",
		"mfaload/internal/varint"},
	"mfaload/measure/journal": {"mfaload/internal/varint", "mfaload/measure"},
	"mfaload/internal/stat":   {},
	"mfaload/simulator":       {"mfaload/scenario"},
	"mfaload/runner": {"mfaload/internal/machine", "mfaload/scenario", "mfaload/scenario/users",
		"mfaload/measure",
		"mfaload/measure/journal", "mfaload/contract",
		"mfaload/runner/plan", "mfaload/runner/schedule"},
	"mfaload/runner/plan": {"mfaload/pingone/limits", "mfaload/scenario", "mfaload/scenario/users",
		"mfaload/measure", "mfaload/runner/schedule"},
	"mfaload/runner/plan/plantext": {"mfaload/internal/number", "mfaload/internal/text", "mfaload/measure",
		"mfaload/pingone/limits", "mfaload/runner/plan", "mfaload/scenario"},
	"mfaload/runner/schedule": {"mfaload/scenario", "mfaload/scenario/users", "mfaload/measure"},
	"mfaload/pingone": {"mfaload/scenario", "mfaload/contract", "mfaload/measure",
		"mfaload/pingone/generate", "mfaload/pingone/transport",
		"mfaload/internal/disk", "mfaload/internal/redact"},
	"mfaload/pingone/generate": {"mfaload/contract", "mfaload/internal/yamldoc"},
	"mfaload/pingone/transport": {"mfaload/scenario", "mfaload/contract", "mfaload/measure",
		"mfaload/pingone/transport/h2", "mfaload/pingone/transport/socket", "mfaload/internal/disk"},
	"mfaload/pingone/transport/h2":            {"mfaload/contract", "mfaload/pingone/transport/socket"},
	"mfaload/pingone/transport/socket":        {},
	"mfaload/pingone/transport/transporttest": {},
	"mfaload/report/units":                    {"mfaload/internal/stat", "mfaload/measure"},
	"mfaload/report": {"mfaload/internal/number", "mfaload/internal/stat", "mfaload/internal/text",
		"mfaload/report/units", "mfaload/scenario", "mfaload/measure"},
	"mfaload/report/render": {"mfaload/internal/number", "mfaload/internal/text", "mfaload/measure",
		"mfaload/report",
		"mfaload/report/render/chart", "mfaload/scenario"},
	"mfaload/report/render/chart":           {},
	"mfaload/report/render/chart/charttest": {},
	"mfaload/report/compare": {"mfaload/internal/number", "mfaload/internal/stat", "mfaload/internal/text",
		"mfaload/measure", "mfaload/report",
		"mfaload/report/render/chart", "mfaload/scenario", "mfaload/report/units"},
	"mfaload/capacity": {"mfaload/internal/number", "mfaload/internal/stat", "mfaload/internal/text",
		"mfaload/report",
		"mfaload/report/render/chart", "mfaload/scenario", "mfaload/measure"},
	"mfaload/live/console": {"mfaload/internal/text"},
	"mfaload/live/progress": {"mfaload/fleet", "mfaload/internal/text", "mfaload/live",
		"mfaload/live/console", "mfaload/measure", "mfaload/runner", "mfaload/runner/schedule"},
	"mfaload/live": {"mfaload/internal/disk", "mfaload/measure", "mfaload/report",
		"mfaload/report/render/chart", "mfaload/runner", "mfaload/scenario"},
	"mfaload/fleet": {"mfaload/internal/disk", "mfaload/internal/machine", "mfaload/runner",
		"mfaload/measure",
		"mfaload/scenario"},
	"mfaload/cmd/mfaload": {"*"},

	"mfaload/session": {"mfaload/contract", "mfaload/contract/diff", "mfaload/internal/disk",
		"mfaload/internal/machine",
		"mfaload/internal/number", "mfaload/internal/text",
		"mfaload/live", "mfaload/measure", "mfaload/measure/journal", "mfaload/pingone", "mfaload/report",
		"mfaload/report/compare", "mfaload/report/render", "mfaload/runner", "mfaload/runner/plan",
		"mfaload/runner/schedule", "mfaload/scenario", "mfaload/scenario/form", "mfaload/simulator"},

	"mfaload/session/samples": {"mfaload/internal/disk", "mfaload/internal/number", "mfaload/internal/text",
		"mfaload/measure", "mfaload/measure/journal", "mfaload/session"},

	"mfaload/session/accesslog": {"mfaload/internal/disk", "mfaload/internal/number", "mfaload/internal/text",
		"mfaload/scenario", "mfaload/scenario/form", "mfaload/scenario/users"},
	"mfaload/session/shards": {"mfaload/fleet", "mfaload/internal/disk", "mfaload/internal/text",
		"mfaload/measure", "mfaload/report", "mfaload/runner", "mfaload/runner/schedule", "mfaload/scenario",
		"mfaload/session"},
	"mfaload/session/check": {"mfaload/contract", "mfaload/internal/disk", "mfaload/internal/text",
		"mfaload/live/console", "mfaload/measure", "mfaload/pingone", "mfaload/pingone/generate",
		"mfaload/report", "mfaload/scenario", "mfaload/scenario/users", "mfaload/session"},
	"mfaload/session/ledger": {"mfaload/contract", "mfaload/internal/disk", "mfaload/internal/number",
		"mfaload/internal/text", "mfaload/measure", "mfaload/runner/schedule", "mfaload/scenario",
		"mfaload/scenario/users", "mfaload/session"},
	"mfaload/session/dossier": {"mfaload/capacity", "mfaload/internal/disk", "mfaload/internal/number",
		"mfaload/internal/text", "mfaload/report", "mfaload/report/compare", "mfaload/report/render",
		"mfaload/report/render/chart", "mfaload/runner/plan", "mfaload/runner/plan/plantext",
		"mfaload/session", "mfaload/session/check"},
	"mfaload/session/kubernetes": {"mfaload/fleet", "mfaload/internal/disk", "mfaload/internal/text",
		"mfaload/runner/plan", "mfaload/scenario", "mfaload/scenario/form", "mfaload/session",
		"mfaload/session/shards"},
	"mfaload/session/search": {"mfaload/capacity", "mfaload/contract", "mfaload/internal/disk",
		"mfaload/internal/text", "mfaload/live", "mfaload/measure", "mfaload/pingone", "mfaload/report",
		"mfaload/runner", "mfaload/runner/plan", "mfaload/runner/schedule", "mfaload/scenario",
		"mfaload/session"},

	"mfaload/bench":        {"mfaload/bench/model", "mfaload/runner/schedule", "mfaload/scenario"},
	"mfaload/bench/model":  {},
	"mfaload/bench/server": {"mfaload/bench/model"},
}

func TestLayers(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "mfaload/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	unused := maps.Clone(mayImport)
	for {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		allowed, known := mayImport[pkg.ImportPath]
		delete(unused, pkg.ImportPath)
		for _, path := range allowed {
			if path != "*" && !slices.Contains(pkg.Imports, path) {
				t.Errorf("%s may import %s and does not: take that out of the list", pkg.ImportPath, path)
			}
		}
		if !known {
			t.Errorf("%s has no layer: give it one", pkg.ImportPath)
		}
		for _, path := range pkg.Imports {
			// They look methods up by name, so that the linker must keep all there are.
			if strings.HasSuffix(path, "/template") {
				t.Errorf("%s imports %s, which makes the program 5 MB larger: write the page with gomponents",
					pkg.ImportPath, path)
			}
			if strings.HasPrefix(path, "mfaload/") && !slices.Contains(allowed, path) &&
				!slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s from its own or a higher layer", pkg.ImportPath, path)
			}
		}
	}
	for path := range unused {
		t.Errorf("there is no package %s: take it out of the list", path)
	}
}

// The command line is flags and words: what runs, reads, draws or computes has a room of its own,
// where it can be tested without a command line.
func TestCommandIsFlagsAndWords(t *testing.T) {
	t.Parallel()
	const most = 4330 // lines
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(source), "\n")
		parsed, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if slices.Contains(notForTheCommand, strings.Trim(i.Path.Value, `"`)) {
				t.Errorf("%s imports %s: what needs it belongs to a room below", name, i.Path.Value)
			}
		}
	}
	if lines > most {
		t.Errorf("cmd/mfaload has %d lines, and may have %d: what is no flag and no word goes to a room "+
			"below", lines, most)
	}
}

// notForTheCommand are packages of what the command line leaves to others: requests and their
// journal, schedules drawn, bars, servers, and processes.
var notForTheCommand = []string{"net/http", "os/exec", "sync/atomic", "crypto/rand", "golang.org/x/time/rate",
	"github.com/guptarohit/asciigraph", "github.com/nats-io/nats.go", "github.com/vbauerster/mpb/v8",
	"gopkg.in/yaml.v3", "mfaload/measure/journal", "mfaload/pingone/transport", "mfaload/live"}

// What must be the same for the same input, every time and everywhere, reads no
// clock, no environment and no network: reading scenarios, checking responses,
// schedules, measurements, judging, rendering, comparing and searching. Of these only
// scenario opens files, which people name; measure has temporary ones, of internal/disk.
func TestPurePackages(t *testing.T) {
	t.Parallel()
	var files []string
	for folder := range strings.FieldsSeq(`scenario contract measure measure/journal report report/compare
		report/units report/render report/render/chart capacity pingone/generate internal/number internal/stat
		internal/reference runner/plan runner/plan/plantext runner/schedule`) {
		all, err := filepath.Glob("../../" + folder + "/*.go")
		if err != nil || len(all) == 0 {
			t.Fatal(folder, err)
		}
		for _, name := range all {
			if !strings.HasSuffix(name, "_test.go") {
				files = append(files, strings.TrimPrefix(name, "../../"))
			}
		}
	}
	for _, name := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), "../../"+name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			opens := i.Path.Value == `"os"` && strings.HasPrefix(name, "scenario/")
			if slices.Contains(impure, i.Path.Value) && !opens {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, is := n.(*ast.SelectorExpr); is {
				of, _ := s.X.(*ast.Ident)
				if of != nil && slices.Contains(outside[of.Name], s.Sel.Name) {
					t.Errorf("%s calls %s.%s", name, of.Name, s.Sel.Name)
				}
			}
			return true
		})
	}
}

// impure are packages, and outside functions by package, that tell different things
// at different times and places.
var (
	impure  = []string{`"os"`, `"os/exec"`, `"net"`, `"crypto/rand"`, `"syscall"`}
	outside = map[string][]string{
		"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"},
		"os":   {"Getenv", "LookupEnv", "Environ", "Hostname", "Getpid", "Getwd"},
		"http": {"Get", "Post", "Head", "DefaultClient", "Client", "Transport", "Server"},
		"rand": {"N", "IntN", "Int64N", "Uint64N", "Float64", "NormFloat64", "ExpFloat64", "Perm", "Shuffle"},
	}
)

// What make test runs without the race detector starts no goroutine and shares
// nothing.
func TestPureStartNothing(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^PURE +:= (.*)$`).FindSubmatch(makefile)
	if list == nil {
		t.Fatal("the Makefile has no PURE")
	}
	files := exec.Command("go", append([]string{"list", "-f",
		`{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`},
		strings.Fields(string(list[1]))...)...)
	files.Dir = "../.."
	out, err := files.Output()
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.FieldsSeq(string(out)) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if slices.Contains([]string{`"sync"`, `"sync/atomic"`, `"golang.org/x/sync/errgroup"`},
				i.Path.Value) {
				t.Errorf("%s imports %s: take its package out of PURE", file, i.Path.Value)
			}
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if _, is := n.(*ast.GoStmt); is {
				t.Errorf("%s starts a goroutine: take its package out of PURE", file)
			}
			return true
		})
	}
}
