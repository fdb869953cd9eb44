package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/scenario/users"
	"mfaload/session"
)

// startLate is how late a run may begin after it reserved its requests.
const startLate = 2 * time.Minute

// Demand is what a run will send.
type Demand struct {
	Scenario *scenario.Scenario
	Shard    *measure.Shard // nil is all of it
	// Start is when it begins, or may begin at the earliest: by default now. Late is how much later
	// it may.
	Start time.Time
	Late  time.Duration
	// PassOver has the schedule pass over users who had their requests of the day. Without it a run
	// that would send for such a user is refused.
	PassOver bool
	// PerUser, where set, is how many requests each user of a group may get within Late, whatever the
	// scenario's load.
	PerUser []uint64
	// Unguarded says that nobody asks [Account.Admit] before a request: all has to be reserved now.
	Unguarded bool
}

// Begin opens an account and reserves all that a run will send, before it sends anything, or nothing.
// Used is what its users had, for its schedule; nil if that changes nothing. The errors are those of [Open].
func Begin(folder string, d Demand) (a *Account, used *schedule.UsedToday, err error) {
	if a, err = Open(d.Scenario, folder); a == nil || err != nil {
		return nil, nil, err
	}
	d.Late = max(d.Late, startLate)
	if d.Start.IsZero() {
		d.Start = time.Now()
	}
	err = a.locked(func() error {
		first, err := a.day(dayOf(d.Start))
		if err == nil && d.PassOver {
			used, err = a.used(first, d)
		}
		var days map[int64]reservation
		if err == nil {
			days, err = a.wants(d, used)
		}
		if err != nil {
			return err
		}
		return a.reserveAll(days, d)
	})
	if refused := new(session.NotStartedError); errors.As(err, &refused) {
		return nil, nil, refused
	} else if err != nil {
		return nil, nil, notStarted(err)
	}
	return a, used, nil
}

// used is what the users of a run had on the day of its start.
func (a *Account) used(today *accountDay, d Demand) (*schedule.UsedToday, error) {
	if len(today.counts) == 0 {
		return nil, nil
	}
	used := &schedule.UsedToday{Until: time.Unix((dayOf(d.Start)+1)*86400, 0).Sub(d.Start)}
	for i := range d.Scenario.Groups {
		used.Requests = append(used.Requests, make([]uint32, d.Scenario.Groups[i].Size()))
	}
	return used, eachUser(d.Scenario, func(row int, u scenario.User, id users.ID) {
		used.Requests[u.Group][row] = uint32(min(today.counts[today.mark(id)], 1<<31))
	})
}

// wants is what a run will send, by day. A request that may be sent on either side of midnight is
// reserved for both days.
func (a *Account) wants(d Demand, used *schedule.UsedToday) (map[int64]reservation, error) {
	days := map[int64]reservation{}
	perRequest := messages(d.Scenario)
	note := func(u scenario.User, at time.Duration, n uint32) {
		id, named := users.ParseID(u.ID)
		n *= perRequest[u.Group]
		for day := dayOf(d.Start.Add(at)); named && day <= dayOf(d.Start.Add(at+d.Late)); day++ {
			if days[day] == nil {
				days[day] = reservation{}
			}
			days[day][id] = wanted{days[day][id].requests + n, a.caps[u.Group]}
		}
	}
	if d.PerUser != nil {
		return days, eachUser(d.Scenario, func(_ int, u scenario.User, _ users.ID) {
			note(u, 0, uint32(d.PerUser[u.Group]))
		})
	}
	s := schedule.NewShard(d.Scenario, d.Shard).WithUsed(used)
	if s.Closed() != nil {
		d.Late += s.End()
		a.closedWants(s, note)
		return days, nil
	}
	capped := uint64(0)
	for arrival := range s.All() {
		if arrival.Withheld == "" {
			note(arrival.User, arrival.At, 1)
		} else if arrival.Withheld == measure.Capped {
			capped++
		}
	}
	if capped > 0 && used != nil {
		return nil, a.refuse(fmt.Sprintf("%s of the run would find no user who may get one more today",
			number.Plural(int(capped), "request")))
	}
	return days, nil
}

// messages are how many times a request may reach a user, by group: once, and with each device that a
// later step selects.
func messages(s *scenario.Scenario) []uint32 {
	all := make([]uint32, len(s.Groups))
	for i := range s.Groups {
		all[i] = 1
		for _, step := range s.Groups[i].Then {
			if step.Action == scenario.SelectDevice {
				all[i]++
			}
		}
	}
	return all
}

// closedWants notes the most that the users of a closed load can get. Without a limit and a number
// of requests that is not known, and each request is counted when it is sent.
func (a *Account) closedWants(s *schedule.Schedule, note func(scenario.User, time.Duration, uint32)) {
	limit := s.Count()
	if limit == 0 && slices.Contains(a.caps, 0) {
		return
	}
	turns := s.ClosedUsers()
	for n := uint64(0); limit == 0 || n < limit; n++ {
		arrival := schedule.Arrival{}
		if !turns.Next(&arrival) {
			return
		}
		note(arrival.User, 0, 1)
	}
}

// reserveAll reserves what a run wants, if no user gets more than his limit. On a later day others
// may come first: there what is above the limit is refused when its time comes, if somebody asks.
func (a *Account) reserveAll(days map[int64]reservation, d Demand) error {
	for _, day := range slices.Sorted(maps.Keys(days)) {
		of, err := a.day(day)
		if err != nil {
			return err
		}
		short, limit := 0, uint64(0)
		for id, w := range days[day] {
			had := of.counts[of.mark(id)]
			with := had + uint64(w.requests)
			if over := w.limit > 0 && with > w.limit; over && (d.Unguarded || day == dayOf(d.Start)) {
				short, limit = short+1, w.limit
			} else if over {
				days[day][id] = wanted{uint32(w.limit - min(had, w.limit)), w.limit}
			}
			a.before, a.after = max(a.before, had), max(a.after, with)
		}
		if short > 0 {
			return a.refuse(fmt.Sprintf("with this run %s would have more requests on %s than maxPerUser "+
				"allows: up to %s, and the limit is %s a day", number.Plural(short, "user"), dateOf(day),
				number.Count(a.after), number.Count(limit)))
		}
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if err := a.reserve(a.days[day], days[day]); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) refuse(why string) error {
	return &session.NotStartedError{Err: fmt.Errorf("not started: %s (%s)\n%s", why, a.folder,
		text.Hint("wait until midnight UTC, add users, send fewer requests, or raise maxPerUser; "+
			"'mfaload ledger' shows which runs sent how many"))}
}

// eachUser goes through the users of a scenario that have IDs.
func eachUser(s *scenario.Scenario, do func(row int, u scenario.User, id users.ID)) error {
	for i := range s.Groups {
		reader := s.Reader(i)
		for row := range s.Groups[i].Size() {
			u, err := reader.User(row)
			if err != nil {
				return err
			}
			if id, named := users.ParseID(u.ID); named {
				do(row, u, id)
			}
		}
	}
	return nil
}
