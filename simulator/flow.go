package simulator

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// transaction is a device authentication as it stands. Values are JSON texts, so that faults can put
// anything in their place; "" leaves a member out.
type transaction struct {
	id, env, user, policy string
	state                 string
	createdAt, updatedAt  string
	links                 []link
	devices               []string
	selected              string
	extra                 string // further members, each with a comma before it

	raw []byte // where set, the body instead

	request  *initialization // that it was made for; nil for none
	owner    *knownUser
	passcode string // that completes it; "" where nobody can know it
	made     time.Time
}

// later answers a request about a transaction that is there: a read, or the next step of its flow.
func (s *Environment) later(a *simulatedResponse, r *http.Request, env, id string) {
	a.later = true
	if !s.allowed(a, r, env) {
		return
	}
	s.mu.Lock()
	t, known := s.recent.all[id]
	if known {
		s.expire(t)
		a.transaction = *t
	}
	s.mu.Unlock()
	if !known || !s.mayUse(bearer(r), a.request.userID) {
		a.refuse(404, "NOT_FOUND", "The requested resource was not found.", "")
		return
	}
	a.status = 200
	if r.Method == http.MethodGet {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	var step struct {
		Device struct{ ID string }
		OTP    string
		Reason string
	}
	if err != nil || json.Unmarshal(body, &step) != nil {
		a.refuse(400, "INVALID_REQUEST", "The request could not be completed. The request was malformed.", "")
		return
	}
	switch actionOf(r) {
	case "device.select":
		s.selects(a, step.Device.ID)
	case "otp.check":
		s.checksOTP(a, step.OTP)
	case "cancel":
		s.cancels(a, step.Reason)
	}
	if a.status != 200 {
		return
	}
	now := a.transaction // a fault may yet bend the response
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent.all[id] != nil {
		s.recent.all[id] = &now
	}
}

// actions are the next steps of a transaction, by their Content-Type.
var actions = map[string]string{
	"application/vnd.pingidentity.device.select+json":              "device.select",
	"application/vnd.pingidentity.otp.check+json":                  "otp.check",
	"application/vnd.pingidentity.cancel.push.authentication+json": "cancel",
}

// actionOf is what a request does with a transaction that is there; "" for nothing.
func actionOf(r *http.Request) string {
	if r.Method == http.MethodGet {
		return "read"
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil {
		return ""
	}
	return actions[media]
}

// expire brings a transaction to an end that lived too long without one.
func (s *Environment) expire(t *transaction) {
	if time.Since(t.made) < s.config.Expiry {
		return
	}
	status := "FAILED"
	switch strings.Trim(t.state, `"`) {
	case "COMPLETED", "FAILED", "PUSH_CONFIRMATION_TIMED_OUT":
		return
	case "PUSH_CONFIRMATION_REQUIRED":
		status = "PUSH_CONFIRMATION_TIMED_OUT"
	}
	t.updatedAt = stamp(t.made.Add(s.config.Expiry))
	t.turn(status)
	if status == "FAILED" {
		t.extra = `,"error":{"code":"EXPIRED","message":"The authentication has expired."}`
	}
}

// possible says whether a transaction is at one of some statuses, or refuses the step.
func (a *simulatedResponse) possible(at ...string) bool {
	if slices.Contains(at, strings.Trim(a.state, `"`)) {
		return true
	}
	a.refuse(400, "REQUEST_FAILED", "The request could not be completed. The action is not possible now.", "")
	return false
}

func (s *Environment) selects(a *simulatedResponse, id string) {
	if !a.possible("OTP_REQUIRED", "DEVICE_SELECTION_REQUIRED") {
		return
	}
	for _, d := range a.owner.devices {
		if strings.EqualFold(d.id, id) {
			a.selected = `{"id":"` + d.id + `"}`
			a.move(statusOf[d.kind])
			if a.owner.TestMode {
				s.showPasscode(a)
			}
			return
		}
	}
	s.invalid(a, "INVALID_VALUE", "device.id", "The user has no such device.")
}

// What the documentation says of wrong passcodes: three in a row, by default, start a cool-down. How long
// that is, and what is refused in it, it does not say.
const (
	maxWrong = 3
	coolDown = 2 * time.Minute
)

func (s *Environment) checksOTP(a *simulatedResponse, passcode string) {
	if !a.possible("OTP_REQUIRED") {
		return
	}
	s.mu.Lock()
	u, now := a.owner, time.Now()
	cooling, right := now.Before(u.coolUntil), passcode != "" && passcode == a.passcode
	switch {
	case cooling:
	case right:
		u.wrong = 0
	default:
		if u.wrong++; u.wrong == maxWrong {
			u.wrong, u.coolUntil = 0, now.Add(coolDown)
		}
	}
	s.mu.Unlock()
	switch {
	case cooling:
		a.refuse(400, "REQUEST_FAILED",
			"The request could not be completed. There were too many wrong passcodes.", "")
	case right:
		a.move("COMPLETED")
	default:
		s.invalid(a, "INVALID_OTP", "otp", "The passcode is wrong.")
	}
}

func (s *Environment) cancels(a *simulatedResponse, reason string) {
	switch {
	case !a.possible("PUSH_CONFIRMATION_REQUIRED"):
	case reason != "CHANGE_DEVICE":
		s.invalid(a, "INVALID_VALUE", "reason", "reason is not valid.")
	default:
		a.selected = ""
		a.move("DEVICE_SELECTION_REQUIRED")
	}
}

// move brings a transaction to a status, and turn only says so.
func (t *transaction) move(status string) {
	t.updatedAt = stamp(time.Now())
	t.turn(status)
}

func (t *transaction) turn(status string) {
	t.state = quote(status)
	t.links = linksFor(status, t.links[0].href)
	t.extra = extraFor(status, t.request)
	t.passcode = ""
	if id := t.request.Application.ID; id != "" {
		t.extra += `,"application":{"id":` + quote(id) + `}`
	}
}
