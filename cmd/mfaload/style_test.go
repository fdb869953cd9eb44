package main_test

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// eachGoFile calls f with each file of Go in the tree, by its path below the root, but for what
// other programs wrote or read.
func eachGoFile(t *testing.T, f func(name string, source []byte)) {
	t.Helper()
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || d.Name() == "testdata" || d.Name() == ".peers"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err == nil {
			f(name, source)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// maxColumns is how wide a line of Go may be, with tabs of four columns.
const maxColumns = 110

// A line fits next to another one on a screen. Texts of several lines are as wide as those who
// read them want.
func TestLinesFit(t *testing.T) {
	t.Parallel()
	eachGoFile(t, func(name string, source []byte) {
		quoted := linesOfTexts(source)
		n := 0
		for line := range strings.Lines(string(source)) {
			n++
			columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) + 3*strings.Count(line, "\t")
			if columns > maxColumns && !quoted[n] {
				t.Errorf("%s:%d has %d columns, and may have %d", name, n, columns, maxColumns)
			}
		}
	})
}

// linesOfTexts are the lines that are part of a raw string over several lines.
func linesOfTexts(source []byte) map[int]bool {
	file := token.NewFileSet().AddFile("", -1, len(source))
	var scan scanner.Scanner
	scan.Init(file, source, nil, 0)
	lines := map[int]bool{}
	for {
		at, kind, text := scan.Scan()
		if kind == token.EOF {
			return lines
		}
		if more := strings.Count(text, "\n"); kind == token.STRING && more > 0 {
			for n := range more + 1 {
				lines[file.Line(at)+n] = true
			}
		}
	}
}

// sameNames are the names of types that several packages share, with the reason. All others
// have one meaning in the whole tree, whatever the case of their first letter.
var sameNames = map[string]string{
	"case":        "how letters of an ID are written, and a generated request",
	"connections": "report.json shows what measure counted",
	"estimate":    "a figure with its interval, of one run and of two",
	"example":     "report.json shows what measure kept",
	"expect":      "what a scenario's group should get, and what a generated request should",
	"generator":   "report.json shows what measure measured of mfaload itself",
	"group":       "report.json judges the scenario's groups",
	"identity":    "who a worker of a fleet is, and whose token a request has",
	"looks":       "when a run may end early: who looks, and who decides",
	"operation":   "pingone.Operation is the one runner.Operation that is no test's",
	"outcome":     "how requests or a trial came to an end",
	"rate":        "the rate that was planned, and report.json's of what came of it",
	"request":     "one that was generated, and as the transport sends it",
	"schema":      "what the contract says of responses, and of requests",
	"shard":       "report.json shows what measure has of a shard",
	"state":       "how far a run has come, in its journal, and a threshold, in report.json",
	"terminal":    "prints results as text: of a run, and of a comparison",
	"threshold":   "report.json judges the scenario's thresholds",
	"users":       "report.json shows whom of the scenario's users requests were sent for",
	"violation":   "report.json shows what the contract found",
}

// One name means one thing in the whole tree. Tools and the benchmark are programs of their own.
func TestOneNameOneMeaning(t *testing.T) {
	t.Parallel()
	folders := map[string][]string{} // of each name
	eachGoFile(t, func(name string, source []byte) {
		folder := filepath.ToSlash(filepath.Dir(name))
		top, _, _ := strings.Cut(folder, "/")
		if strings.HasSuffix(name, "_test.go") || top == "tools" || top == "bench" {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			types, _ := d.(*ast.GenDecl)
			if types == nil || types.Tok != token.TYPE {
				continue
			}
			for _, spec := range types.Specs {
				name := strings.ToLower(spec.(*ast.TypeSpec).Name.Name)
				if !slices.Contains(folders[name], folder) {
					folders[name] = append(folders[name], folder)
				}
			}
		}
	})
	for name, in := range folders {
		if why := sameNames[name]; len(in) > 1 && why == "" {
			t.Errorf("%s is a type of %s: give the narrower one a narrower name, or say in sameNames why not",
				name, strings.Join(in, " and of "))
		} else if len(in) == 1 && why != "" {
			t.Errorf("%s is a type of %s alone: take it out of sameNames", name, in[0])
		}
	}
	for name := range sameNames {
		if len(folders[name]) == 0 {
			t.Errorf("there is no type %s: take it out of sameNames", name)
		}
	}
}
