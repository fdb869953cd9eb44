package runner

import (
	"math"
	"time"

	"mfaload/scenario"
)

// cursor goes through the pieces of a part and finds when R reaches growing
// positions. It keeps one piece, however many there are.
type cursor struct {
	part                *part
	cycle, stage, piece int

	formula      scenario.Piece
	start        time.Duration // of the stage, since the start of the run
	ends         time.Duration // of the stage
	before, upTo float64       // R at the piece's start and end
	into         float64       // the last answer, in seconds since the piece's start
	last         time.Duration // the last answer
}

func newCursor(p *part) *cursor {
	c := &cursor{part: p}
	c.load()
	return c
}

// load takes in the piece that the cursor stands at.
func (c *cursor) load() {
	st := &c.part.stages[c.stage]
	base := float64(c.cycle)*c.part.once + st.before
	c.formula, c.into = st.Piece(c.piece), 0
	c.start = c.part.start + c.part.cycle*time.Duration(c.cycle) + st.start
	c.ends = c.start + st.Duration
	c.before = base + c.formula.Before
	if c.piece == st.Pieces()-1 {
		c.upTo = base + st.total
	} else {
		c.upTo = c.before + c.formula.Total()
	}
}

// next goes to the next piece, where there is one.
func (c *cursor) next() bool {
	switch {
	case c.piece+1 < c.part.stages[c.stage].Pieces():
		c.piece++
	case c.stage+1 < len(c.part.stages):
		c.stage, c.piece = c.stage+1, 0
	case c.cycle+1 < c.part.cycles:
		c.cycle, c.stage, c.piece = c.cycle+1, 0, 0
	default:
		return false
	}
	c.load()
	return true
}

// seek leaps over the cycles before a position.
func (c *cursor) seek(position float64) {
	if cycle := min(int(position/c.part.once)-1, c.part.cycles-1); cycle > c.cycle {
		c.cycle, c.stage, c.piece = cycle, 0, 0
		c.load()
	}
}

// at returns when R reaches a position that is not before the last one.
func (c *cursor) at(position float64) time.Duration {
	for position >= c.upTo-tolerance(c.upTo) && c.next() {
	}
	if r := position - c.before; r > 0 && c.formula.Length > 0 && c.upTo > c.before {
		c.into = c.formula.When(r, c.into)
	}
	at := c.start + time.Duration(math.Round((c.formula.Start+c.into)*1e9))
	c.last = max(c.last, min(at, c.ends))
	return c.last
}
