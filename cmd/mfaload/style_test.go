package main_test

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
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
