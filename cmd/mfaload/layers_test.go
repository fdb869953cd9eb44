package main_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mayImport says which of our packages each of our packages may import. Data
// flows one way; only the command sees both ends.
var mayImport = map[string][]string{
	"mfaload/internal/disk":          {},
	"mfaload/internal/redact":        {},
	"mfaload/internal/schematest":    {},
	"mfaload/internal/text":          {},
	"mfaload/internal/yamldoc":       {},
	"mfaload/feed":                   {},
	"mfaload/scenario":               {"mfaload/feed", "mfaload/internal/disk", "mfaload/internal/redact", "mfaload/internal/yamldoc"},
	"mfaload/contract":               {"mfaload/internal/redact", "mfaload/internal/yamldoc"},
	"mfaload/measure":                {},
	"mfaload/internal/stat":          {},
	"mfaload/simulator":              {},
	"mfaload/runner":                 {"mfaload/scenario", "mfaload/feed", "mfaload/measure", "mfaload/contract"},
	"mfaload/pingone":                {"mfaload/scenario", "mfaload/contract", "mfaload/internal/disk", "mfaload/internal/redact"},
	"mfaload/report":                 {"mfaload/internal/text", "mfaload/scenario", "mfaload/measure", "mfaload/report/chart"},
	"mfaload/report/chart":           {},
	"mfaload/report/chart/charttest": {},
	"mfaload/report/compare":         {"mfaload/internal/stat", "mfaload/measure", "mfaload/report", "mfaload/report/chart", "mfaload/scenario"},
	"mfaload/capacity":               {"mfaload/internal/stat", "mfaload/report", "mfaload/report/chart", "mfaload/scenario", "mfaload/measure"},
	"mfaload/live":                   {"mfaload/internal/disk", "mfaload/runner", "mfaload/measure"},
	"mfaload/fleet":                  {"mfaload/internal/disk", "mfaload/runner", "mfaload/report", "mfaload/measure", "mfaload/scenario"},
	"mfaload/scenarios":              {},
	"mfaload/cmd/mfaload":            {"*"},

	"mfaload/bench":        {"mfaload/bench/model", "mfaload/runner", "mfaload/scenario"},
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
	for {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		allowed, known := mayImport[pkg.ImportPath]
		if !known {
			t.Errorf("%s has no layer: give it one", pkg.ImportPath)
		}
		for _, path := range pkg.Imports {
			// They look methods up by name, so that the linker must keep all there are.
			if strings.HasSuffix(path, "/template") {
				t.Errorf("%s imports %s, which makes the program 5 MB larger: write the page with gomponents", pkg.ImportPath, path)
			}
			if strings.HasPrefix(path, "mfaload/") && !slices.Contains(allowed, path) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s from its own or a higher layer", pkg.ImportPath, path)
			}
		}
	}
}

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
	files := exec.Command("go", append([]string{"list", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`}, strings.Fields(string(list[1]))...)...)
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
			if slices.Contains([]string{`"sync"`, `"sync/atomic"`, `"golang.org/x/sync/errgroup"`}, i.Path.Value) {
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
