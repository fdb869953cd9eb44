package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mfaload/scenario/form"
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

func checkExpect(d *form.Decoder, n *form.Node, e *Expect) {
	if written := n.Get("httpStatus"); written != nil && written.Bad {
		return
	}
	onlyCreated := !slices.ContainsFunc(e.HTTPStatuses, func(s int) bool { return s != created })
	if status := n.Get("status"); status != nil && !onlyCreated {
		d.FailKey(status, d.Label(status)+" is expected with an httpStatus other than 201",
			"expect error instead of status, or only httpStatus: 201: errors have no status")
	}
	code := n.Get("error")
	switch {
	case code == nil || !onlyCreated:
	case n.Get("httpStatus") == nil:
		needsHTTPStatus(d, n, code, e.Errors)
	default:
		d.FailKey(code, d.Label(code)+" is expected with only httpStatus 201", "expect status instead of error, or another httpStatus: a 201 is no error")
	}
}

// needsHTTPStatus refuses error codes without an HTTP status.
func needsHTTPStatus(d *form.Decoder, n, code *form.Node, codes []string) {
	if !n.Lacks("httpStatus") {
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
	d.FailKey(code, d.Label(code)+" needs an httpStatus", remedy)
}

// checkScenario looks at what several parts of a scenario say.
func checkScenario(d *form.Decoder, n *form.Node, s *draft) {
	if len(s.Groups) > MaxGroups {
		d.FailKey(n.Get("users"), fmt.Sprintf("users has %d groups, more than %d", len(s.Groups), MaxGroups),
			"join groups that are to be judged alike: a group has as many ids as you like")
	}
	names, ids := map[string]int{}, map[string]string{}
	for i, g := range s.Groups {
		group := n.Get("users").Entries[i]
		name := group.Get("name")
		if line, twice := names[g.Name]; twice && g.Name != "" {
			d.Fail(name, d.Label(name)+": "+name.Shown()+" is the name of another group too", fmt.Sprintf("choose another name; the first is in line %d", line))
		} else if name != nil {
			names[g.Name] = name.Line
		}
		where := "in another group"
		if name != nil {
			where = "in group " + name.Shown()
		}
		unique(d, group.Get("ids"), g.IDs, where, ids)
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
func unique(d *form.Decoder, list *form.Node, ids []string, where string, known map[string]string) {
	for i, id := range ids {
		id = strings.ToLower(id)
		if before, twice := known[id]; twice && id != "" {
			e := list.Entries[i]
			d.Fail(e, d.Label(e)+": "+e.Shown()+" is there twice", "remove one of them: the user is already "+before)
			continue
		}
		known[id] = where
	}
}
