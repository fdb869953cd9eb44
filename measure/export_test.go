package measure

import (
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Hold has memory hold so many bytes of seconds for the length of a test.
func Hold(t testing.TB, bytes int) {
	before := maxHeld
	maxHeld = bytes
	t.Cleanup(func() { maxHeld = before })
}

// Spilled says whether seconds are in a file.
func (l *Seconds) Spilled() bool { return l.file != nil }

// DecodedBuckets reads the buckets of a file as mfaload does, and as the library does.
func DecodedBuckets(text string) (ours, theirs []byte, err, theirErr error) {
	f, err := decodeBuckets(text)
	if err == nil {
		ours = f.buckets
	}
	p, theirErr := hdrhistogram.DecodePacked([]byte(text))
	if theirErr == nil {
		theirs = compactOf(p).buckets
	}
	return ours, theirs, err, theirErr
}
