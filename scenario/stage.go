package scenario

import (
	"fmt"
	"path/filepath"
	"sort"
	"time"

	"mfaload/scenario/form"
)

// Stage is a part of the load: a line (From, To), with Steps a staircase, with
// Spike a jump and back, or a Wave, or a Profile, or a Replay. One that has nothing but a
// Duration is a pause.
type Stage struct {
	// Name is what progress and plans call the stage. May be empty.
	Name string
	// From and To are the rates at the ends; equal where the rate is constant.
	From, To Rate
	// Steps is how many equal steps lead from From to To: 0 for a ramp, else
	// from 2 to 1000.
	Steps int
	// Spike, Wave and Profile are nil where the stage has none.
	Spike   *Spike
	Wave    *Wave
	Profile *Profile
	// Replay is nil but in a load that replays a recording, of which it is the only stage.
	Replay *Replay `json:",omitempty"`
	// Duration is above 0, of a replay once it is read.
	Duration time.Duration
	// Requests is how many requests the stage was written to have instead of a
	// duration, which follows from it. 0 where it was written with one.
	Requests uint64
}

// steady says whether the stage has a constant rate above 0, for a duration.
func (s *Stage) steady() bool {
	return s.Spike == nil && s.Wave == nil && s.Profile == nil && s.From == s.To && s.From > 0 &&
		s.Requests == 0
}

// Spike is a rate that a stage jumps to, and back.
type Spike struct {
	Rate Rate
	// At is when it begins within the stage, For is how long it is, above 0.
	At, For time.Duration
}

// Wave is a rate that swings as a sine between Low and High.
type Wave struct {
	Low, High Rate
	// Period is from peak to peak, at least a second.
	Period time.Duration
	// Crest is when the rate is highest, since the start of the stage.
	Crest time.Duration
}

// scale multiplies all rates by a factor, and returns the highest.
func (s *Stage) scale(factor float64) (peak Rate) {
	rates := []*Rate{&s.From, &s.To}
	if s.Spike != nil {
		rates = append(rates, &s.Spike.Rate)
	}
	if s.Wave != nil {
		rates = append(rates, &s.Wave.Low, &s.Wave.High)
	}
	if s.Profile != nil {
		for i := range s.Profile.Points {
			p := &s.Profile.Points[i]
			p.Before *= factor
			rates = append(rates, &p.Rate)
		}
	}
	for _, r := range rates {
		*r *= Rate(factor)
		peak = max(peak, *r)
	}
	return peak
}

// Reads returns the path of the file that the stage reads, "" where it reads none.
func (s *Stage) Reads() string {
	switch {
	case s.Replay != nil:
		return s.Replay.File
	case s.Profile != nil:
		return s.Profile.File
	}
	return ""
}

// Pieces returns how many pieces the stage has.
func (s *Stage) Pieces() int {
	switch {
	case s.Replay != nil:
		return s.Replay.pieces()
	case s.Profile != nil:
		return s.Profile.pieces()
	case s.Spike != nil:
		return 3
	case s.Steps > 0:
		return s.Steps
	}
	return 1
}

// Piece returns piece i of the stage, counting from 0. Pieces follow one
// another without a gap; some may be of no length.
func (s *Stage) Piece(i int) Piece {
	length := s.Duration.Seconds()
	switch {
	case s.Replay != nil:
		return s.Replay.piece(i, s.Duration)
	case s.Profile != nil:
		return s.Profile.piece(i)
	case s.Wave != nil:
		return newWavePiece(s.Wave, length)
	case s.Spike != nil:
		return s.spikePiece(i)
	case s.Steps > 0:
		n, each := float64(i), length/float64(s.Steps)
		rise := float64(s.To-s.From) / float64(s.Steps-1)
		r := float64(s.From) + rise*n
		return Piece{Start: each * n, Length: each, From: r, To: r,
			Before: each * (n*float64(s.From) + rise*n*(n-1)/2)}
	}
	return Piece{Length: length, From: float64(s.From), To: float64(s.To)}
}

func (s *Stage) spikePiece(i int) Piece {
	base, at, end := float64(s.From), s.Spike.At.Seconds(), (s.Spike.At + s.Spike.For).Seconds()
	before := Piece{Length: at, From: base, To: base}
	spike := Piece{Start: at, Length: end - at, From: float64(s.Spike.Rate), To: float64(s.Spike.Rate),
		Before: before.Total()}
	after := Piece{Start: end, Length: s.Duration.Seconds() - end, From: base, To: base,
		Before: spike.Before + spike.Total()}
	return []Piece{before, spike, after}[i]
}

// PieceAt returns the index of the piece at a second of the stage.
func (s *Stage) PieceAt(t float64) int {
	n := s.Pieces()
	return min(sort.Search(n, func(i int) bool {
		p := s.Piece(i)
		return p.Start+p.Length > t
	}), n-1)
}

// Upto returns how many requests, in fractions, are due before a time in
// seconds since the start of the stage: the integral of the rate.
func (s *Stage) Upto(t float64) float64 {
	p := s.Piece(s.PieceAt(t))
	return min(p.Before+p.Upto(t-p.Start), s.Total())
}

