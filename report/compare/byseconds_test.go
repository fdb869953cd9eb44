package compare

import "testing"

// Many figures take many draws to be told apart from chance; so many that no number of draws does,
// take as few as one.
func TestResamplesForManyFigures(t *testing.T) {
	for parts, want := range map[int]int{1: 2000, 20: 19_200, 35: 20_000, 36: 2000, 10_000: 2000} {
		if got := resamplesFor(parts, metrics); got != want {
			t.Errorf("%d parts are drawn %d times, want %d", parts, got, want)
		}
	}
}
