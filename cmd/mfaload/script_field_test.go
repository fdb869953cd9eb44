package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// field compares members of a JSON file, or of what was printed last, so that a
// script need not look for a fact in prose:
//
//	field FILE PATH VALUE [PATH VALUE]...
//	! field FILE PATH...
//
// A VALUE is the text of a string or the JSON of anything else, or a regular
// expression that all of it matches. With ! no such member may be there.
func field(ts *testscript.TestScript, neg bool, args []string) {
	step := 2
	if neg {
		step = 1
	}
	if len(args) < 1+step || (len(args)-1)%step != 0 {
		ts.Fatalf("usage: field file path value [path value]..., or ! field file path...")
	}
	document, err := readJSON(args[0], ts.ReadFile(args[0]))
	ts.Check(err)
	for i := 1; i < len(args); i += step {
		got, err := member(document, args[i])
		switch {
		case neg && err == nil:
			ts.Fatalf("%s: %s is %s", args[0], args[i], got)
		case neg:
		case err != nil:
			ts.Fatalf("%s: %s: %v", args[0], args[i], err)
		case got != args[i+1] && !regexp.MustCompile(`(?s)^(?:`+args[i+1]+`)$`).MatchString(got):
			ts.Fatalf("%s: %s is %s, want %s", args[0], args[i], got, args[i+1])
		}
	}
}

// readJSON reads one JSON value, or the lines of an NDJSON file as an array.
func readJSON(name, text string) (any, error) {
	lines := []any{}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	for {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s is not JSON: %w", name, err)
		}
		lines = append(lines, value)
	}
	if len(lines) == 1 && !strings.HasSuffix(name, ".ndjson") {
		return lines[0], nil
	}
	return lines, nil
}

// fieldStep is a name in a path, or what stands in brackets.
var fieldStep = regexp.MustCompile(`[^.\[\]]+|\[[^\]]*\]`)

// member is the text of the member at a path such as groups[0].requests.sent. In
// brackets is an index, the name of a member, or of an array the first element that
// has a member of this value: violations[rule=echo.user].count. The length of an
// array is its member len.
func member(value any, path string) (string, error) {
	for _, step := range fieldStep.FindAllString(path, -1) {
		name := strings.TrimSuffix(strings.TrimPrefix(step, "["), "]")
		found := false
		switch parent := value.(type) {
		case map[string]any:
			value, found = parent[name]
		case []any:
			value, found = element(parent, name)
		}
		if !found {
			return "", fmt.Errorf("there is no %s", step)
		}
	}
	if text, ok := value.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}

func element(array []any, name string) (any, bool) {
	if name == "len" {
		return len(array), true
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(array) {
		return array[i], true
	}
	key, want, _ := strings.Cut(name, "=")
	for _, value := range array {
		if object, ok := value.(map[string]any); ok && object[key] != nil && fmt.Sprint(object[key]) == want {
			return value, true
		}
	}
	return nil, false
}

// What field says of a document is true, and of what is not there it is an error.
func TestMember(t *testing.T) {
	document, err := readJSON("r.json", `{"verdict": "pass", "n": 1.50, "none": null, "statuses": {"201 OK.": 3},
		"groups": [{"name": "a", "n": 1}, {"name": "b.c", "n": 2}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"verdict": "pass", "n": "1.50", "none": "null", "statuses[201 OK.]": "3", "groups[1].name": "b.c",
		"groups.0.n": "1", "groups[name=b.c].n": "2", "groups[n=2].name": "b.c", "groups.len": "2",
		"groups[0]": `{"n":1,"name":"a"}`,
	} {
		if got, err := member(document, path); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"verdicts", "groups[2]", "groups[-1]", "groups[name=c]", "groups.x", "n.x",
		"none.x"} {
		if got, err := member(document, path); err == nil {
			t.Errorf("%s is there: %q", path, got)
		}
	}
	if lines, err := readJSON("v.ndjson", "{\"a\": 1}\n"); err != nil || fmt.Sprint(lines) != "[map[a:1]]" {
		t.Errorf("one line is an array too: %v, %v", lines, err)
	}
	if _, err := readJSON("r.json", "{"); err == nil {
		t.Error("half a document is no error")
	}
}
