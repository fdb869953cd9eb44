package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"

	"mfaload/internal/disk"
	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// ReadUsers reads the files of users that the scenario names, and standard
// input where one of them is it, and the recording that it replays: everything is read before the start,
// so that every ID is checked and any order can be kept. The error is [form.Problems] with
// places in those files: users who are malformed or there twice, in the same or
// in another group. A scenario that was read must be closed.
func (s *Scenario) ReadUsers(stdin io.Reader) error {
	var problems form.Problems
	var stores []*users.Store
	var at []int // the group of each store
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.File.Path == "" || g.Users != nil {
			continue
		}
		found, err := s.readGroup(g, stdin)
		if err != nil {
			s.Close()
			return err
		}
		problems = append(problems, found...)
		stores, at = append(stores, g.Users.Store), append(at, i)
	}
	recorded, err := s.readReplay()
	problems = append(problems, recorded...)
	if err == nil && len(stores) > 0 {
		var twice form.Problems
		twice, err = s.twice(stores, at)
		problems = append(problems, twice...)
	}
	s.fillMaxPerUser() // of groups whose rows say what they expect
	if err != nil {
		s.Close()
		return err
	}
	if len(problems) > 0 {
		s.Close()
		return problems
	}
	return nil
}

// Close gives up what the scenario's users take of the disk.
func (s *Scenario) Close() (err error) {
	for i := range s.Groups {
		if file := s.Groups[i].Users; file != nil {
			err = errors.Join(err, file.Store.Close())
		}
	}
	if r := s.Load.Replay(); r != nil && r.Arrivals != nil {
		err = errors.Join(err, r.Arrivals.Close())
	}
	return err
}

// readGroup reads a group's file. The error is one of reading; whatever is
// wrong with the rows is in the problems.
func (s *Scenario) readGroup(g *Group, stdin io.Reader) (form.Problems, error) {
	g.Users = &Users{Store: &users.Store{}}
	r, name := stdin, "stdin"
	if g.File.Path != Stdin {
		name = g.File.path(s.File)
		f, err := disk.Open(name)
		if err != nil {
			return form.Problems{unreadable(g, err)}, nil
		}
		defer f.Close()
		r = f
	}
	digest := sha256.New()
	reading := &userFile{Decoder: form.NewDecoder(name, nil, nil), users: g.Users, kinds: map[string]uint16{}}
	// What is wrong with a row must not keep the digest from the whole file:
	// with a problem there is no run.
	err := users.Scan(io.TeeReader(r, digest), reading.row, reading.bad)
	if err == nil {
		err = g.Users.Store.Flush()
	}
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) && g.File.Path != Stdin && path.Path == name {
			return form.Problems{unreadable(g, err)}, nil
		}
		return nil, fmt.Errorf("read the users of group %s from %s: %w: check the file, and the room for "+
			"temporary files", g.Name, name, err)
	}
	if g.Users.Store.Len() == 0 && reading.IsSound() {
		reading.FailAt(1, 1, "the file has no users", "write one user's ID in each line below the header")
	}
	g.Users.Digest = hex.EncodeToString(digest.Sum(nil))
	return reading.Problems(), nil
}

func unreadable(g *Group, err error) form.Problem {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return form.Problem{Pos: g.File.Pos,
		Text: fmt.Sprintf("the users of group %q can't be read from %q: %v", g.Name, form.Clip(g.File.Path),
			err), Remedy: "check the path: it counts from the scenario's folder"}
}

type userFile struct {
	*form.Decoder
	users *Users
	kinds map[string]uint16
	key   []byte
}

func (u *userFile) bad(p users.RowProblem) { u.FailAt(p.Line, p.Column, p.Text, p.Remedy) }

// maxKinds bounds the different overrides in a file: each is prepared as a
// group of its own.
const maxKinds = 4096

func (u *userFile) row(r *users.Row) error {
	kind, sound := u.kind(r)
	if !sound {
		return nil
	}
	return u.users.Store.Add(users.StoredRow{ID: r.ID, Case: r.Case, Kind: kind, Line: r.Line,
		Column: r.Column})
}

