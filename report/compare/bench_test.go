package compare_test

import (
	"math/rand/v2"
	"testing"

	"mfaload/report/compare"
)

// BenchmarkCompare compares two runs of 5 minutes at 200/s in all figures.
func BenchmarkCompare(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	base, fresh := []compare.Run{noisy.run(random, "a")}, []compare.Run{noisy.run(random, "b")}
	for b.Loop() {
		if _, err := compare.Compare(base, fresh, compare.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
