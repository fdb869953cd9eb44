package scenario

import "math"

// Piece is a stretch of a stage whose rate has one formula: a line from From to
// To, or a part of a wave. Times are in seconds since its start, rates in
// requests a second. R, the integral of the rate, and its inverse are in closed
// form for lines; a wave's R is in closed form too, and its inverse is searched.
type Piece struct {
	// Start is when it begins, since the start of its stage.
	Start, Length float64
	From, To      float64
	// Before is how many requests the stage has before it.
	Before float64
	// middle, swing, turn and crest are of a wave: its rate is
	// middle + swing·cos(turn·(t − crest)). Without a swing it is a line.
	middle, swing, turn, crest float64
}

func newWavePiece(w *Wave, length float64) Piece {
	p := Piece{Length: length, crest: w.Crest.Seconds(), turn: 2 * math.Pi / w.Period.Seconds()}
	p.middle, p.swing = float64(w.High+w.Low)/2, float64(w.High-w.Low)/2
	p.From, p.To = p.middle, p.middle
	if p.swing != 0 {
		p.From, p.To = p.Rate(0), p.Rate(length)
	}
	return p
}

// Rate returns the rate at t.
func (p *Piece) Rate(t float64) float64 {
	switch {
	case p.swing != 0:
		return max(p.middle+p.swing*math.Cos(p.turn*(t-p.crest)), 0)
	case p.Length <= 0:
		return p.From
	}
	return p.From + (p.To-p.From)*min(max(t/p.Length, 0), 1)
}

// Upto returns R(t): how many requests, in fractions, are due in the piece
// before t.
func (p *Piece) Upto(t float64) float64 {
	t = min(max(t, 0), p.Length)
	if p.swing != 0 {
		return p.middle*t + p.swing/p.turn*(math.Sin(p.turn*(t-p.crest))+math.Sin(p.turn*p.crest))
	}
	if p.Length <= 0 {
		return 0
	}
	return t * (p.From + (p.To-p.From)/2*(t/p.Length))
}

// Total returns R at the end of the piece.
func (p *Piece) Total() float64 { return p.Upto(p.Length) }

// When returns the time at which R reaches r. The answer is known to be not
// before after: 0, or the answer for a smaller r.
func (p *Piece) When(r, after float64) float64 {
	switch {
	case r <= 0:
		return 0
	case p.swing != 0:
		return p.search(r, after)
	}
	// R(t) = From·t + slope/2·t², solved for t in the form that also holds for
	// a slope near or at 0.
	slope := (p.To - p.From) / p.Length
	root := math.Sqrt(max(p.From*p.From+2*slope*r, 0))
	return min(2*r/(p.From+root), p.Length)
}

// finest is how exact a search is, in seconds: a tenth of what a schedule can
// tell apart.
const finest = 1e-10

// search finds the time at which a wave's R reaches r: by Newton's method,
// which takes a step or two from the arrival before, inside of bounds that
// shrink, because it may leap far where the rate is near 0.
func (p *Piece) search(r, after float64) float64 {
	low, high := after, p.Length
	t := after
	for range 200 { // bisection alone takes 60
		sin, cos := math.Sincos(p.turn * (t - p.crest))
		missing := r - (p.middle*t + p.swing/p.turn*(sin+math.Sin(p.turn*p.crest)))
		if missing >= 0 {
			low = t
		} else {
			high = t
		}
		next := t + step(missing, p.middle+p.swing*cos, -p.swing*p.turn*sin)
		if !(next >= low && next <= high) {
			next = low + (high-low)/2
		}
		if math.Abs(next-t) < finest || high-low < finest {
			return next
		}
		t = next
	}
	return t
}

// step is how long it takes for a number of requests at a rate that changes
// with a slope: the root of rate·t + slope/2·t². Not a number where there is
// none.
func step(requests, rate, slope float64) float64 {
	root := math.Sqrt(rate*rate + 2*slope*requests)
	return 2 * requests / (rate + root)
}

// Peak returns the highest rate between two times.
func (p *Piece) Peak(from, to float64) float64 {
	from, to = max(from, 0), min(to, p.Length)
	peak := max(p.Rate(from), p.Rate(to))
	if p.swing > 0 {
		period := 2 * math.Pi / p.turn
		if crest := p.crest + math.Ceil((from-p.crest)/period)*period; crest <= to {
			peak = p.middle + p.swing
		}
	}
	return peak
}
