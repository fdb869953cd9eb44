package scenario

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"mfaload/internal/disk"
	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// maxRecordedUsers bounds the different users of a recording: while it is read, each takes about
// 50 bytes of memory.
const maxRecordedUsers = 10_000_000

// readReplay reads the recording that the load sends again. The error is one of reading; whatever is
// wrong with the rows is in the problems.
func (s *Scenario) readReplay() (form.Problems, error) {
	r := s.Load.Replay()
	if r == nil || r.Digest != "" {
		return nil, nil
	}
	f, err := disk.OpenRegular(r.File)
	if err != nil {
		return r.problem("can't be read: "+disk.Cause(err).Error(),
			"check the path: it counts from the scenario's folder"), nil
	}
	defer f.Close()
	reading := newRecordingReader(s, r)
	rows, err := users.Plain(f)
	if err == nil {
		err = users.ScanRecording(rows, reading.row, reading.bad)
	}
	if err == nil {
		err = reading.finish()
	}
	var path *fs.PathError
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum),
		errors.Is(err, io.ErrUnexpectedEOF):
		return r.problem("can't be read: the gzip data is damaged", "compress the recording again"), nil
	case errors.As(err, &path) && path.Path == r.File:
		return r.problem("can't be read: "+path.Err.Error(), "check the path: it counts from the "+
				"scenario's folder"),
			nil
	case err != nil:
		return nil, fmt.Errorf("read the recording %s: %w: check the file, and the room for temporary files",
			r.File, err)
	}
	if problems := reading.Problems(); len(problems) > 0 {
		return problems, nil
	}
	for i := range s.Groups {
		if reading.kinds[i] != nil && !reading.named[i] {
			return r.problem(fmt.Sprintf("has no row of group %q, which has no ids either", s.Groups[i].Name),
				"write the name into the rows' column group, or remove the group"), nil
		}
	}
	return s.checkRecording(r), nil
}

func (r *Replay) problem(text, remedy string) form.Problems {
	return form.Problems{{Pos: r.Pos, Path: "load.replay.file", Text: "load.replay.file " + text,
		Remedy: remedy}}
}

// checkRecording checks what is known once the rows are read.
func (s *Scenario) checkRecording(r *Replay) form.Problems {
	l, length := &s.Load, s.Load.Stages[0].Duration
	for i := range r.pieces() {
		if p := r.piece(i, length); p.From > MaxRate {
			return r.problem(fmt.Sprintf("sends %.0f requests a second, %v s into it: at most %d/s", p.From,
				p.Start,
				MaxRate), "write a lower speed or rateFactor")
		}
	}
	switch {
	case float64(length)*float64(max(l.Repeat, 1))+float64(l.Warmup) > float64(maxRun):
		return r.problem("and the warm-up are longer than "+days(maxRun)+" together",
			"write from and to, a higher speed or fewer loops")
	case l.Warmup > length:
		return r.problem("is shorter than the warm-up, which sends its first requests",
			"write a shorter load.warmup")
	case l.Warmup > 0 && r.Before(l.Warmup) == 0:
		return r.problem("has no request in the time of the warm-up",
			"write a longer load.warmup, or a later from")
	case l.MaxRequests > 0 && l.Warmup > 0 && r.Before(l.Warmup) >= l.MaxRequests:
		return r.problem("sends as many requests in the warm-up as load.maxRequests allows",
			"raise it, or shorten the warm-up")
	}
	return nil
}

// recordingReader turns the rows of a recording into arrivals.
type recordingReader struct {
	*form.Decoder
	scenario *Scenario
	replay   *Replay
	groups   map[string]int
	kinds    []*userFile           // by group; nil where rows name no users
	rows     []map[users.ID]uint32 // by group: the users' rows in its store
	named    []bool                // by group: a row names it
	users    int
	sorter   users.Sorter[recordedRow]
	cut      recordingCut
	factor   float64
	pending  recordedRow // is sent when the next one is known
	waits    bool        // there is such a row
	seen     uint64      // rows of the part that were sent
	digest   hash.Hash
}

