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
}

// later answers a request about a transaction that is there: a read, or the next step of its flow.
func (s *Environment) later(a *simulatedResponse, r *http.Request, env, id string) {
	a.later = true
	if !s.allowed(a, r, env) {
		return
	}
	s.mu.Lock()
	t := s.recent.all[id]
	s.mu.Unlock()
	if t == nil || !s.mayUse(bearer(r), t.request.userID) {
		a.refuse(404, "NOT_FOUND", "The requested resource was not found.", "")
		return
	}
	a.status, a.transaction = 200, *t
	if r.Method == http.MethodGet {
		return
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
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
	switch media {
	case selectDevice:
		s.selects(a, step.Device.ID)
	case checkOTP:
		s.checksOTP(a, step.OTP)
	case cancelPush:
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

// The steps of a flow, by their Content-Type.
const (
	selectDevice = "application/vnd.pingidentity.device.select+json"
	checkOTP     = "application/vnd.pingidentity.otp.check+json"
	cancelPush   = "application/vnd.pingidentity.cancel.push.authentication+json"
)

func isStep(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	steps := []string{selectDevice, checkOTP, cancelPush}
	return r.Method == http.MethodPost && err == nil && slices.Contains(steps, media)
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
			return
		}
	}
	s.invalid(a, "INVALID_VALUE", "device.id", "The user has no such device.")
}

func (s *Environment) checksOTP(a *simulatedResponse, passcode string) {
	switch {
	case !a.possible("OTP_REQUIRED"):
	case passcode == "" || passcode != a.passcode:
		s.invalid(a, "INVALID_OTP", "otp", "The passcode is wrong.")
	default:
		a.move("COMPLETED")
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
