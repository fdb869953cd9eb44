package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const root = "../.."

func readPage(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The map is true: what it names exists, its code map has every folder with Go
// code and no other, and every invariant names a test.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	page := readPage(t, "ARCHITECTURE.md")
	for _, m := range quoted.FindAllStringSubmatch(page, -1) {
		if err := exists(m[1]); err != nil {
			t.Errorf("ARCHITECTURE.md names `%s`: %v", m[1], err)
		}
	}
	var mapped []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\|").FindAllStringSubmatch(page, -1) {
		mapped = append(mapped, m[1])
	}
	for _, folder := range foldersOfCode(t) {
		if i := slices.Index(mapped, folder); i >= 0 {
			mapped = slices.Delete(mapped, i, i+1)
		} else {
			t.Errorf("the code map of ARCHITECTURE.md lacks %s", folder)
		}
	}
	if len(mapped) > 0 {
		t.Errorf("the code map of ARCHITECTURE.md has folders without Go code: %q", mapped)
	}
	_, invariants, _ := strings.Cut(page, "\n## Invariants\n")
	invariants, _, _ = strings.Cut(invariants, "\n## ")
	sentences := regexp.MustCompile(`(?m)^\d+\. `).Split(invariants, -1)[1:]
	for _, s := range sentences {
		if !regexp.MustCompile("`[a-z/]+\\.(Test|Fuzz)").MatchString(s) {
			t.Errorf("no test holds this invariant: %s", s)
		}
	}
	if len(sentences) != 10 {
		t.Errorf("%d invariants, want 10", len(sentences))
	}
	for i, line := range strings.Split(page, "\n") {
		if n := utf8.RuneCountInString(line); n > 120 {
			t.Errorf("ARCHITECTURE.md:%d has %d characters, more than 120", i+1, n)
		}
	}
	if !strings.Contains(readPage(t, "README.md"), "(ARCHITECTURE.md)") {
		t.Error("README.md does not link to ARCHITECTURE.md")
	}
}

var (
	quoted     = regexp.MustCompile("`([^` \n]+)`")
	sourceName = regexp.MustCompile(`^([\w./-]+/[\w.-]+\.(?:go|yaml|txtar))(?::(\w+))?$`)
	symbolName = regexp.MustCompile(`^([a-z][a-z/]*)\.([A-Z]\w*)$`)
)

// exists says what is wrong with a name in ARCHITECTURE.md that is a file, a
// function of a file, or an identifier or test of a package.
func exists(name string) error {
	if m := sourceName.FindStringSubmatch(name); m != nil {
		path := filepath.Join(root, m[1])
		if _, err := os.Stat(path); err != nil || m[2] == "" {
			return err
		}
		return declares([]string{path}, m[2])
	}
	if m := symbolName.FindStringSubmatch(name); m != nil {
		files, err := filepath.Glob(filepath.Join(root, m[1], "*.go"))
		if err != nil {
			return err
		}
		return declares(files, m[2])
	}
	return nil
}

func isFolder(name string) bool {
	info, err := os.Stat(filepath.Join(root, name))
	return err == nil && info.IsDir()
}

// declares says whether one of the files has a function, method, type, constant
// or variable of that name.
func declares(files []string, name string) error {
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if slices.Contains(declared(d), name) {
				return nil
			}
		}
	}
	return fmt.Errorf("there is no %s: name what is there now", name)
}

func declared(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		names = append(names, d.Name.Name)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

// foldersOfCode are the folders of the tree that have Go files.
func foldersOfCode(t *testing.T) []string {
	t.Helper()
	folders := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			folder, err := filepath.Rel(root, filepath.Dir(path))
			folders[filepath.ToSlash(folder)] = true
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(folders))
}

// Every decision has a row in the table, in the words of its own heading, says what
// was given up for it, and names what is there. Numbers without a page are listed.
func TestDecisions(t *testing.T) {
	t.Parallel()
	const folder = "docs/decisions/"
	index := readPage(t, folder+"README.md")
	rows := map[string]string{} // sentence by file
	row := regexp.MustCompile(`(?m)^\| \[\d+\]\((\S+)\) \| (.+?) \| .+ \|$`)
	for _, m := range row.FindAllStringSubmatch(index, -1) {
		rows[m[1]] = m[2]
	}
	gaps := regexp.MustCompile(`(?m)^Numbers without a page: (.+)\.$`).FindStringSubmatch(index)
	if gaps == nil {
		t.Fatal("docs/decisions/README.md does not say which numbers have no page")
	}
	missing := strings.Split(gaps[1], ", ")
	pages, err := filepath.Glob(filepath.Join(root, folder, "[0-9]*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	heading := regexp.MustCompile(`^# (\d+)\. (.+)\n\n` +
		`\*\*Decided:\*\* (?:.+\n)+\n\*\*Given up:\*\* (?:.+\n)+\n`)
	last := 0
	for _, path := range pages {
		name := filepath.Base(path)
		number, _ := strconv.Atoi(name[:4])
		for last++; last < number; last++ {
			if i := slices.Index(missing, strconv.Itoa(last)); i >= 0 {
				missing = slices.Delete(missing, i, i+1)
			} else {
				t.Errorf("there is no decision %d, and docs/decisions/README.md does not say so", last)
			}
		}
		page := readPage(t, folder+name)
		for _, m := range quoted.FindAllStringSubmatch(page, -1) {
			of := symbolName.FindStringSubmatch(m[1]) // net.Dialer is nobody's business here
			if of != nil && !isFolder(of[1]) {
				continue
			}
			if err := exists(m[1]); err != nil {
				t.Errorf("%s%s names `%s`: %v", folder, name, m[1], err)
			}
		}
		m := heading.FindStringSubmatch(page)
		switch {
		case m == nil || m[1] != strconv.Itoa(number):
			t.Errorf("%s%s does not begin with `# %d. SENTENCE`, and with the paragraphs `**Decided:**` "+
				"and `**Given up:**`",
				folder, name, number)
		case rows[name] != m[2]:
			t.Errorf("%s%s is %q, and in the table of README.md %q", folder, name, m[2], rows[name])
		}
		delete(rows, name)
	}
	if len(rows) > 0 {
		t.Errorf("docs/decisions/README.md has rows without a page: %v", rows)
	}
	if len(missing) > 0 {
		t.Errorf("docs/decisions/README.md says that these numbers have no page, and they have: %v", missing)
	}
}

// CONTRIBUTING.md names every fuzz target, at its package.
func TestFuzzTargetsAreListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	entry := regexp.MustCompile("`([a-z0-9/]+)`: ((?:`Fuzz\\w+`(?:, )?)+)")
	for _, m := range entry.FindAllStringSubmatch(readPage(t, "CONTRIBUTING.md"), -1) {
		for target := range strings.SplitSeq(m[2], ", ") {
			listed[m[1]+"."+strings.Trim(target, "`")] = true
		}
	}
	var files []string
	for _, depth := range []string{"*", "*/*", "*/*/*"} {
		found, err := filepath.Glob(filepath.Join(root, depth, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		folder, _ := filepath.Rel(root, filepath.Dir(path))
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllSubmatch(text, -1) {
			name := filepath.ToSlash(folder) + "." + string(m[1])
			if !listed[name] {
				t.Errorf("CONTRIBUTING.md does not list %s", name)
			}
			delete(listed, name)
		}
	}
	if len(listed) > 0 {
		t.Errorf("CONTRIBUTING.md lists fuzz targets that are gone: %v", slices.Sorted(maps.Keys(listed)))
	}
}