// recordedRow is a row while it waits for its place.
type recordedRow struct {
	at, offset int64 // in nanoseconds: its time, and what its clock is ahead of UTC
	user       users.StoredRow
	line       int
	group      uint16
	kind       uint16
	hasUser    bool
	dated      bool // its time says the day
}

func newRecordingReader(s *Scenario, r *Replay) *recordingReader {
	r.Arrivals = &users.ArrivalStore{}
	reading := &recordingReader{Decoder: form.NewDecoder(r.File, nil, nil), scenario: s, replay: r,
		groups: map[string]int{}, factor: cmp.Or(s.Load.RateFactor, 1), digest: sha256.New()}
	reading.cut.from, _ = parseMoment(cmp.Or(r.From, "0s"))
	reading.cut.to, _ = parseMoment(cmp.Or(r.To, "0s"))
	reading.cut.ends = r.To != ""
	reading.sorter = users.Sorter[recordedRow]{Row: reading.inOrder,
		Compare: func(a, b recordedRow) int { return cmp.Compare(a.at, b.at) }}
	reading.kinds = make([]*userFile, len(s.Groups))
	reading.named = make([]bool, len(s.Groups))
	reading.rows = make([]map[users.ID]uint32, len(s.Groups))
	for i := range s.Groups {
		g := &s.Groups[i]
		reading.groups[g.Name] = i
		if g.Order == users.Recorded {
			g.Users = &Users{Store: &users.Store{}}
			reading.kinds[i] = &userFile{Decoder: reading.Decoder, users: g.Users, kinds: map[string]uint16{}}
			reading.rows[i] = map[users.ID]uint32{}
		}
	}
	return reading
}

func (t *recordingReader) bad(p users.RowProblem) { t.FailAt(p.Line, p.Column, p.Text, p.Remedy) }

// row takes in a row of the file.
func (t *recordingReader) row(r *users.Row) error {
	row := recordedRow{line: r.Time.Line, hasUser: r.HasID, user: users.StoredRow{ID: r.ID, Case: r.Case,
		Line: r.Line, Column: r.Column}}
	if flaw := row.readTime(r.Clock, r.Time.Text); flaw != nil {
		t.FailAt(r.Time.Line, r.Time.Column, fmt.Sprintf("%s: %s %s", r.Clock, users.Quote(r.Time.Text),
			flaw.Reason), flaw.Remedy)
		return nil
	}
	if !row.dated && t.cut.needsDates() {
		t.FailAt(r.Time.Line, r.Time.Column, "load.replay.from and to are times of a day, and rows have "+
			r.Clock+" only", "write durations since the first row, such as from: 10m")
		return nil
	}
	group, known := 0, true
	if len(r.Group.Text) > 0 {
		if group, known = t.groups[string(r.Group.Text)]; !known {
			var names []string
			for _, g := range t.scenario.Groups {
				names = append(names, g.Name)
			}
			remedy, _ := form.Suggestion(string(r.Group.Text), names)
			t.FailAt(r.Group.Line, r.Group.Column, fmt.Sprintf("group: %s is no group of the scenario",
				users.Quote(r.Group.Text)), remedy)
			return nil
		}
	}
	row.group, t.named[group] = uint16(group), true
	kinds, name := t.kinds[group], t.scenario.Groups[group].Name
	switch {
	case kinds == nil && r.HasID:
		t.FailAt(int(r.Line), int(r.Column), fmt.Sprintf("the row has a user, and group %q has users of "+
			"its own",
			name), "remove ids and file from the group, or name the column _userID")
		return nil
	case kinds != nil && !r.HasID:
		t.FailAt(int(r.Line), int(r.Column), fmt.Sprintf("the row has no user, and group %q has none to take",
			name), "write userID into the row, or give the group ids or file")
		return nil
	case kinds == nil && len(r.Expect.Text)+len(r.Policy.Text) > 0:
		t.FailAt(int(r.Line), int(r.Column), "the row has expect or policy, and no user",
			"write them into the group, or userID into the row")
		return nil
	case kinds != nil:
		var sound bool
		if row.kind, sound = kinds.kind(r); !sound {
			return nil
		}
	}
	return t.sorter.Add(row)
}

