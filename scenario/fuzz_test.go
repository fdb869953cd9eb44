package scenario_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/scenario"
	"mfaload/scenario/form"
)

// lineBreaks are what YAML 1.1 counts as the end of a line.
var lineBreaks = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

// FuzzParse holds every text to be either accepted, and then equally the next
// time, or refused with places in the file and remedies.
func FuzzParse(f *testing.F) {
	f.Add([]byte(design))
	f.Add([]byte(everything))
	for _, g := range good {
		f.Add([]byte(whole(g.yaml)))
	}
	for _, archive := range archives(f) {
		for _, m := range mistakes(f, archive) {
			f.Add(complete([]byte(m.yaml)))
		}
	}
	ready, _ := filepath.Glob("../scenarios/*.yaml")
	for _, file := range ready {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = scenario.Parse("f", data, lookup, scenario.Changes{Groups: []string{"a"}, Rate: "5/s",
			Duration: "1s", RateFactor: "50%", Set: []form.Setting{{Path: "users[0].name", Value: "a"}}})
		for _, read := range []func(string, []byte, func(string) (string, bool)) (*scenario.Scenario, error){
			func(file string, data []byte, env func(string) (string, bool)) (*scenario.Scenario, error) {
				return scenario.Parse(file, data, env)
			}, scenario.ParseSimulator,
		} {
			s, err := read("f", data, lookup)
			again, errAgain := read("f", data, lookup)
			if !reflect.DeepEqual(s, again) || message(err) != message(errAgain) {
				t.Fatalf("read twice: %v, %v, %s", err, errAgain,
					cmp.Diff(s, again, cmp.Comparer(sameSecret)))
			}
			if err == nil {
				if s.Hash() != again.Hash() {
					t.Fatal("two hashes of one scenario")
				}
				continue
			}
			checkProblems(t, err, 1+len(lineBreaks.FindAllIndex(data, -1)))
			if strings.Contains(err.Error(), "secret-name") && !bytes.Contains(data, []byte("secret-name")) {
				t.Fatalf("a variable's value is shown: %v", err)
			}
		}
	})
}

func checkProblems(t *testing.T, err error, lines int) {
	problems, ok := err.(form.Problems)
	if !ok || len(problems) == 0 {
		t.Fatalf("no problems: %v", err)
	}
	for i, p := range problems {
		if p.Pos.File != "f" || p.Pos.Line < 1 || p.Pos.Line > lines || p.Pos.Column < 1 {
			t.Errorf("not in the file of %d lines: %v", lines, p)
		}
		if p.Text == "" || p.Remedy == "" || strings.TrimSpace(p.Text) != p.Text {
			t.Errorf("not explained: %v", p)
		}
		if i > 0 && p.Pos.Line < problems[i-1].Pos.Line {
			t.Errorf("not in the file's order: %v", p)
		}
	}
}
