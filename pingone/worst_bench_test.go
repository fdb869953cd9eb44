package pingone_test

import (
	"fmt"
	"strings"
	"testing"

	"mfaload/contract"
	"mfaload/internal/redact"
)

// worst are the most expensive responses that are known.
func worst() map[string][]byte {
	var members strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&members, `"unknown_%c%c%c":%d,`, 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, i)
	}
	fill := func(unit string) string { return strings.Repeat(unit, 1<<20/len(unit)-10) }
	return map[string][]byte{
		"unknown members": []byte("{" + members.String() + `"status":"OTP_REQUIRED"}`),
		"devices": []byte(`{"_embedded":{"devices":[` + strings.TrimSuffix(fill(`{"id":1},`), ",") +
			`]}}`),
		"nesting":   []byte(fill("[")),
		"escapes":   []byte(`{"status":"` + fill(`\u0041%41&#65;`) + `"}`),
		"addresses": []byte(`{"status":"` + fill(`a@b `) + `"}`),
		"digits":    []byte(`{"n":` + fill("1234567890") + `}`),
		"spaces":    []byte(`{"otp"` + fill(" ")),
	}
}

// BenchmarkWorstResponse says what the most expensive responses cost: to check each
// as if it were the first of its kind, and to mask what is kept of it.
func BenchmarkWorstResponse(b *testing.B) {
	p := newPair(b)
	secrets := redact.New("CanaryToken0815x", "another secret")
	for name, body := range worst() {
		ex := exchange(p.c, 201, body)
		b.Run("check/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var found []contract.Violation
			for b.Loop() {
				found = p.c.Explain(ex, found[:0])
			}
			b.ReportMetric(float64(len(found)), "violations")
		})
		b.Run("mask/"+name, func(b *testing.B) {
			b.ReportAllocs()
			text := string(body[:min(len(body), 64<<10)])
			for b.Loop() {
				secrets.Mask(text)
			}
		})
	}
}
