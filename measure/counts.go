package measure

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Number is what arrivals are counted in: whole ones, or parts of them where a share of
// some arrivals is counted.
type Number interface{ uint64 | float64 }

// Counts say what became of some arrivals: of a whole run or a group, or of what came
// to an end in a window.
type Counts = CountsOf[uint64]

// CountsOf are Counts in any [Number]. The shares that thresholds and load.stopOn judge,
// that package compare compares and that package capacity searches by are defined on
// them, here and nowhere else.
type CountsOf[N Number] struct {
	// Scheduled are the arrivals that were due.
	Scheduled N
	// Responded are those that got a complete response, refusals too. Failed were
	// sent and got none; NotDelivered are those of Failed that surely never arrived.
	Responded, Failed, NotDelivered N
	// Expected are the responses that the scenario expects, whatever they violate;
	// Violating those with a failing violation; RateLimited those that are 429.
	Expected, Violating, RateLimited N
	// Withheld were not to be sent, by the scenario: no user, a pause. RanOut are
	// those of them after the last user. Own were not sent, by mfaload's fault.
	Withheld, RanOut, Own N
	// InFlight are those of which nobody knows what became of them, as mfaload ended.
	InFlight N
	// DoubtfulErrors and DoubtfulLimits count the errors and the 429s that may be
	// mfaload's own doing: see [Harmed].
	DoubtfulErrors, DoubtfulLimits N
	// Good are the good responses, DoubtfulGood those that may have been: see [GoodCount].
	Good, DoubtfulGood N
}

// Add adds those of other arrivals.
func (c *CountsOf[N]) Add(o CountsOf[N]) {
	c.Scheduled += o.Scheduled
	c.Responded += o.Responded
	c.Failed += o.Failed
	c.NotDelivered += o.NotDelivered
	c.Expected += o.Expected
	c.Violating += o.Violating
	c.RateLimited += o.RateLimited
	c.Withheld += o.Withheld
	c.RanOut += o.RanOut
	c.Own += o.Own
	c.InFlight += o.InFlight
	c.DoubtfulErrors += o.DoubtfulErrors
	c.DoubtfulLimits += o.DoubtfulLimits
	c.Good += o.Good
	c.DoubtfulGood += o.DoubtfulGood
}

// Sent are the requests that were sent.
func (c *CountsOf[N]) Sent() N { return c.Responded + c.Failed }

// Unsent are the arrivals that were not sent, for whatever reason.
func (c *CountsOf[N]) Unsent() N { return c.Scheduled - c.Sent() }

// NeverSent are those that were to be sent and were not, because the service kept
// all workers busy or the run ended.
func (c *CountsOf[N]) NeverSent() N { return c.Unsent() - c.Withheld - c.Own - c.InFlight }

// Judged are the arrivals that say something of the service.
func (c *CountsOf[N]) Judged() N {
	return c.Scheduled - c.Withheld - c.Own - c.InFlight - c.NotDelivered
}

// Share is how many of how many.
type Share = ShareOf[uint64]

// ShareOf is how many of how many, in any [Number].
type ShareOf[T Number] struct{ N, Of T }

// Value is the share as a number from 0 to 1; 0 of nothing.
func (s ShareOf[T]) Value() float64 {
	if s.Of == 0 {
		return 0
	}
	return float64(s.N) / float64(s.Of)
}

// ErrorRate is the share of the arrivals that got no response, or another than
// expected, or were never sent.
func (c *CountsOf[N]) ErrorRate() ShareOf[N] {
	return ShareOf[N]{c.Judged() - c.Expected, c.Judged()}
}

// ViolationRate is the share of the responses with a failing violation.
func (c *CountsOf[N]) ViolationRate() ShareOf[N] { return ShareOf[N]{c.Violating, c.Responded} }

// RateLimitedRate is the share of the responses that are 429.
func (c *CountsOf[N]) RateLimitedRate() ShareOf[N] { return ShareOf[N]{c.RateLimited, c.Responded} }

// BestErrorRate is the error rate at best: none of so many failures is the
// service's, see [DoubtfulSeconds.Failures], and of so many more arrivals nothing is known.
func (c *CountsOf[N]) BestErrorRate(doubtful, unknown N) ShareOf[N] {
	return c.ErrorRate().without(c.DoubtfulErrors+doubtful, unknown)
}

// BestViolationRate is the violation rate at best: what got no response for
// mfaload's sake would have got one that breaks no rule.
func (c *CountsOf[N]) BestViolationRate(doubtful, unknown N) ShareOf[N] {
	return c.ViolationRate().without(0, unknown+c.DoubtfulErrors+doubtful)
}

// BestRateLimitedRate is the share of 429s at best.
func (c *CountsOf[N]) BestRateLimitedRate(doubtful, unknown N) ShareOf[N] {
	return c.RateLimitedRate().without(c.DoubtfulLimits, unknown+c.DoubtfulErrors+doubtful)
}

