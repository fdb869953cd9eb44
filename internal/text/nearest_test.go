package text_test

import (
	"strings"
	"testing"

	"mfaload/internal/text"
)

func TestNearest(t *testing.T) {
	choices := []string{"rate", "stages", "warmup", "Warmth"}
	for _, tt := range []struct {
		word      string
		tolerance int
		want      string
	}{
		{"raet", 4, "rate"},     // two letters that changed places are one edit
		{"STAGE", 4, "stages"},  // whatever the case
		{"warmuh", 4, "warmup"}, // of equally near ones the first
		{"wup", 4, ""},
		{"wup", 2, "warmup"},
		{"nothing", 0, "rate"}, // however far
		{strings.Repeat("x", 101), 0, ""},
	} {
		if got := text.Nearest(tt.word, choices, tt.tolerance); got != tt.want {
			t.Errorf("%q within %d: %q, want %q", tt.word, tt.tolerance, got, tt.want)
		}
	}
}
