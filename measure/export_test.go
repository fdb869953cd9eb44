package measure

import "testing"

// Hold has memory hold so many bytes of seconds for the length of a test.
func Hold(t testing.TB, bytes int) {
	before := maxHeld
	maxHeld = bytes
	t.Cleanup(func() { maxHeld = before })
}

// Spilled says whether seconds are in a file.
func (l *Seconds) Spilled() bool { return l.file != nil }
