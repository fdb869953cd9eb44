package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// statuses, deviceTypes and errorCodes are those of the documentation.
var (
	statuses = []string{"OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED", "COMPLETED", "PUSH_CONFIRMATION_REQUIRED",
		"PUSH_CONFIRMATION_TIMED_OUT", "ASSERTION_REQUIRED", "FAILED"}
	deviceTypes = []string{"EMAIL", "SMS", "VOICE", "WHATSAPP", "TOTP", "MOBILE", "FIDO2", "SECURITY_KEY", "PLATFORM",
		"OATH_TOKEN", "PINGID_MOBILE", "PINGID_DESKTOP", "PINGID_DESKTOP_GEN2", "YUBIKEY"}
	errorCodes = []string{"INVALID_DATA", "INVALID_REQUEST", "REQUEST_FAILED", "ACCESS_FAILED", "NOT_FOUND",
		"REQUEST_LIMITED", "UNEXPECTED_ERROR"}
)

// httpStatusesOf are the HTTP statuses that the documentation has for an error
// code.
var httpStatusesOf = map[string][]int{
	"INVALID_DATA": {400}, "INVALID_REQUEST": {400, 415}, "REQUEST_FAILED": {400}, "ACCESS_FAILED": {401, 403},
	"NOT_FOUND": {404}, "REQUEST_LIMITED": {429}, "UNEXPECTED_ERROR": {500},
}

// MaxGroups is how many groups a scenario has at most: a report lists each of them,
// and mfaload has to be able to read it back.
const MaxGroups = 10_000

// created is the HTTP status of an answer that has a status of its own.
const created = 201

func checkExpect(d *decoder, n *node, e *Expect) {
	if written := n.get("httpStatus"); written != nil && written.bad {
		return
	}
	onlyCreated := !slices.ContainsFunc(e.HTTPStatuses, func(s int) bool { return s != created })
	if status := n.get("status"); status != nil && !onlyCreated {
		d.failKey(status, d.label(status)+" is expected with an httpStatus other than 201",
			"expect error instead of status, or only httpStatus: 201: errors have no status")
	}
	code := n.get("error")
	switch {
	case code == nil || !onlyCreated:
	case n.get("httpStatus") == nil:
		d.needsHTTPStatus(n, code, e.Errors)
	default:
		d.failKey(code, d.label(code)+" is expected with only httpStatus 201", "expect status instead of error, or another httpStatus: a 201 is no error")
	}
}

// needsHTTPStatus refuses error codes without an HTTP status.
func (d *decoder) needsHTTPStatus(n, code *node, codes []string) {
	if !n.lacks("httpStatus") {
		return
	}
	var of []string
	for _, c := range codes {
		for _, s := range httpStatusesOf[c] {
			if text := strconv.Itoa(s); !slices.Contains(of, text) {
				of = append(of, text)
			}
		}
	}
	remedy := "add the httpStatus of the error, for example httpStatus: 404"
	if len(of) > 0 {
		remedy = fmt.Sprintf("add httpStatus: %s", strings.Join(of, " or "))
	}
	d.failKey(code, d.label(code)+" needs an httpStatus", remedy)
}

// checkScenario looks at what several parts of a scenario say.
func checkScenario(d *decoder, n *node, s *draft) {
	if len(s.Groups) > MaxGroups {
		d.failKey(n.get("users"), fmt.Sprintf("users has %d groups, more than %d", len(s.Groups), MaxGroups),
			"join groups that are to be judged alike: a group has as many ids as you like")
	}
	names, ids := map[string]int{}, map[string]string{}
	for i, g := range s.Groups {
		group := n.get("users").entries[i]
		name := group.get("name")
		if line, twice := names[g.Name]; twice && g.Name != "" {
			d.fail(name, d.label(name)+": "+name.shown()+" is the name of another group too", fmt.Sprintf("choose another name; the first is in line %d", line))
		} else if name != nil {
			names[g.Name] = name.line
		}
		where := "in another group"
		if name != nil {
			where = "in group " + name.shown()
		}
		d.unique(group.get("ids"), g.IDs, where, ids)
	}
	checkStdin(d, n, s)
	checkLimitGroups(d, n, s)
	checkClosedLimits(d, n, s)
	checkClosedUsers(d, n, s)
	s.fillMaxPerUser()
	s.Thresholds = s.limits.ordered(s.Groups)
}

// unique refuses users who are there already. In upper or lower case an ID is
// the same.
func (d *decoder) unique(list *node, ids []string, where string, known map[string]string) {
	for i, id := range ids {
		id = strings.ToLower(id)
		if before, twice := known[id]; twice && id != "" {
			e := list.entries[i]
			d.fail(e, d.label(e)+": "+e.shown()+" is there twice", "remove one of them: the user is already "+before)
			continue
		}
		known[id] = where
	}
}
