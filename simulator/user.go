package simulator

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mfaload/scenario"
)

// statusOf is the status of a response to a user with one device of a type.
var statusOf = map[string]string{
	"EMAIL": "OTP_REQUIRED", "SMS": "OTP_REQUIRED", "VOICE": "OTP_REQUIRED", "WHATSAPP": "OTP_REQUIRED",
	"TOTP":       "OTP_REQUIRED",
	"OATH_TOKEN": "OTP_REQUIRED", "YUBIKEY": "OTP_REQUIRED", "PINGID_DESKTOP": "OTP_REQUIRED",
	"PINGID_DESKTOP_GEN2": "OTP_REQUIRED",
	"MOBILE":              "PUSH_CONFIRMATION_REQUIRED", "PINGID_MOBILE": "PUSH_CONFIRMATION_REQUIRED",
	"FIDO2": "ASSERTION_REQUIRED", "SECURITY_KEY": "ASSERTION_REQUIRED", "PLATFORM": "ASSERTION_REQUIRED",
}

type knownUser struct {
	*scenario.SimulatedUsers
	status  string
	devices []*device

	// Of passcodes, under the environment's lock.
	wrong     int       // in a row
	coolUntil time.Time // until when none is checked
}

type device struct {
	id, kind string
	json     string
}

func newUser(id string, u *scenario.SimulatedUsers) *knownUser {
	known := &knownUser{SimulatedUsers: u, status: u.Status}
	for i, kind := range u.Devices {
		known.devices = append(known.devices, newDevice(id, i, kind, u.Form == "newer"))
	}
	switch {
	case known.status != "":
	case len(u.Devices) == 0:
		known.status = "FAILED"
	case len(u.Devices) == 1:
		known.status = statusOf[u.Devices[0]]
	default:
		known.status = "DEVICE_SELECTION_REQUIRED"
	}
	return known
}

// newDevice gives a device an ID that is the same on every start.
func newDevice(userID string, i int, kind string, newer bool) *device {
	d := &device{id: stableID(fmt.Sprintf("device %s %d", userID, i)), kind: kind}
	d.json = fmt.Sprintf(`{"id":%q,"type":%q,"status":"ACTIVE"%s`, d.id, kind, contact(kind))
	if newer {
		d.json += newerMembers(kind)
	}
	d.json += "}"
	return d
}

func contact(kind string) string {
	switch kind {
	case "EMAIL":
		return `,"email":"j****@pingidentity.com"`
	case "SMS", "VOICE", "WHATSAPP":
		return `,"phone":"+1********50"`
	}
	return ""
}

func newerMembers(kind string) string {
	members := `,"usableStatus":{"status":"ENABLED"},"nickname":"My device"`
	switch kind {
	case "FIDO2", "SECURITY_KEY", "PLATFORM":
		members += `,"rp":{"id":"pingone.com","name":"PingOne"}`
	case "MOBILE":
		members += `,"os":{"type":"ANDROID","version":"14"},"model":{"name":"Pixel"},"pushEnabled":true,` +
			`"otpEnabled":true,"rooted":false,` +
			`"pushStatus":"ENABLED","lockEnabled":true,"apiVersion":"1.0","sdkVersion":"2.0.0",` +
			`"locale":"en","block":{"status":"UNBLOCKED"},` +
			`"application":{"id":"` + stableID("application") + `"}`
	}
	return members
}

func stableID(of string) string { return formatID(sha256.Sum256([]byte(of))) }

