package contract

import (
	"regexp"
	"strings"
	"testing"
)

// Every byte at every place of a word is seen for what it is, at the end of a body too.
func TestStringsOfAScan(t *testing.T) {
	for b := range 256 {
		for at := range 20 {
			text := []byte("ACDEGHIJKLMOPQSVWXYZ~ !")
			text[at] = byte(b)
			for _, rest := range []string{"", "}", `, "x": 12345678}`} {
				s := scan{body: []byte(`"` + string(text) + `"` + rest)}
				got, ok := s.str()
				want, wantOK := string(text), b >= 0x20 && b < 0x80 && b != '\\'
				if b == '"' {
					want = want[:at]
				}
				if ok != wantOK || ok && (got != want || s.i != len(want)+2) {
					t.Fatalf("byte %#x at %d: %q %v, position %d", b, at, got, ok, s.i)
				}
			}
		}
	}
}

// The quick forms of patterns take what the patterns take, whatever byte is at
// whatever place of a text that they take.
func TestQuickFormsAreThePatterns(t *testing.T) {
	for _, text := range []string{"03e1897e-33b0-40b9-b54e-68236769b1fa",
		"03E1897E-33B0-40B9-B54E-68236769B1FA", "2021-11-16T19:35:54Z", "2021-11-16T19:35:54.554Z",
		"OTP_REQUIRED"} {
		for at := range len(text) {
			for b := range 128 {
				changed := text[:at] + string(rune(b)) + text[at+1:]
				for pattern, takes := range quickForms {
					want := regexp.MustCompile(pattern).MatchString(changed)
					isWord := strings.HasPrefix(pattern, "^[A-Z]") // takes less
					if got := takes(changed); got && !want || !isWord && want && !got {
						t.Fatalf("%s takes %q: %v, want %v", pattern, changed, got, want)
					}
				}
			}
		}
		if isID(text[:len(text)-1]+"\x80") || isUTC("\xb2"+text[1:]) {
			t.Errorf("%q with a byte beyond ASCII", text)
		}
	}
}
