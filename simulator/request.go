package simulator

import (
	"fmt"

	"mfaload/scenario"
)

// flaw is what is wrong with the optional members of a request; code is "" for
// nothing.
func (r *initialization) flaw() (code, target, message string) {
	if id := r.Application.ID; id != "" && !isID(id) {
		return "INVALID_VALUE", "application.id", "application.id must be an ID."
	}
	if r.MobilePayload != "" && r.Application.ID == "" {
		return "REQUIRED_VALUE", "application.id", "application.id is required with mobilePayload."
	}
	if r.SelectedDevice == nil || r.SelectedDevice.OneTime == nil {
		return "", "", ""
	}
	return r.SelectedDevice.OneTime.flaw()
}

func (o *oneTime) flaw() (code, target, message string) {
	const at = "selectedDevice.oneTime."
	switch {
	case o.Type != "EMAIL" && o.Type != "SMS" && o.Type != "VOICE":
		return "INVALID_VALUE", at + "type", "The type of the one-time device is not supported."
	case o.Type == "EMAIL" && o.Email == "":
		return "REQUIRED_VALUE", at + "email", "The e-mail address is required."
	case o.Type != "EMAIL" && o.Phone == "":
		return "REQUIRED_VALUE", at + "phone", "The phone number is required."
	}
	return "", "", ""
}

// extend adds what optional members of the request bring into the response.
func (s *Environment) extend(a *simulatedResponse, req *initialization) {
	if id := req.Application.ID; id != "" {
		a.extra += `,"application":{"id":` + quote(id) + `}`
	}
	if d := req.SelectedDevice; d != nil && d.OneTime != nil && d.OneTime.TestMode {
		s.mu.Lock()
		passcode := s.random.IntN(1_000_000)
		s.mu.Unlock()
		a.extra += fmt.Sprintf(`,"test":{"otp":"%06d"}`, passcode)
	}
}

// passkeys stands for whoever answers a request without a user: the passkey will
// say who it is.
var passkeys = &knownUser{SimulatedUsers: &scenario.SimulatedUsers{}, status: "ASSERTION_REQUIRED"}
