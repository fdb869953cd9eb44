package contract

import (
	"regexp"
	"strconv"
)

// statuses is a range of HTTP statuses.
type statuses struct{ from, to int }

func (s statuses) has(status int) bool { return s.from <= status && status <= s.to }

var statusForm = regexp.MustCompile(`^[1-5](XX|[0-9][0-9])$`)

// parseStatuses reads "201" or "4XX".
func parseStatuses(s string) (statuses, bool) {
	if !statusForm.MatchString(s) {
		return statuses{}, false
	}
	if s[1:] == "XX" {
		from := int(s[0]-'0') * 100
		return statuses{from, from + 99}, true
	}
	n, err := strconv.Atoi(s)
	return statuses{n, n}, err == nil
}