func (s ShareOf[T]) without(n, more T) ShareOf[T] { return ShareOf[T]{s.N - min(n, s.N), s.Of + more} }

// AchievedRate is the rate of sending as a share of the planned one. Planned is how
// long the schedule is, took how long sending took, at least planned. What is not
// known to be unsent counts as sent; ok is false where nothing was planned.
func (c *CountsOf[N]) AchievedRate(planned, took time.Duration) (share float64, ok bool) {
	toSend := c.Scheduled - c.RanOut - c.Own
	if toSend == 0 || planned <= 0 {
		return 0, false
	}
	sent := float64(c.Sent() + c.InFlight)
	return sent / float64(toSend) * (float64(planned) / float64(max(took, planned))), true
}

// Counts returns those of a group, or of all where it is below 0.
func (p *Phase) Counts(group int) (c Counts) {
	of := func(g int) bool { return group < 0 || g == group }
	for g, n := range p.Scheduled {
		if of(g) {
			c.Scheduled += n
		}
	}
	for g, n := range p.InFlight {
		if of(g) {
			c.InFlight += n
		}
	}
	for _, w := range p.Withheld {
		switch {
		case !of(w.Group):
		case IsOwnLimit(w.Reason):
			c.Own += w.Count
		default:
			c.Withheld += w.Count
			if w.Reason == RanOut {
				c.RanOut += w.Count
			}
		}
	}
	for _, cell := range p.Cells {
		if of(cell.Group) {
			c.Add(cell.counts())
		}
	}
	return c
}

// counts are those of a cell's requests, but for their schedule.
func (c *Cell) counts() (n Counts) {
	n.Expected, n.Violating, n.RateLimited = c.AsExpected, c.Violating, c.RateLimited
	n.Good, n.DoubtfulGood = c.Good, c.DoubtfulGood
	switch sent := c.Response.Count(); {
	case !c.Failed:
		n.Responded = sent
	case IsNotDelivered(c.Label):
		n.Failed, n.NotDelivered = sent, sent
	default:
		n.Failed = sent
	}
	if h := c.Harmed; h != nil {
		n.DoubtfulErrors, n.DoubtfulLimits = h.DoubtfulErrors, min(h.Doubtful, c.RateLimited)
	}
	return n
}

// Counts are those of the requests of the second that were sent, of a group or of all
// where it is below 0. A second does not tell of which group the refused connections
// and the 429s are: each group has a share of those of the second, by what it was
// refused. Of a measurement of a version that does not tell of a group what it was
// refused, the share is that of its requests.
func (s *Second) Counts(group int) (c CountsOf[float64]) {
	if group < 0 || len(s.Groups) == 0 { // of a single group nothing is kept apart
		return CountsOf[float64]{
			Scheduled: float64(s.Response.Count()), Responded: float64(s.Response.Count() - s.Failed),
			Failed: float64(s.Failed), NotDelivered: float64(s.notDelivered()), Expected: float64(s.Expected),
			Violating: float64(s.Violating), RateLimited: float64(s.RateLimited),
			Good: float64(s.Good), DoubtfulGood: float64(s.DoubtfulGood),
		}
	}
	g := s.findGroup(group)
	if g == nil {
		return c
	}
	c.Scheduled, c.Expected = float64(g.Response.Count()), float64(g.Expected)
	c.Violating, c.Good, c.DoubtfulGood = float64(g.Violating), float64(g.Good), float64(g.DoubtfulGood)
	known := s.Unserved + s.NotDelivered
	if s.Served == nil || s.Failed < known { // of an old version, or no such request at all
		share := func(n uint64) float64 { return float64(n) * c.Scheduled / float64(s.Response.Count()) }
		c.Failed, c.RateLimited = share(s.Failed), share(s.RateLimited)
		c.NotDelivered = share(s.notDelivered())
	} else {
		share := func(n uint64) float64 { return float64(n*g.Refused) / float64(max(s.Refused, 1)) }
		c.Failed = float64(g.Unserved+g.NotDelivered) + share(s.Failed-known)
		c.NotDelivered, c.RateLimited = float64(g.NotDelivered), share(s.RateLimited)
	}
	c.Responded = c.Scheduled - c.Failed
	return c
}

// notDelivered counts the requests of the second that certainly never reached the service.
func (s *Second) notDelivered() (n uint64) {
	for _, e := range s.Ends {
		if e.Failed && IsNotDelivered(e.Label) {
			n += e.Count
		}
	}
	return n
}

// Counts are those of the requests that came to an end: all were due and sent.
func (p *Progress) Counts() Counts {
	return Counts{Scheduled: p.Sent, Responded: p.Sent - p.Failed, Failed: p.Failed,
		NotDelivered: p.NotDelivered,
		Expected:     p.Expected, Violating: p.Violating, RateLimited: p.RateLimited,
		DoubtfulErrors: p.DoubtfulErrors, DoubtfulLimits: p.DoubtfulLimits}
}

