// Command types says what does not compile on other systems, without compiling
// for them: it reads all sources, those of what is linked in too, and checks
// their types. It runs in tools and looks at the module above.
//
//	types linux/386 windows/amd64
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	broken := false
	for _, system := range os.Args[1:] {
		problems, err := check("..", system)
		if err != nil {
			fmt.Fprintf(os.Stderr, "types: load %s: %v\n", system, err)
			os.Exit(2)
		}
		for _, p := range problems {
			broken = true
			fmt.Printf("%s: %s\n", system, p)
		}
	}
	if broken {
		os.Exit(1)
	}
}

func check(dir, system string) (problems []string, err error) {
	goos, goarch, ok := strings.Cut(system, "/")
	if !ok {
		return nil, fmt.Errorf("%q is no system such as linux/386", system)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	c := &packages.Config{
		Mode: packages.LoadAllSyntax,
		Dir:  dir,
		Env:  append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		ParseFile: func(set *token.FileSet, name string, text []byte) (*ast.File, error) {
			return parse(dir, set, name, text)
		},
	}
	loaded, err := packages.Load(c, "./...")
	if err != nil {
		return nil, err
	}
	if len(loaded) == 0 {
		return nil, fmt.Errorf("%s has no packages", dir)
	}
	for _, p := range loaded {
		for _, e := range p.Errors {
			problems = append(problems, e.Error())
		}
	}
	return problems, nil
}

// parse reads a file; of those that are not ours what they declare is enough.
func parse(ours string, set *token.FileSet, name string, text []byte) (*ast.File, error) {
	f, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if f == nil || strings.HasPrefix(name, ours+string(filepath.Separator)) {
		return f, err
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			fn.Body = nil
		}
	}
	return f, err
}