// Peak returns the highest rate.
func (s *Stage) Peak() (peak float64) {
	for i := range s.Pieces() {
		p := s.Piece(i)
		peak = max(peak, p.Peak(0, p.Length))
	}
	return peak
}

// Total returns how many requests, in fractions, the stage has.
func (s *Stage) Total() float64 {
	if s.Requests > 0 {
		return float64(s.Requests)
	}
	if s.Replay != nil {
		return float64(s.Replay.all)
	}
	last := s.Piece(s.Pieces() - 1)
	return last.Before + last.Total()
}

// Begins returns the rate with which the stage begins.
func (s *Stage) Begins() Rate {
	p := s.Piece(s.PieceAt(0))
	return Rate(p.Rate(0))
}

// String describes the stage in a few words, for example "50/s to 200/s".
func (s *Stage) String() string {
	switch {
	case s.Replay != nil:
		return s.Replay.String()
	case s.Profile != nil:
		return "profile " + filepath.Base(s.Profile.File)
	case s.Wave != nil:
		return fmt.Sprintf("sine %v to %v", s.Wave.Low, s.Wave.High)
	case s.Spike != nil:
		return fmt.Sprintf("%v, spike %v", s.From, s.Spike.Rate)
	case s.Steps > 0:
		return fmt.Sprintf("%v to %v in %d steps", s.From, s.To, s.Steps)
	case s.From != s.To:
		return fmt.Sprintf("%v to %v", s.From, s.To)
	case s.From == 0:
		return "pause"
	}
	return s.From.String()
}

// Capacity says how the highest rate is looked for that keeps the thresholds. The
// keys of the file have the same names.
type Capacity struct {
	MaxRate, StartRate Rate
	StopOn429          bool
	// Trial is how long a trial is judged at least, after its Warmup. Settle is the
	// pause between two trials, and Budget bounds the whole search.
	Trial, Warmup, Settle, Budget time.Duration
	// Trials is the most trials, from 3 to 1,000.
	Trials int
	// Width and Confidence are shares: 0.005 to 0.5, and 0.5 to 0.999.
	Width, Confidence float64
}

// NewCapacity returns the defaults for a highest rate.
func NewCapacity(most Rate) Capacity {
	return Capacity{MaxRate: most, StartRate: most / defaultRange, Trial: 30 * time.Second,
		Warmup: 10 * time.Second, Settle: 5 * time.Second,
		Budget: 30 * time.Minute, Trials: 15, Width: 0.05, Confidence: 0.95}
}

var capacityForm = form.Mapping(checkCapacity, []form.Field{
	form.Key("maxRate", rate(true), "The highest rate that may be tried.").Required(),
	form.Key("startRate", rate(true), "The rate of the first trial. Default: a 32nd of maxRate."),
	form.Key("stopOn429", form.YesOrNo,
		"Whether 429 ends the search upwards: no trial goes to a rate that was refused before, and the "+
			"rate limit is what was found.").Default("false"),
	form.Key("trial", duration(true, maxRun),
		"How long a trial is judged at least. It gets longer where percentiles need more requests and near "+
			"the limit.").Default("30s"),
	form.Key("warmup", duration(false, maxRun),
		"Time at the start of each trial that is not judged.").Default("10s"),
	form.Key("settle", duration(false, maxRun), "The pause between two trials.").Default("5s"),
	form.Key("budget", duration(true, maxRun), "The maximum time that the search may take.").Default("30m"),
	form.Key("trials", form.Whole(3, 1000), "The maximum number of trials.").Default("15"),
	form.Key("width", shareAboveZero,
		"How wide the interval may be that is looked for, as a share of its middle.").Default("5%"),
	form.Key("confidence", shareAboveZero, "How sure the interval has to be.").Default("95%"),
})

const (
	minTrial     = 5 * time.Second
	defaultRange = 32 // of maxRate to startRate
)

func checkCapacity(d *form.Decoder, n *form.Node, c *Capacity) {
	if n.Get("startRate") == nil {
		c.StartRate = c.MaxRate / defaultRange
	} else if n.Sound("startRate") && n.Sound("maxRate") && c.StartRate > c.MaxRate {
		d.Fail(n.Get("startRate"),
			d.Label(n.Get("startRate"))+": "+n.Get("startRate").Shown()+" is above maxRate",
			"write a lower rate, or remove it")
	}
	if n.Sound("trial") && c.Trial < minTrial {
		d.Fail(n.Get("trial"), d.Label(n.Get("trial"))+": "+n.Get("trial").Shown()+
			" is too short to tell a steady load from none", "write at least 5s")
	}
	for _, k := range []struct {
		name       string
		v          float64
		least, end float64
		remedy     string
	}{
		{"width", c.Width, 0.005, 0.5, "write from 0.5% to 50%"},
		{"confidence", c.Confidence, 0.5, 0.999, "write from 50% to 99.9%"},
	} {
		if n.Sound(k.name) && (k.v < k.least || k.v > k.end) {
			d.Fail(n.Get(k.name), d.Label(n.Get(k.name))+": "+n.Get(k.name).Shown()+" is out of range",
				k.remedy)
		}
	}
}
