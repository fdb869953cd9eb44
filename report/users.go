package report

import (
	"fmt"

	"mfaload/measure"
)

// users says whom a group asked.
func users(m *measure.Measurement, group int) *Users {
	if len(m.Users) == 0 {
		return nil
	}
	from := m.Users[group]
	u := &Users{Count: from.Users, Order: from.Order, Exhausted: from.Exhausted, PerUser: round(from.PerUser.Seconds()), MaxPerUser: from.MaxPerUser, Turns: from.Turns}
	if from.Exhausted == "wrap" && from.Turns > 0 && from.Users > 0 {
		u.Wrapped = (from.Turns - 1) / from.Users
	}
	if from.RanOut != nil {
		at := round(from.RanOut.Seconds())
		u.RanOut = &at
	}
	return u
}

// end says in a few words how far the group came with its users.
func (u *Users) end() string {
	switch {
	case u.MaxPerUser > 0 && u.Turns >= u.Count*u.MaxPerUser:
		return "each was asked as often as maxPerUser allows"
	case u.Order == "random":
		return "drawn " + howOften(u.Turns)
	case u.RanOut != nil:
		return fmt.Sprintf("ran out %s s into the schedule", trim(*u.RanOut))
	case u.Wrapped > 0:
		return "began anew " + howOften(u.Wrapped)
	case u.Turns >= u.Count:
		return "each was asked once"
	}
	return fmt.Sprintf("%s of them asked", count(u.Turns))
}

func howOften(n uint64) string {
	if n == 1 {
		return "once"
	}
	return count(n) + " times"
}

// userRemarks say which users ran out, and which arrivals had none.
func (j *judgement) userRemarks() (remarks []string) {
	for i := range j.report.Groups {
		g := &j.report.Groups[i]
		if n := g.Withheld[measure.RanOut]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: its %s users ran out %s s into the schedule; %s arrivals after that had none and were not sent",
				g.Name, count(g.Users.Count), trim(*g.Users.RanOut), count(n)))
		}
		if n := g.Withheld[measure.TooSoon]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because each of its %s users had been asked within %s s (perUser); it needs more users or a lower rate",
				g.Name, count(n), count(g.Users.Count), trim(g.Users.PerUser)))
		}
		if n := g.Withheld[measure.Capped]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because each of its %s users had been asked as often as maxPerUser allows (%s a day); it needs more users or fewer requests",
				g.Name, count(n), count(g.Users.Count), count(g.Users.MaxPerUser)))
		}
		if n := g.Withheld[measure.Unreadable]; n > 0 {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because the temporary file of users could not be read: look at the disk", g.Name, count(n)))
		}
	}
	if n := j.report.NoUsers; n > 0 {
		remarks = append(remarks, fmt.Sprintf("all users ran out: the run ended %s s into its schedule, and %s further arrivals of it are not counted",
			trim((j.measurement.Main.Start+j.measurement.Main.Planned).Seconds()), count(n)))
	}
	return remarks
}

// users shows whom each group asked.
func (p *page) users(r *Report) {
	var rows [][]string
	for _, g := range r.Groups {
		if g.Users == nil {
			continue
		}
		order := plain(g.Users.Order, longest)
		if g.Users.Exhausted != "" {
			order += ", " + plain(g.Users.Exhausted, longest)
		}
		if g.Users.PerUser > 0 {
			order += fmt.Sprintf(", each at most once in %s s", trim(g.Users.PerUser))
		}
		rows = append(rows, []string{"  " + plain(g.Name, longest), count(g.Users.Count), order, g.Users.end()})
	}
	if len(rows) == 0 {
		return
	}
	p.title("users")
	p.table(p.most(rows, "groups"))
}
