package transport

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The table in the package's comment names functions that there are.
func TestTableOfRulesNamesFunctions(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared, comment := map[string]bool{}, ""
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if of, is := d.(*ast.FuncDecl); is {
				declared[of.Name.Name] = true
			}
		}
		comment += f.Doc.Text()
	}
	_, table, _ := strings.Cut(comment, "function\n")
	n := 0
	for line := range strings.Lines(table) {
		cells := regexp.MustCompile(`\s{2,}`).Split(strings.TrimSpace(line), -1)
		if len(cells) < 2 {
			continue // a rule that goes on
		}
		for name := range strings.SplitSeq(strings.TrimSuffix(cells[len(cells)-1], ","), ", ") {
			if n++; !declared[name] {
				t.Errorf("there is no function %s", name)
			}
		}
	}
	if n < 20 {
		t.Errorf("%d functions", n)
	}
}
