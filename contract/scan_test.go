package contract

import "testing"

// Every byte at every place of a word is seen for what it is.
func TestPlainLength(t *testing.T) {
	for b := range 256 {
		for at := range 20 {
			text := []byte("abcdefghijklmnopqrst~ !")
			text[at] = byte(b)
			want := len(text)
			if b < 0x20 || b >= 0x80 || b == '"' || b == '\\' {
				want = at
			}
			if got := plainLength(text); got != want {
				t.Fatalf("byte %#x at %d: %d, want %d", b, at, got, want)
			}
		}
	}
}