// kind returns the kind of a row's overrides.
func (u *userFile) kind(r *users.Row) (kind uint16, sound bool) {
	if len(r.Expect.Text) == 0 && len(r.Policy.Text) == 0 {
		return 0, true
	}
	u.key = append(append(append(u.key[:0], r.Expect.Text...), 0), r.Policy.Text...)
	if kind, known := u.kinds[string(u.key)]; known {
		return kind, true
	}
	return u.newKind(r)
}

func (u *userFile) newKind(r *users.Row) (kind uint16, sound bool) {
	k := Kind{Policy: string(r.Policy.Text)}
	if _, isID := users.ParseID(r.Policy.Text); k.Policy != "" && !isID {
		u.FailAt(r.Policy.Line, r.Policy.Column,
			fmt.Sprintf("policy: %s is not an ID: 36 characters, 8-4-4-4-12 hexadecimal digits",
				users.Quote(r.Policy.Text)), "write the policy's ID, or nothing for that of the group")
		return 0, false
	}
	if len(r.Expect.Text) > 0 {
		e, flaw := parseExpect(string(r.Expect.Text))
		if flaw != nil {
			u.FailAt(r.Expect.Line, r.Expect.Column,
				fmt.Sprintf("expect: %s %s", users.Quote(r.Expect.Text), flaw.Reason), flaw.Remedy)
			return 0, false
		}
		k.Expect = &e
	}
	if len(u.users.Kinds) == maxKinds {
		u.FailAt(int(r.Line), int(r.Column),
			fmt.Sprintf("the file has more than %d different pairs of expect and policy", maxKinds),
			"split it over several files")
		return 0, false
	}
	u.users.Kinds = append(u.users.Kinds, k)
	kind = uint16(len(u.users.Kinds))
	u.kinds[string(u.key)] = kind
	return kind, true
}

// twice finds users who are there more than once, those of lists included.
func (s *Scenario) twice(stores []*users.Store, at []int) (form.Problems, error) {
	lists := &users.Store{}
	defer lists.Close()
	var groups []int // by row of lists
	for i, g := range s.Groups {
		for _, text := range g.IDs {
			if id, ok := users.ParseID(text); ok {
				groups = append(groups, i)
				if err := lists.Add(users.StoredRow{ID: id}); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := lists.Flush(); err != nil {
		return nil, err
	}
	stores = append([]*users.Store{lists}, stores...)
	found, more, err := users.Duplicates(stores, form.MaxProblems)
	if err != nil {
		return nil, err
	}
	var problems form.Problems
	for _, f := range found {
		row, err := stores[f.Row.Store].Cursor().At(f.Row.Row)
		if err != nil {
			return nil, err
		}
		first, err := stores[f.First.Store].Cursor().At(f.First.Row)
		if err != nil {
			return nil, err
		}
		pos := s.place(at, f.Row, row)
		remedy := ""
		switch {
		case f.First.Store == 0:
			remedy = fmt.Sprintf("remove one of them: the user is already in group %q",
				s.Groups[groups[f.First.Row]].Name)
		case f.First.Store == f.Row.Store:
			remedy = fmt.Sprintf("remove one of them; the first is in line %d", first.Line)
		default:
			remedy = fmt.Sprintf("remove one of them; the first is at %v, in group %q",
				s.place(at, f.First, first), s.Groups[at[f.First.Store-1]].Name)
		}
		problems = append(problems, form.Problem{Pos: pos,
			Text: fmt.Sprintf("userID: %q is a duplicate", row.ID.Text(row.Case)), Remedy: remedy})
	}
	if more {
		last := problems[len(problems)-1].Pos
		problems = append(problems, form.Problem{Pos: last,
			Text: "more duplicate users are not shown", Remedy: "fix these first"})
	}
	return problems, nil
}

func (s *Scenario) place(at []int, w users.Where, e users.StoredRow) form.Pos {
	source := s.Groups[at[w.Store-1]].File
	name := "stdin"
	if source.Path != Stdin {
		name = source.path(s.File)
	}
	return form.Pos{File: name, Line: int(e.Line), Column: int(e.Column)}
}

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

// Upto returns R(t): how many requests, in fractions, are due before t.
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

// finest is how exact a search is, in seconds: a tenth of a schedule's grain.
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
// with a slope: the root of rate·t + slope/2·t², or not a number.
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
