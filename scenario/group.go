package scenario

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"mfaload/pingone/limits"
	"mfaload/scenario/form"
	"mfaload/scenario/users"
)

// Exhausted says what happens after a group's last user.
type Exhausted string

const (
	// Wrap begins again.
	Wrap Exhausted = "wrap"
	// Stop asks nobody of the group any more. The run ends with its last group.
	Stop Exhausted = "stop"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Source is a file of users.
type Source struct {
	// Path is as the scenario has it: from the scenario's folder, or [Stdin].
	Path string
	Pos  form.Pos
}

func (s Source) path(scenario string) string {
	if filepath.IsAbs(s.Path) {
		return s.Path
	}
	return filepath.Join(filepath.Dir(scenario), s.Path)
}

var filePath = func() form.Form[form.Placed[string]] {
	f := form.Text("a path", "such as users.csv, or '-' for standard input", "",
		func(text string) (string, *form.Flaw) {
			if text == "" {
				return "", &form.Flaw{Reason: "is empty"}
			}
			return text, nil
		})
	f.Schema["minLength"] = 1
	return form.WithPlace(f)
}()

const minPerUser = time.Millisecond

var perUser = form.UnitText("an interval", "such as 1/30s: one request in 30 seconds",
	form.SchemaObject{"type": "string", "pattern": form.OrVariable(`1/(?:` + durationPattern + `|s|min|h)`)},
	parsePerUser)

func parsePerUser(text string) (time.Duration, *form.Flaw) {
	if len(text) < 3 || text[:2] != "1/" {
		return 0, &form.Flaw{Reason: "is not 1/ and a duration"}
	}
	length := text[2:]
	switch length {
	case "s", "h":
		length = "1" + length
	case "min":
		length = "1m"
	}
	d, f := parseDuration(length)
	switch {
	case f != nil:
		return 0, &form.Flaw{Reason: "is not 1/ and a duration"}
	case d < minPerUser:
		return 0, form.NewFlaw("is more than one request in a millisecond",
			"write 1/1ms or longer, or remove perUser")
	case d > maxRun:
		return 0, form.NewFlaw("is longer than "+days(maxRun), "write at most 1/"+days(maxRun))
	}
	return d, nil
}

func checkFeed(d *form.Decoder, n *form.Node, g *Group) {
	ids, file, exhausted := n.Get("ids"), n.Get("file"), n.Get("exhausted")
	switch {
	case ids != nil && file != nil:
		d.FailKey(file, "both ids and file are in "+d.Label(n),
			"remove one of them, or split it into two groups")
	case ids == nil && file == nil && n.Lacks("ids") && n.Lacks("file"):
		d.Fail(n, "ids is missing in "+d.Label(n),
			"add ids: a list of user IDs such as ["+exampleID+"], or file: users.csv")
	}
	switch {
	case exhausted == nil || exhausted.Bad || n.Get("order") == nil:
	case g.Order == users.Once && g.Exhausted == Wrap:
		d.Fail(exhausted, d.Label(exhausted)+": wrap contradicts order: once",
			"write order: sequential, or remove exhausted")
	case g.Order == users.Random:
		d.FailKey(exhausted,
			d.Label(exhausted)+" cannot be combined with order: random, which never ends",
			"remove it, or write order: shuffle")
	}
	if exhausted == nil && g.Order != users.Random {
		g.Exhausted = Wrap
		if g.Order == users.Once {
			g.Exhausted = Stop
		}
	}
}

func checkClosedUsers(d *form.Decoder, n *form.Node, s *draft) {
	for i := range s.Groups {
		if key := n.Get("users").Entries[i].Get("perUser"); key != nil && s.Load.Closed() {
			d.FailKey(key, d.Label(key)+" cannot be combined with load.concurrency",
				"remove it and write load.think, or write stages instead of concurrency")
		}
	}
}

func checkStdin(d *form.Decoder, n *form.Node, s *draft) {
	first := -1
	for i, g := range s.Groups {
		if g.File.Path != Stdin {
			continue
		}
		if first >= 0 {
			file := n.Get("users").Entries[i].Get("file")
			d.Fail(file, d.Label(file)+": standard input is read already",
				"keep the users of one group there; group "+s.Groups[first].Name+" has it")
			continue
		}
		first = i
	}
}

// Users are the users of a group's file.
type Users struct {
	// Digest is the SHA-256 of the file, in hexadecimal.
	Digest string
	// Kinds are the different overrides that rows have; kind k is Kinds[k-1].
	Kinds []Kind
	// Store has the rows in the file's order.
	Store *users.Store `json:"-"`
}

// Kind is what rows say besides the user's ID.
type Kind struct {
	// Expect replaces the group's; nil leaves it.
	Expect *Expect
	// Policy is the policy's ID in the request's body; empty leaves it.
	Policy string
}

// Size returns the number of the group's users.
func (g *Group) Size() int {
	if g.Users != nil {
		return g.Users.Store.Len()
	}
	return len(g.IDs)
}

// Kinds returns how many kinds of users the group has: kind 0 overrides
// nothing, and the others are those of its file's rows.
func (g *Group) Kinds() int {
	if g.Users == nil {
		return 1
	}
	return 1 + len(g.Users.Kinds)
}

// Variant returns the group as it is for a kind of users.
func (g Group) Variant(kind int) Group {
	if kind == 0 {
		return g
	}
	k := g.Users.Kinds[kind-1]
	if k.Expect != nil {
		g.Expect = *k.Expect
	}
	if k.Policy != "" {
		g.Request = withPolicy(g.Request, k.Policy)
	}
	return g
}

func withPolicy(members map[string]any, id string) map[string]any {
	changed := map[string]any{}
	maps.Copy(changed, members)
	changed["policy"] = map[string]any{"id": id}
	return changed
}

// UserReader reads the users of a group by their row. It is not safe for
// concurrent use; each reader has its own.
type UserReader struct {
	group  int
	ids    []string
	cursor *users.Cursor
}

// Reader returns a reader of a group's users, which were read already.
func (s *Scenario) Reader(group int) *UserReader {
	r := &UserReader{group: group, ids: s.Groups[group].IDs}
	if file := s.Groups[group].Users; file != nil {
		r.cursor = file.Store.Cursor()
	}
	return r
}

// User returns the user of a row, from 0 to Size()-1. The error is one of
// reading the temporary file of a large group.
func (r *UserReader) User(row int) (User, error) {
	if r.cursor == nil {
		return User{ID: r.ids[row], Group: r.group}, nil
	}
	e, err := r.cursor.At(row)
	if err != nil {
		return User{}, err
	}
	return User{ID: e.ID.Text(e.Case), Group: r.group, Kind: int(e.Kind)}, nil
}

func checkGroup(d *form.Decoder, n *form.Node, g *Group) {
	checkSteps(d, n, g)
	if !g.Usernameless {
		if n.Get("ids") == nil && n.Get("file") == nil && isReplayed(n) {
			checkReplayedGroup(d, n, g)
			return
		}
		checkFeed(d, n, g)
		return
	}
	for _, key := range []string{"ids", "file", "order", "exhausted", "perUser", "maxPerUser"} {
		if users := n.Get(key); users != nil {
			d.FailKey(users, d.Label(n)+" has both "+key+" and usernameless", "remove one of them")
		}
	}
	g.IDs, g.Order, g.Exhausted = []string{""}, users.Sequential, Wrap
	request := n.Get("request")
	if device := request.Get("selectedDevice"); device != nil {
		d.FailKey(device, d.Label(device)+" needs a user, and the group is usernameless",
			"remove one of them")
	}
	if request.Get("rp") == nil && (request == nil || !request.Bad) {
		d.FailKey(n.Get("usernameless"), d.Label(n.Get("usernameless"))+" needs request.rp",
			"add request: {rp: {id: example.com}}, the relying party's ID")
	}
}

// DefaultMaxPerUser is how often a user of a host that is not this machine may
// be asked within 24 hours, unless the scenario says otherwise. Groups that expect a push
// have the documented number of unanswered ones instead.
const DefaultMaxPerUser = 10

const maxPerDay = 1_000_000_000

const perDayPattern = `[1-9][0-9]*/d`

var perDayText = regexp.MustCompile("^" + perDayPattern + "$")

var perDay = form.UnitText("a number a day", "such as 50/d",
	form.SchemaObject{"type": "string", "pattern": form.OrVariable(perDayPattern)}, parsePerDay)

func parsePerDay(text string) (uint64, *form.Flaw) {
	if !perDayText.MatchString(text) {
		return 0, &form.Flaw{Reason: "is not a number a day above zero"}
	}
	n, err := strconv.ParseUint(text[:len(text)-len("/d")], 10, 64)
	if err != nil || n > maxPerDay {
		return 0, form.NewFlaw(fmt.Sprintf("is above %d a day", maxPerDay), "write a smaller number")
	}
	return n, nil
}

// Toward returns the scenario with another target: the same load and the same users, who are read once. A
// group that does not say how often a user may be asked gets the default of that target. Only one of both
// is closed.
func (s *Scenario) Toward(other *Target) *Scenario {
	c := *s
	c.Target, c.Groups = *other, slices.Clone(s.Groups)
	c.fillMaxPerUser()
	return &c
}

// fillMaxPerUser gives groups that don't say it the most requests for a user.
// Those that name no user have none; those of a file that is not read yet have to wait.
func (s *Scenario) fillMaxPerUser() {
	for i := range s.Groups {
		g := &s.Groups[i]
		switch {
		case g.MaxPerUser > 0 || g.Usernameless || g.Users == nil && (g.File.Path != "" ||
			g.Order == users.Recorded):
		case s.Load.MaxPerUser > 0 || !s.Target.IsRemote():
			g.MaxPerUser = s.Load.MaxPerUser
		case g.expectsPush():
			g.MaxPerUser = min(limits.Get(limits.Push).Value, DefaultMaxPerUser)
		default:
			g.MaxPerUser = DefaultMaxPerUser
		}
	}
}

// expectsPush says whether users of the group should get a push that nobody may answer.
func (g *Group) expectsPush() bool {
	if g.TestMode {
		return false
	}
	for kind := range g.Kinds() {
		if slices.ContainsFunc(g.Variant(kind).Expect.Statuses, IsPush) {
			return true
		}
	}
	return slices.ContainsFunc(g.Then, func(s FlowStep) bool { return s.Device == "MOBILE" })
}

// IsPush says whether an initialization with this status has sent a push, and nothing else.
func IsPush(status string) bool {
	return status == "PUSH_CONFIRMATION_REQUIRED" || status == "PUSH_CONFIRMATION_TIMED_OUT"
}
