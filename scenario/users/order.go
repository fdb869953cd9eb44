package users

import "math/bits"

// shuffle is a seeded permutation of the rows 0 to rows-1 that takes no memory: a
// Feistel network over the next power of four, walked along until it comes back
// into the range.
type shuffle struct {
	rows uint64
	seed uint64
	half int // bits of half a block
}

func newShuffle(rows int, seed uint64) shuffle {
	return shuffle{uint64(rows), seed, max((bits.Len64(uint64(rows-1))+1)/2, 1)}
}

const rounds = 6

// at returns where the permutation puts position i.
func (s shuffle) at(i uint64) uint64 {
	mask := uint64(1)<<s.half - 1
	for {
		left, right := i>>s.half, i&mask
		for round := range uint64(rounds) {
			left, right = right, left^mix(s.seed+round<<56^right)&mask
		}
		if i = left<<s.half | right; i < s.rows {
			return i
		}
	}
}

// draw is a seeded choice out of the rows: attempt t for position i. Choices are
// independent of one another.
func draw(rows int, seed, i, t uint64) int {
	row, _ := bits.Mul64(mix(mix(seed+i)+t), uint64(rows))
	return int(row)
}
