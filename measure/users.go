package measure

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

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

// checkWithheld holds the arrivals without a user against those that were not
// sent.
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
)

var ownLimits = []string{NoToken, NoSource, NoPorts, NoDescriptors, NoMemory, NotPermitted, NetworkDown,
	NotLoopback}

// OwnLimits returns the reasons of mfaload's own for which arrivals are not sent.
func OwnLimits() []string { return slices.Clone(ownLimits) }

// IsOwnLimit says whether a reason why an arrival was withheld is mfaload's own.
func IsOwnLimit(reason string) bool { return slices.Contains(ownLimits, reason) }
