package report

import (
	"fmt"

	"mfaload/internal/number"
	"mfaload/measure"
)

// users says whom a group asked.
func users(m *measure.Measurement, group int) *Users {
	if len(m.Users) == 0 {
		return nil
	}
	from := m.Users[group]
	u := &Users{Count: from.Users, Order: from.Order, Exhausted: from.Exhausted,
		PerUser: number.Round(from.PerUser.Seconds()), MaxPerUser: from.MaxPerUser, Turns: from.Turns}
	if from.Exhausted == "wrap" && from.Turns > 0 && from.Users > 0 {
		u.Wrapped = (from.Turns - 1) / from.Users
	}
	if from.RanOut != nil {
		at := number.Round(from.RanOut.Seconds())
		u.RanOut = &at
	}
	return u
}

// userRemarks say which users ran out, and which arrivals had none.
func (j *assessment) userRemarks() (remarks []string) {
	for i := range j.report.Groups {
		g := &j.report.Groups[i]
		if n := g.Withheld[measure.RanOut]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: its %s users ran out %s s into the schedule; "+
				"%s arrivals after that had none and were not sent",
				g.Name, number.Count(g.Users.Count), number.Plain(*g.Users.RanOut), number.Count(n)))
		}
		if n := g.Withheld[measure.TooSoon]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because each of its "+
				"%s users had been asked within %s s (perUser); it needs more users or a lower rate",
				g.Name, number.Count(n), number.Count(g.Users.Count), number.Plain(g.Users.PerUser)))
		}
		if n := g.Withheld[measure.Capped]; n > 0 && g.Users != nil {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because each of its "+
				"%s users had been asked as often as maxPerUser allows (%s a day); it needs more users or "+
				"fewer requests",
				g.Name, number.Count(n), number.Count(g.Users.Count), number.Count(g.Users.MaxPerUser)))
		}
		if n := g.Withheld[measure.Unreadable]; n > 0 {
			remarks = append(remarks, fmt.Sprintf("group %s: %s arrivals were not sent because the "+
				"temporary file of users could not be read: look at the disk", g.Name, number.Count(n)))
		}
	}
	if n := j.report.NoUsers; n > 0 {
		remarks = append(remarks, fmt.Sprintf("all users ran out: the run ended %s s into its schedule, "+
			"and %s further arrivals of it are not counted",
			number.Plain((j.measurement.Main.Start+j.measurement.Main.Planned).Seconds()), number.Count(n)))
	}
	return remarks
}
