package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayMake says which functions of os that make files a package may call itself, and
// why that can't overwrite what a link leads to. All other files are written by
// internal/disk.
var mayMake = map[string][]string{
	"internal/disk/disk.go":      {"CreateTemp", "MkdirTemp", "OpenFile", "Rename"}, // new
	"internal/disk/disk_unix.go": {"OpenFile"},                                      // O_NOFOLLOW
	"session/folder.go":          {"CreateTemp"},                                    // O_EXCL, a random name
	"session/session.go":         {"OpenFile"},                                      // makes nothing
	"session/search/record.go":   {"Rename"},                                        // of a trial's folder
}

// Every file that mfaload writes goes through the one safe writer.
func TestFilesHaveOneWriter(t *testing.T) {
	t.Parallel()
	makers := []string{"WriteFile", "Create", "CreateTemp", "MkdirTemp", "OpenFile", "Rename", "Link",
		"Symlink", "Truncate"}
	root := "../.."
	seen := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		name = filepath.ToSlash(name)
		switch {
		case d.IsDir() && (slices.Contains([]string{"bench", "tools", "deploy", "docs",
			"internal/schematest", "pingone/transport/transporttest"}, name) ||
			strings.HasPrefix(d.Name(), ".") && name != "."):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		seen++
		ast.Inspect(file, func(n ast.Node) bool {
			call, is := n.(*ast.SelectorExpr)
			if !is {
				return true
			}
			of, is := call.X.(*ast.Ident)
			if is && (of.Name == "os" || of.Name == "ioutil") && slices.Contains(makers, call.Sel.Name) &&
				!slices.Contains(mayMake[name], call.Sel.Name) {
				t.Errorf("%s calls %s.%s: write the file with internal/disk", name, of.Name, call.Sel.Name)
			}
			return true
		})
		return nil
	})
	if err != nil || seen < 200 {
		t.Errorf("%d files, %v", seen, err)
	}
}