func formatID(b [32]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

type oneTime struct {
	Type  string `json:"type"`
	Email string `json:"email"`
	Phone string `json:"phone"`
	// TestMode has nothing sent and the passcode in the response.
	TestMode bool `json:"testMode"`
}

func (o *oneTime) json() string {
	if o.Email != "" {
		return fmt.Sprintf(`{"type":%q,"email":%q}`, o.Type, maskEmail(o.Email))
	}
	return fmt.Sprintf(`{"type":%q,"phone":%q}`, o.Type, maskPhone(o.Phone))
}

// maskEmail leaves at most the first two letters of the local part.
func maskEmail(email string) string {
	name, domain, _ := strings.Cut(email, "@")
	local := []rune(name)
	keep := min(2, max(len(local)-2, 0))
	return string(local[:keep]) + "****@" + domain
}

// maskPhone leaves the last two digits.
func maskPhone(phone string) string {
	digits := []rune(phone)
	return strings.Repeat("*", max(len(digits)-2, 4)) + string(digits[max(len(digits)-2, 0):])
}

var devicesFor = map[string][]string{
	"OTP_REQUIRED": {"EMAIL"}, "DEVICE_SELECTION_REQUIRED": {"EMAIL", "SMS"},
	"PUSH_CONFIRMATION_REQUIRED": {"MOBILE"}, "PUSH_CONFIRMATION_TIMED_OUT": {"MOBILE"},
	"ASSERTION_REQUIRED": {"FIDO2"},
}

// AsExpected are users who give a group what it expects, and needs for the steps that follow.
func AsExpected(g scenario.Group) *scenario.SimulatedUsers {
	e, u := g.Expect, &scenario.SimulatedUsers{}
	u.TestMode = slices.ContainsFunc(g.Then,
		func(s scenario.FlowStep) bool { return s.Action == scenario.CheckOTP })
	if slices.Contains(e.HTTPStatuses, 201) {
		u.Status = "OTP_REQUIRED"
		if len(e.Statuses) > 0 {
			u.Status = e.Statuses[0]
		}
		u.Devices = devicesFor[u.Status]
		return u
	}
	u.HTTPStatus = e.HTTPStatuses[0]
	if len(e.Errors) > 0 {
		u.Error = e.Errors[0]
	}
	return u
}

type issued map[string]time.Time

func (s *Environment) asksToken(path string) bool {
	want := "/as/token"
	if !s.target.CustomDomain {
		want = "/" + s.target.EnvID + want
	}
	return strings.EqualFold(path, want)
}

// giveToken answers as a token endpoint (RFC 6749, sections 4.4 and 5).
func (s *Environment) giveToken(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := basicClient(r)
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	refuse := func(status int, code, description string) {
		s.tell(w, status, map[string]any{"error": code, "error_description": description})
	}
	client := s.target.ClientCredentials
	switch {
	case r.Method != http.MethodPost:
		refuse(405, "invalid_request", "The method is not supported.")
	case client != nil && (id != client.ClientID || secret != client.ClientSecret.Reveal()):
		refuse(401, "invalid_client", "Request denied: Invalid client credentials.")
	case client != nil && basic == (client.AuthMethod == scenario.Post):
		refuse(401, "invalid_client", "Request denied: Unsupported authentication method.")
	case r.PostFormValue("grant_type") != "client_credentials":
		refuse(400, "unsupported_grant_type", "The grant type is not supported.")
	default:
		token := "simulated." + s.newID() + s.newID()
		life := s.config.TokenLifetime
		if life <= 0 {
			life = time.Hour
		}
		s.mu.Lock()
		if s.issued == nil {
			s.issued = issued{}
		}
		for old, end := range s.issued {
			if time.Now().After(end) {
				delete(s.issued, old)
			}
		}
		s.issued[token] = time.Now().Add(life)
		s.mu.Unlock()
		s.tell(w, 200,
			map[string]any{"access_token": token, "token_type": "Bearer",
				"expires_in": int(life / time.Second)})
	}
}

// basicClient reads a client's credentials from HTTP Basic, where they are
// encoded as those of a form are (RFC 6749, section 2.3.1).
func basicClient(r *http.Request) (id, secret string, ok bool) {
	id, secret, ok = r.BasicAuth()
	if !ok {
		return "", "", false
	}
	var errs [2]error
	id, errs[0] = url.QueryUnescape(id)
	secret, errs[1] = url.QueryUnescape(secret)
	if errors.Join(errs[:]...) != nil {
		return "", "", true
	}
	return id, secret, true
}

func (s *Environment) tell(w http.ResponseWriter, status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		status = 500
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func (s *Environment) takes(token string) bool {
	fixed := s.target.AccessToken.Reveal()
	switch {
	case token == "":
		return false
	case fixed != "" && token == fixed:
		return true
	case s.target.ClientCredentials == nil:
		return fixed == ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	end, known := s.issued[token]
	return known && time.Now().Before(end)
}