// readTime reads the text of a column.
func (row *recordedRow) readTime(clock string, text []byte) *form.Flaw {
	if clock != "time" {
		unit := map[string]int64{"seconds": 1e9, "milliseconds": 1e6, "intended_ns": 1}[clock]
		at, ok := parseCount(string(text), unit)
		if !ok {
			return form.NewFlaw("is not a number of "+clock, "write digits, such as 12.25")
		}
		row.at = at
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	switch {
	case err == nil && inEra(at):
		_, offset := at.Zone()
		row.at, row.offset, row.dated = at.UnixNano(), int64(offset)*1e9, true
		return nil
	case err == nil:
		return form.NewFlaw("is not from 1970 to 2199", "write the year of the recording")
	case strings.Trim(string(text), "0123456789.") == "":
		return form.NewFlaw("is a number", "name the column seconds or milliseconds: which of them it is, "+
			"mfaload does not guess")
	}
	if _, err = time.Parse("2006-01-02T15:04:05", string(text)); err == nil {
		return form.NewFlaw("has no offset from UTC", "write Z at its end for UTC, or an offset such as "+
			"+02:00")
	}
	return form.NewFlaw("is not an RFC 3339 time", "write a time such as 2026-03-29T08:00:00.25+02:00")
}

// parseCount reads a decimal number of units, each of so many nanoseconds, and cuts off what is
// finer than one.
func parseCount(text string, unit int64) (nanoseconds int64, ok bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || n > uint64(math.MaxInt64/unit)-1 {
		return 0, false
	}
	at := int64(n) * unit
	for _, digit := range fraction {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		unit /= 10
		at += int64(digit-'0') * unit
	}
	return at, true
}

// inOrder takes in a row that is in its place.
func (t *recordingReader) inOrder(row recordedRow) error {
	if before := t.cut.last; t.cut.known && row.at < before {
		t.FailAt(row.line, 1, fmt.Sprintf("the row is earlier than one that is %d rows or more before it",
			users.OrderWindow), "sort the file by its times")
		return nil
	}
	inside, after := t.cut.take(&row)
	if !inside {
		return nil
	}
	if after > t.span(maxRun) {
		if t.IsSound() {
			t.FailAt(row.line, 1, "the row is due more than "+days(maxRun)+" after the first",
				"write from and to, or a higher speed")
		}
		return nil
	}
	row.at = int64(t.scaled(after))
	previous, first := t.pending, !t.waits
	if t.pending, t.waits = row, true; first {
		return nil
	}
	return t.send(&previous, time.Duration(row.at))
}

// scaled is when something is due that is so long after the recording's start.
func (t *recordingReader) scaled(after int64) time.Duration {
	if t.replay.Speed == 1 {
		return time.Duration(after)
	}
	return time.Duration(math.Round(float64(after) / t.replay.Speed))
}

// span is how long a part of the recording is that takes so long.
func (t *recordingReader) span(d time.Duration) int64 { return int64(float64(d) * t.replay.Speed) }

// send adds the arrivals of a row, up to the time of the next: one, or as the rate factor says.
func (t *recordingReader) send(row *recordedRow, next time.Duration) error {
	before := float64(t.seen)
	t.seen++
	if !t.IsSound() {
		return nil
	}
	a := users.RecordedArrival{Group: row.group, Kind: row.kind}
	for first := true; ; first = false {
		into := float64(t.replay.all)/t.factor - before // the share of the way to the next row
		if into > 1-1e-9 {
			return nil
		}
		if first && row.hasUser {
			var err error
			if a.Row, err = t.userRow(row); err != nil {
				return err
			}
		}
		a.At = time.Duration(row.at)
		if t.factor > 1 {
			a.At += time.Duration(max(into, 0) * float64(next-a.At))
		}
		if err := t.add(&a, row); err != nil {
			return err
		}
	}
}

func (t *recordingReader) add(a *users.RecordedArrival, row *recordedRow) error {
	r := t.replay
	for int64(len(r.starts)) <= int64(a.At/time.Second) {
		r.starts = append(r.starts, r.all)
	}
	if r.all++; r.all > users.MaxRows {
		if t.IsSound() {
			t.FailAt(row.line, 1, fmt.Sprintf("the replay has more than %d requests in a pass",
				users.MaxRows),
				"write from and to, or a lower rateFactor")
		}
		return nil
	}
	b := a.Bytes()
	t.digest.Write(b[:])
	t.digest.Write(row.user.ID[:])
	return r.Arrivals.Add(*a)
}

// userRow returns the user's row in the store of the group.
func (t *recordingReader) userRow(row *recordedRow) (uint32, error) {
	rows, store := t.rows[row.group], t.scenario.Groups[row.group].Users.Store
	at, known := rows[row.user.ID]
	if known {
		return at, nil
	}
	if t.users++; t.users > maxRecordedUsers {
		if t.IsSound() {
			t.FailAt(row.line, 1, fmt.Sprintf("the recording has more than %d different users",
				maxRecordedUsers),
				"write from and to, or split it")
		}
		return 0, nil
	}
	at = uint32(store.Len())
	rows[row.user.ID], row.user.Kind = at, row.kind
	return at, store.Add(row.user)
}

// finish adds what the last row sends, and knows how long a pass is.
func (t *recordingReader) finish() error {
	if err := t.sorter.Flush(); err != nil {
		return err
	}
	r := t.replay
	if !t.waits {
		if text := "has no rows"; t.IsSound() {
			if t.cut.known {
				text = "has no row from its from to its to"
			}
			t.scenario.Load.Stages[0].Duration = time.Second
			t.FailAt(1, 1, "the recording "+text, "write other times, or a file with a row for each request")
		}
		return nil
	}
	length := max(t.scaled(t.cut.length()), time.Duration(t.pending.at)+1)
	if err := t.send(&t.pending, length); err != nil {
		return err
	}
	for int64(len(r.starts)) < int64((length+time.Second-1)/time.Second) {
		r.starts = append(r.starts, r.all)
	}
	t.scenario.Load.Stages[0].Duration = length
	r.Digest = hex.EncodeToString(t.digest.Sum(nil))
	for _, g := range t.scenario.Groups {
		if g.Order == users.Recorded {
			if err := g.Users.Store.Flush(); err != nil {
				return err
			}
		}
	}
	return r.Arrivals.Flush()
}

// recordingCut keeps the rows from one moment to another, of rows in order.
type recordingCut struct {
	from, to    moment
	ends        bool // there is a to
	known       bool // there was a row
	begun, over bool
	first, last int64 // times of rows
	start, stop int64 // when the part begins and ends
	wall        int64 // the first row, and then the start, by the clock of the row
}

// needsDates says whether rows have to say their day.
func (c *recordingCut) needsDates() bool {
	return c.from.kind != sinceFirst || c.ends && c.to.kind != sinceFirst
}

const day = int64(24 * time.Hour)

// take says whether a row is in the part, and how long after its start.
func (c *recordingCut) take(row *recordedRow) (inside bool, after int64) {
	if !c.known {
		c.known, c.first = true, row.at
		c.wall = row.at + row.offset
	}
	c.last = row.at
	if !c.begun {
		c.start = c.instant(c.from, row)
		if row.at < c.start {
			return false, 0
		}
		c.begun = true
		c.wall = c.start + row.offset
	}
	if c.ends && !c.over {
		if stop := c.instant(c.to, row); row.at >= stop {
			c.over, c.stop = true, stop
		}
	}
	return !c.over, row.at - c.start
}

// instant is when a moment is, by the clock of a row: a time of day is the first one at or after the
// first row, and for the end after the start.
func (c *recordingCut) instant(m moment, row *recordedRow) int64 {
	switch m.kind {
	case sinceFirst:
		return c.first + m.at
	case instant:
		return m.at
	}
	wall := c.wall/day*day + m.at
	if wall < c.wall || wall == c.wall && c.begun {
		wall += day
	}
	return wall - row.offset
}

// length returns how long the part is: up to its end if a row reached that, else to the end of the last
// row's second.
func (c *recordingCut) length() int64 {
	if c.over {
		return c.stop - c.start
	}
	return ((c.last-c.start)/1e9 + 1) * 1e9
}