// Reasons why an arrival had no user to ask.
const (
	// RanOut: the group has no users left.
	RanOut = "users ran out"
	// TooSoon: every user of the group was asked within its perUser.
	TooSoon = "all asked within perUser"
	// Capped: every user of the group was asked maxPerUser times.
	Capped = "all asked maxPerUser times"
	// Unreadable: the temporary file of a large group could not be read.
	Unreadable = "users unreadable"
)

// GroupUsers say whom a group could ask and how far it came.
type GroupUsers struct {
	// Users is how many it has.
	Users uint64 `json:"users"`
	// Nobody says that its requests name no user: GroupUsers is 1 on every machine.
	Usernameless bool `json:"nobody,omitempty"`
	// Order and Exhausted are the scenario's words for how they are asked and
	// for what happens after the last one.
	Order     string `json:"order"`
	Exhausted string `json:"exhausted,omitempty"`
	// PerUser is the least time between two requests for the same user.
	PerUser time.Duration `json:"per_user_ns,omitempty"`
	// MaxPerUser is the most requests for the same user within 24 hours.
	MaxPerUser uint64 `json:"max_per_user,omitempty"`
	// Turns is how many users were given to arrivals.
	Turns uint64 `json:"turns"`
	// RanOut is when the first arrival was due that had no user because they
	// ran out, since the start of the run; nil where there was none.
	RanOut *time.Duration `json:"ran_out_ns,omitempty"`
}

// Withheld counts the arrivals of a group without a user to ask.
type Withheld struct {
	Group  int    `json:"group"`
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// CompareWithheld is the order by group and reason.
func CompareWithheld(a, b Withheld) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Reason, b.Reason))
}

// mergeUsers adds up how far the groups came. No user is in two parts of a run.
func (m *Measurement) mergeUsers(o *Measurement) {
	m.NoUsers += o.NoUsers
	if len(m.Users) == 0 {
		m.Users = slices.Clone(o.Users)
		return
	}
	for i, u := range o.Users {
		to := &m.Users[i]
		to.Turns += u.Turns
		if !to.Usernameless {
			to.Users += u.Users
		}
		if to.RanOut == nil || u.RanOut != nil && *u.RanOut < *to.RanOut {
			to.RanOut = u.RanOut
		}
	}
}

func (p *Phase) mergeWithheld(o *Phase) {
	for _, w := range o.Withheld {
		i, found := slices.BinarySearchFunc(p.Withheld, w, CompareWithheld)
		if found {
			p.Withheld[i].Count += w.Count
		} else {
			p.Withheld = slices.Insert(p.Withheld, i, w)
		}
	}
}

func (m *Measurement) checkUsers() error {
	if n := len(m.Users); n > 0 && n != len(m.Groups) {
		return fmt.Errorf("it has %d groups and users of %d", len(m.Groups), n)
	}
	return nil
}

// checkWithheld holds arrivals without a user against those not sent.
func (p *Phase) checkWithheld(sent []uint64) error {
	unsent := slices.Clone(p.Scheduled)
	for g := range unsent {
		unsent[g] -= min(sent[g], unsent[g])
	}
	for _, w := range p.Withheld {
		if w.Group < 0 || w.Group >= len(unsent) || w.Count > unsent[w.Group] {
			return errors.New("more arrivals had no user than were not sent")
		}
		unsent[w.Group] -= w.Count
	}
	if n := len(p.InFlight); n != 0 && n != len(unsent) {
		return errors.New("it has requests in flight of other groups than there are")
	}
	for g, n := range p.InFlight {
		if n > unsent[g] {
			return errors.New("more arrivals were in flight than were not sent")
		}
	}
	if !slices.IsSortedFunc(p.Withheld, CompareWithheld) {
		return errors.New("the arrivals without a user are not in order")
	}
	return nil
}

// Reasons of mfaload's own, or of the machine's that it runs on, for which an
// arrival was not sent. They say nothing of the service: what was withheld for
// them is in no rate and no percentile, and the run does not judge the service.
const (
	NoToken       = "no valid token"
	NoSource      = "no source address"
	NoPorts       = "out of local ports"
	NoDescriptors = "out of file descriptors"
	NoMemory      = "out of socket memory"
	NotPermitted  = "not permitted by this machine"
	NetworkDown   = "network of this machine down"
	NotLoopback   = "not loopback"
	NoLedger      = "ledger not writable"
)

var ownLimits = []string{NoToken, NoSource, NoPorts, NoDescriptors, NoMemory, NotPermitted, NetworkDown,
	NotLoopback, NoLedger}

// OwnLimits returns the reasons of mfaload's own for which arrivals are not sent.
func OwnLimits() []string { return slices.Clone(ownLimits) }

// IsOwnLimit says whether a reason why an arrival was withheld is mfaload's own.
func IsOwnLimit(reason string) bool { return slices.Contains(ownLimits, reason) }
