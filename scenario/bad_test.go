package scenario_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/scenario"
)

var update = flag.Bool("update", false, "write the messages of the bad files again")

// sections complete a file that shows one mistake: those that it has itself
// are left out, and all of them where it says that it is whole.
var sections = []struct{ key, text string }{
	{"name", "name: test\n"},
	{"target", "target: {simulator: {}}\n"},
	{"users", "users: [{name: email, ids: [788d4931-6936-43f2-82ff-178f5762298a]}]\n"},
	{"load", "load: {stages: [{rate: 10/s, duration: 10s}]}\n"},
}

func complete(file []byte) []byte {
	if bytes.HasPrefix(file, []byte("# whole\n")) {
		return file
	}
	whole := bytes.Clone(file)
	for _, s := range sections {
		if !regexp.MustCompile(`(?m)^` + s.key + `:`).Match(file) {
			whole = append(whole, s.text...)
		}
	}
	return whole
}

var variables = map[string]string{
	"NAME": "secret-name", "RATE": "7/s", "HUGE": "7654321/s", "NUMBER": "4711", "MAPPING": "{workers: 3}",
	"YES":   "true",
	"EMPTY": "", "BINARY": "\xff\xfe", "HOST": "https://secret.example.com", "DURATION": "5s", "SHARE": "2%",
	"TOKEN": "4711", "POLICY": "9761c24a-208d-0499-1bf6-39905184a4e1", "SPACED": "a: b # c",
}

func lookup(name string) (string, bool) {
	value, ok := variables[name]
	return value, ok
}

// mistake is a file with one mistake and the messages about it.
type mistake struct {
	name      string
	yaml, txt string
}

// missing matches the problem of a key that is missing.
var missing = regexp.MustCompile(`(?m)^\S+ \w+ is missing in the file\n.*\n?`)

var header = regexp.MustCompile(`(?m)^-- (\S+)\.(yaml|txt) --\n`)

// mistakes reads an archive of NAME.yaml and NAME.txt in turn.
func mistakes(t testing.TB, archive string) (all []mistake) {
	t.Helper()
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	starts := header.FindAllSubmatchIndex(data, -1)
	for i, at := range starts {
		end := len(data)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name, text := string(data[at[2]:at[3]]), string(data[at[1]:end])
		if string(data[at[4]:at[5]]) == "yaml" {
			all = append(all, mistake{name: name, yaml: text})
		} else if last := &all[len(all)-1]; last.name == name {
			last.txt = text
		}
	}
	return all
}

func archives(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	return files
}

// TestBad holds every message to its exact text.
func TestBad(t *testing.T) {
	for _, file := range archives(t) {
		var renewed strings.Builder
		for _, m := range mistakes(t, file) {
			got := messages(t, m.name+".yaml", complete([]byte(m.yaml)))
			fmt.Fprintf(&renewed, "-- %s.yaml --\n%s-- %s.txt --\n%s", m.name, m.yaml, m.name, got)
			if diff := cmp.Diff(m.txt, got); diff != "" && !*update {
				t.Errorf("%s: %s (-want +got):\n%s", file, m.name, diff)
			}
		}
		if *update {
			if err := os.WriteFile(file, []byte(renewed.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// messages parses a bad file and returns what is wrong with it.
func messages(t *testing.T, name string, data []byte) string {
	t.Helper()
	_, err := scenario.Parse(name, data, lookup)
	if err == nil {
		t.Errorf("%s: accepted", name)
		return ""
	}
	shown := strings.ReplaceAll(err.Error(), "clientSecret", "") // the key's name
	for _, hidden := range []string{"s3", "cret", "secret-name", "secret.example", "4711", "7/s", "7654321",
		"workers: 3"} {
		if strings.Contains(shown, hidden) && !strings.Contains(name, hidden) {
			t.Errorf("%s: %q is shown: %v", name, hidden, err)
		}
	}
	return err.Error() + "\n"
}
