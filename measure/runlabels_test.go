package measure_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/internal/redact"
	"mfaload/measure"
)

func TestRunLabelsAreBounded(t *testing.T) {
	twenty := measure.RunLabels{}
	for i := range measure.MaxRunLabels {
		twenty[fmt.Sprint("k", i)] = ""
	}
	for _, l := range []measure.RunLabels{nil, twenty, {strings.Repeat("k", 63): strings.Repeat("é", 200)},
		{"A.b_c-9": `any "text", with = and | too: 日本`}} {
		if err := l.Check(); err != nil {
			t.Error(err)
		}
	}
	for want, l := range map[string]measure.RunLabels{
		"at most 20: leave some out": twenty.With(measure.RunLabels{"one.more": ""}),
		"start it with a letter":     {"9lives": ""},
		`"" can't be the key`:        {"": "x"},
		"at most 63 letters":         {strings.Repeat("k", 64): ""},
		"'.' and '-'":                {"a b": ""},
		"200 characters: shorten it": {"k": strings.Repeat("x", 201)},
		"can't be printed: remove":   {"k": "\x1b[2J"},
		"of the label k has a":       {"k": "a\nb"},
		"printed: remove it":         {"k": "pass\u202eliaf"},
		"value of the label bad":     {"bad": "\xff", "good": "x"},
	} {
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	m := profiled(t, 1, 20)
	m.Labels["k"] = "a\nb"
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := measure.Unpack(data); err == nil || !strings.Contains(err.Error(), "label k") {
		t.Errorf("a measurement with a label of two lines: %v", err)
	}
}

func TestRunLabelsAreCombined(t *testing.T) {
	l, o := measure.RunLabels{"commit": "4f2a", "branch": "main"}, measure.RunLabels{"commit": "91c0",
		"branch": "main", "empty": ""}
	if diff := cmp.Diff([]string{"branch=main", "commit=91c0", "empty="}, l.With(o).List()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(measure.RunLabels{"branch": "main"}, l.Shared(o)); diff != "" {
		t.Error(diff)
	}
	if l["commit"] != "4f2a" || len(o) != 3 || l.Shared(nil) != nil || l.With(nil) == nil {
		t.Errorf("%v, %v", l, o)
	}
	secrets := redact.New("hunter2hunter2")
	safe := measure.RunLabels{"hunter2Hunter2": "x", "k": "is HUNTER2hunter2!", "build": "12345678"}.Hide(
		secrets.Hide)
	if want := []string{"build=12345678", "hidden=x", "k=is ***!"}; !slices.Equal(safe.List(), want) {
		t.Errorf("%v, want %v", safe.List(), want)
	}
}
