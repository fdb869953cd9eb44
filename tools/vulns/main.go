// Command vulns looks for known vulnerabilities that the program's code reaches,
// with govulncheck. Where the Go vulnerability database can't be reached, it
// takes the copy of it that is a Go module; where there is none either, it says
// that nothing was checked, which is not the same as nothing found.
//
//	go run -C tools ./vulns [-strict]
//
// A vulnerability in a module fails. One in the standard library is of the Go
// that builds, not of this source: it is said, and fails with -strict, which is
// how a release is made.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// database is the module that the database's entries are published in.
const database = "golang.org/x/vulndb"

func main() {
	strict := flag.Bool("strict", false, "fail for the standard library too, and where nothing could be "+
		"checked")
	flag.Parse()
	if err := check(*strict); err != nil {
		fmt.Fprintln(os.Stderr, "vulns:", err)
		os.Exit(1)
	}
}

func check(strict bool) error {
	out, source, err := scan()
	if errors.Is(err, errUnreachable) {
		fmt.Println("vulnerabilities: NOT CHECKED:", err)
		if strict {
			return errors.New("a release needs the check: run where the database or a Go module proxy can " +
				"be reached")
		}
		return nil
	}
	if err != nil {
		return err
	}
	found, err := reached(out)
	if err != nil {
		return err
	}
	modules, library := 0, 0
	for _, id := range slices.Sorted(maps.Keys(found)) {
		v := found[id]
		fmt.Printf("%s  %s %s, fixed in %s: %s\n  https://pkg.go.dev/vuln/%s\n", id, v.module, v.version,
			v.fixed, v.summary, id)
		if v.module == "stdlib" {
			library++
		} else {
			modules++
		}
	}
	fmt.Printf("vulnerabilities that the code reaches, by %s: %d in modules, %d in the standard library\n",
		source, modules, library)
	switch {
	case modules > 0:
		return errors.New("take the fixed versions: go get MODULE@VERSION")
	case library > 0 && strict:
		return errors.New("build with a fixed Go, such as GOTOOLCHAIN=go1.27.3")
	case library > 0:
		fmt.Println("this Go is not what a release may be built with: 'make release' refuses it")
	}
	return nil
}

var errUnreachable = errors.New("neither vuln.go.dev nor the module " + database + " can be reached")

// scan runs govulncheck with the database that can be had.
func scan() (out []byte, source string, err error) {
	out, err = govulncheck()
	if err == nil {
		return out, "vuln.go.dev", nil
	}
	if !strings.Contains(err.Error(), "fetching vulnerabilities") {
		return nil, "", err
	}
	listed, err := exec.Command("go", "mod", "download", "-json", database+"@latest").Output()
	if err != nil {
		return nil, "", errUnreachable
	}
	var module struct{ Dir, Version string }
	if err := json.Unmarshal(listed, &module); err != nil || module.Dir == "" {
		return nil, "", errUnreachable
	}
	out, err = govulncheck("-db", "file://"+filepath.ToSlash(filepath.Join(module.Dir, "data", "osv")))
	return out, database + " " + module.Version, err
}

func govulncheck(flags ...string) ([]byte, error) {
	args := append([]string{"tool", "govulncheck", "-C", "..", "-format", "json"}, flags...)
	var said bytes.Buffer
	c := exec.Command("go", append(args, "./cmd/mfaload")...)
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("govulncheck: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return out, nil
}

type vulnerability struct{ module, version, fixed, summary string }

// reached reads govulncheck's messages and returns the vulnerabilities whose
// functions are called.
func reached(messages []byte) (map[string]vulnerability, error) {
	found, summaries := map[string]vulnerability{}, map[string]string{}
	for in := json.NewDecoder(bytes.NewReader(messages)); ; {
		var m struct {
			OSV *struct {
				ID      string `json:"id"`
				Summary string `json:"summary"`
			} `json:"osv"`
			Finding *struct {
				OSV   string `json:"osv"`
				Fixed string `json:"fixed_version"`
				Trace []struct {
					Module, Version, Function string
				} `json:"trace"`
			} `json:"finding"`
		}
		if err := in.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read what govulncheck found: %w", err)
		}
		if m.OSV != nil {
			summaries[m.OSV.ID] = m.OSV.Summary
		}
		if f := m.Finding; f != nil && len(f.Trace) > 0 && f.Trace[0].Function != "" {
			found[f.OSV] = vulnerability{f.Trace[0].Module, f.Trace[0].Version, f.Fixed, ""}
		}
	}
	for id, v := range found {
		v.summary = summaries[id]
		found[id] = v
	}
	return found, nil
}
