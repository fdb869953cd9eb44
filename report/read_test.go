package report_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"mfaload/report"
)

// A report.json that is made to exhaust the reader is refused: nested more deeply than
// the decoder goes, or with more objects than there ever are.
func TestDecodeIsBounded(t *testing.T) {
	const deep = 1_000_000
	for name, test := range map[string]struct{ text, want string }{
		"deep list":   {`{"groups":` + strings.Repeat("[", deep), "exceeded max depth"},
		"deep object": {strings.Repeat(`{"groups":`, 20_000), "exceeded max depth"},
		"objects":     {`{"groups":[{}` + strings.Repeat(",{}", 400_000) + `]}`, "it has 400002 objects"},
	} {
		if _, err := report.Decode([]byte(test.text)); err == nil || !strings.Contains(err.Error(),
			test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := report.CheckSeal([]byte(`{"x":`+strings.Repeat("[", deep)), [sha256.Size]byte{}); err == nil ||
		!strings.Contains(err.Error(), "exceeded max depth") {
		t.Error(err)
	}
}
