package scenario

import (
	"fmt"
	"regexp"
	"strconv"

	"mfaload/scenario/form"
)

// DefaultMaxPerUser is how often a user of a host that is not this machine may
// be asked within 24 hours, unless the scenario says otherwise.
const DefaultMaxPerUser = 10

const maxPerDay = 1_000_000_000

const perDayPattern = `[1-9][0-9]*/d`

var perDayText = regexp.MustCompile("^" + perDayPattern + "$")

var perDay = form.UnitText("a number a day", "such as 50/d", form.SchemaObject{"type": "string", "pattern": form.OrVariable(perDayPattern)}, parsePerDay)

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

// fillMaxPerUser gives groups that don't say it the most requests for a user.
// Those that name no user have none.
func (s *draft) fillMaxPerUser() {
	most := s.Load.MaxPerUser
	if most == 0 && s.Target.IsRemote() {
		most = DefaultMaxPerUser
	}
	for i := range s.Groups {
		if g := &s.Groups[i]; g.MaxPerUser == 0 && !g.Usernameless {
			g.MaxPerUser = most
		}
	}
}
