package scenario

import (
	"fmt"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// Replay is a recording whose requests are sent again, each at its own time: what a stage
// sends that has one. Times are those of the load, at its speed.
type Replay struct {
	// File is the path that it is read from, and Pos where the scenario names it.
	File string   `json:"-"`
	Pos  form.Pos `json:"-"`
	// Speed is from 0.001 to 1000.
	Speed float64 `json:"-"`
	Loop  int     `json:"-"`
	// From and To are empty for the whole file; see [parseMoment].
	From, To string `json:"-"`
	// Digest identifies the arrivals, with their users. It is empty until [Scenario.ReadUsers], and so is
	// what follows.
	Digest string
	// Arrivals are one pass of it.
	Arrivals *users.ArrivalStore `json:"-"`
	// starts are how many arrivals are before each second of it, all how many there are.
	starts []uint64
	all    uint64
}

// String describes the replay in a few words.
func (r *Replay) String() string {
	text := "replay " + filepath.Base(r.File)
	if r.Speed != 1 {
		text += fmt.Sprintf(" at %v times its speed", r.Speed)
	}
	return text
}

func (r *Replay) pieces() int { return len(r.starts) }

// piece is a second of the replay, or what there is of its last one.
func (r *Replay) piece(i int, length time.Duration) Piece {
	start, next := time.Duration(i)*time.Second, r.all
	if i+1 < len(r.starts) {
		next, length = r.starts[i+1], start+time.Second
	}
	seconds := (length - start).Seconds()
	rate := float64(next-r.starts[i]) / seconds
	return Piece{Start: start.Seconds(), Length: seconds, From: rate, To: rate, Before: float64(r.starts[i])}
}

// Before returns how many arrivals of a pass are before a time.
func (r *Replay) Before(t time.Duration) uint64 {
	c := r.Arrivals.Cursor()
	return uint64(sort.Search(int(r.all), func(i int) bool {
		a, err := c.At(i)
		return err == nil && a.At >= t
	}))
}

// WarmupStage returns what is sent before the first stage: at the rate with which that begins, or the
// first arrivals of a replay, which then begins again.
func (l *Load) WarmupStage() Stage {
	first := &l.Stages[0]
	if r := first.Replay; r != nil {
		opening := *r
		opening.all = r.Before(l.Warmup)
		opening.starts = r.starts[:(l.Warmup+time.Second-1)/time.Second]
		return Stage{Replay: &opening, Duration: l.Warmup}
	}
	return Stage{From: first.Begins(), To: first.Begins(), Duration: l.Warmup}
}

// Replay returns the recording that the load sends again, nil where it has none.
func (l *Load) Replay() *Replay {
	if len(l.Stages) == 0 {
		return nil
	}
	return l.Stages[0].Replay
}

const (
	minSpeed     = 0.001
	maxSpeed     = 1000
	speedPattern = `[0-9]+(?:\.[0-9]+)?x?`
)

var speedText = regexp.MustCompile("^" + speedPattern + "$")

var speed = form.UnitText("a speed", "such as 1.5 or 2x", form.SchemaObject{"anyOf": []any{
	form.SchemaObject{"type": "number", "minimum": minSpeed, "maximum": maxSpeed},
	form.SchemaObject{"type": "string", "pattern": form.OrVariable(speedPattern)}}},
	func(text string) (float64, *form.Flaw) {
		v, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
		switch {
		case err != nil || !speedText.MatchString(text):
			return 0, &form.Flaw{Reason: "is not a speed"}
		case v < minSpeed || v > maxSpeed:
			return 0, form.NewFlaw(fmt.Sprintf("is not from %v to %d", minSpeed, maxSpeed),
				"write 1 for the recording's own speed, and 2 for twice that")
		}
		return v, nil
	})

var momentText = form.UnitText("a time", "such as 08:00, 2026-03-29T08:00:00+02:00, or 10m since the first "+
	"row",
	form.SchemaObject{"type": "string"}, func(text string) (string, *form.Flaw) {
		_, ok := parseMoment(text)
		if !ok {
			return "", &form.Flaw{Reason: "is neither a time of day, an RFC 3339 time nor a duration"}
		}
		return text, nil
	})

// moment is a time in a recording: an instant, a time of day, or a duration since the first row.
type moment struct {
	kind momentKind
	// at is in nanoseconds: since 1970, since midnight, or since the first row.
	at int64
}

type momentKind int

const (
	sinceFirst momentKind = iota
	timeOfDay
	instant
)

var clockText = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?$`)

// parseMoment reads 08:00 or 08:00:30, RFC 3339, or a duration.
func parseMoment(text string) (m moment, ok bool) {
	if clock := clockText.FindStringSubmatch(text); clock != nil {
		seconds := 0
		for _, part := range clock[1:] {
			n, _ := strconv.Atoi(part) // none is 0
			seconds = seconds*60 + n
		}
		return moment{timeOfDay, int64(seconds) * 1e9}, true
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && inEra(at) {
		return moment{instant, at.UnixNano()}, true
	}
	d, flaw := parseDuration(text)
	return moment{sinceFirst, int64(d)}, flaw == nil
}

// inEra says whether a time's nanoseconds since 1970 are a number.
func inEra(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2200 }

var replayForm = form.Mapping[Replay](nil, []form.Field{
	form.Set("file", form.WithPlace(fileText), func(r *Replay, v form.Placed[string]) {
		r.File, r.Pos = v.Value, v.Pos
	}, "A file with a row for each request, in the order of their times: CSV with a header, or NDJSON, also "+
		"with gzip, relative to the scenario's folder. A column time has RFC 3339 times; in its place, "+
		"seconds or milliseconds are numbers since any start. Columns userID, group, expect and policy are "+
		"optional. Samples of a run are such a file, too.").Required(),
	form.Key("speed", speed,
		"How fast it is sent: 2 (or 2x) for an hour's requests in half an hour, 0.1 for a tenth of their "+
			"rate.").Default("1"),
	form.Key("loop", form.Whole(1, maxRepeat), "How many times it is sent. A pass ends at to, or with the "+
		"recorded second of its last request, and the next one begins there.").Default("1"),
	form.Key("from", momentText,
		"The first moment that is sent, which is when the load begins: a time of day, by the rows' own "+
			"offsets from UTC; an RFC 3339 time; or a duration since the first row. Default: the first row."),
	form.Key("to", momentText, "The moment before which it ends, in the same forms. Default: after the "+
		"last row."),
})

// checkReplay refuses what has no meaning next to a recording.
func checkReplay(d *form.Decoder, n *form.Node, l *Load) {
	n.Forget("repeat", "arrivals")
	for _, key := range []string{"stages", "concurrency", "think", "duration", "repeat", "arrivals",
		"requests", "until"} {
		if e := n.Get(key); e != nil {
			d.FailKey(e, d.Label(e)+" cannot be combined with replay, whose rows say when each request "+
				"is sent", "remove one of them; loop repeats a replay, rateFactor thins or multiplies it, "+
				"and maxRequests caps it")
		}
	}
	if !n.Sound("replay") || !checkWarmup(d, n, l) {
		return
	}
	r := l.Replay()
	l.Repeat = r.Loop
	if !filepath.IsAbs(r.File) {
		r.File = filepath.Join(filepath.Dir(d.File), r.File)
	}
}

// isReplayed says whether the scenario of a group's node replays a recording.
func isReplayed(group *form.Node) bool {
	return group.Parent != nil && group.Parent.Parent.Get("load").Get("replay") != nil
}

// checkReplayedGroup checks a group whose users a recording names.
func checkReplayedGroup(d *form.Decoder, n *form.Node, g *Group) {
	n.Forget("order")
	for _, key := range []string{"order", "exhausted", "perUser"} {
		if e := n.Get(key); e != nil {
			d.FailKey(e, d.Label(e)+" is for users of ids or file, and the rows of load.replay name the "+
				"users of this group", "remove it, or add ids or file for rows without users")
		}
	}
	g.Order, g.Exhausted = users.Recorded, ""
}

func checkReplayedWeights(d *form.Decoder, n *form.Node, s *draft) {
	if s.Load.Replay() == nil {
		return
	}
	for i := range s.Groups {
		group := n.Get("users").Entries[i]
		group.Forget("weight")
		if e := group.Get("weight"); e != nil {
			d.FailKey(e, d.Label(e)+" cannot be combined with load.replay, whose rows say which group each "+
				"request is of", "remove it")
		}
	}
}
