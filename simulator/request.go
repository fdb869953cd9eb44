package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mfaload/scenario"
)

// maxHead is how long all header fields of a request may be, as documented.
const maxHead = 6 << 10

// allowed refuses what is wrong around a request's body.
func (s *Environment) allowed(a *simulatedResponse, r *http.Request, env string) bool {
	token := bearer(r)
	identity := s.identity(token)
	switch {
	case identity == scenario.Expired, identity == "" && !s.takes(token):
		a.refuse(401, "ACCESS_FAILED",
			"The request could not be completed. There was an issue authenticating the request.",
			detail("INVALID_TOKEN", "", "The access token is missing or invalid."))
	case identity == scenario.Foreign, !strings.EqualFold(env, s.target.EnvID):
		a.refuse(403, "ACCESS_FAILED",
			"The request could not be completed. You do not have access to this resource.",
			detail("INSUFFICIENT_PERMISSIONS", "", "The environment does not exist or is not accessible."))
	case identity == scenario.Weak:
		a.refuse(403, "ACCESS_FAILED",
			"The request could not be completed. You do not have access to this resource.",
			detail("INSUFFICIENT_PERMISSIONS", "", "The application lacks a permission."))
	case s.limiter != nil && !s.limiter.Allow():
		a.refuse(429, "REQUEST_LIMITED", "The request could not be completed. Too many requests.",
			detail("LIMIT_EXCEEDED", "", "The rate limit was exceeded."))
		a.retryAfter = strconv.Itoa(max(int(s.config.Limit.RetryAfter/time.Second), 1))
	case headLength(r) > maxHead:
		a.refuse(431, "INVALID_REQUEST", "The header fields are too large.", "")
	case r.Method == http.MethodPost && !a.later && !isJSON(r.Header.Get("Content-Type")):
		a.refuse(415, "INVALID_REQUEST", "The content type is not supported.", "")
	default:
		return true
	}
	return false
}

// bearer is the token of a request; "" for none.
func bearer(r *http.Request) string {
	token, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !is {
		return ""
	}
	return token
}

// identity is what kind of a token that is good for others it is; "" for none of them.
func (s *Environment) identity(token string) scenario.IdentityKind {
	for _, i := range s.target.Identities {
		if i.AccessToken.Reveal() == token {
			return i.Kind
		}
	}
	return ""
}

// mayUse says whether a token is good for a user. One for another population is good for its own
// users only; others are to it as if they were not there.
func (s *Environment) mayUse(token, userID string) bool {
	for _, i := range s.target.Identities {
		if i.AccessToken.Reveal() == token {
			isUser := func(id string) bool { return strings.EqualFold(id, userID) }
			return slices.ContainsFunc(i.Users, isUser)
		}
	}
	return true
}

func headLength(r *http.Request) (n int) {
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return n
}

func isJSON(contentType string) bool {
	media, parameters, err := mime.ParseMediaType(contentType)
	charset, has := parameters["charset"]
	return err == nil && media == "application/json" && (!has || strings.EqualFold(charset, "utf-8"))
}

// parse reads a request's body, or refuses it.
func (s *Environment) parse(a *simulatedResponse, r *http.Request) (*initialization, bool) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil || len(data) > maxRequest || !isStrict(data) {
		a.refuse(400, "INVALID_REQUEST", "The request could not be completed. The request was malformed.", "")
		return nil, false
	}
	var body any
	if err := json.Unmarshal(data, &body); err != nil { // a number that is too large
		s.invalid(a, "INVALID_VALUE", tooLarge(data), "A number is too large.")
		return nil, false
	}
	for _, m := range requestMembers {
		if code, message := m.flaw(body); code != "" {
			s.invalid(a, code, m.path, message)
			return nil, false
		}
	}
	req := &initialization{token: bearer(r)}
	if err := json.Unmarshal(data, req); err != nil {
		s.invalid(a, "INVALID_VALUE", "", "A member has the wrong type.")
		return nil, false
	}
	if req.userID = req.User.ID; req.userID == "" && req.RP.ID == "" {
		s.invalid(a, "REQUIRED_VALUE", "user.id", "user.id is required.")
		return nil, false
	}
	return req, true
}

// isStrict says whether a text is one JSON value in valid UTF-8, without a name twice.
func isStrict(data []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if _, err := d.ReadValue(); err != nil {
		return false
	}
	_, err := d.ReadToken()
	return err == io.EOF
}

// tooLarge is the path of the member with a number that no machine number is.
func tooLarge(data []byte) string {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		t, err := d.ReadToken()
		if err != nil {
			return ""
		}
		if t.Kind() == '0' {
			var f float64
			if json.Unmarshal([]byte(t.String()), &f) != nil {
				return strings.ReplaceAll(strings.TrimPrefix(string(d.StackPointer()), "/"), "/", ".")
			}
		}
	}
}

// requestMember says what one member of a request has to be. Of those that are wrong the first in
// the table is told.
type requestMember struct {
	path string
	kind string // object, text, flag or anything
	// required says that the object that the member belongs to needs it.
	required bool
	// valid says whether a text is valid; nil for any.
	valid func(text string) bool
	// needed says whether an object that is there needs the member, by its other members.
	needed func(object map[string]any) bool
}

var requestMembers = []requestMember{
	{path: "", kind: "object"},
	{path: "user", kind: "object"},
	{path: "user.id", kind: "text", required: true, valid: isID},
	{path: "policy", kind: "object"},
	{path: "policy.id", kind: "text", required: true, valid: isPolicy},
	{path: "selectedDevice", kind: "object"},
	{path: "selectedDevice.id", kind: "text", valid: isID, needed: func(device map[string]any) bool {
		_, has := device["oneTime"]
		return !has
	}},
	{path: "selectedDevice.oneTime", kind: "object"},
	{path: "selectedDevice.oneTime.type", kind: "text", required: true, valid: func(text string) bool {
		return slices.Contains([]string{"EMAIL", "SMS", "VOICE"}, text)
	}},
	{path: "selectedDevice.oneTime.email", kind: "text", valid: isAddress,
		needed: func(d map[string]any) bool {
			return d["type"] == "EMAIL"
		}},
	{path: "selectedDevice.oneTime.phone", kind: "text", valid: isNumber,
		needed: func(d map[string]any) bool {
			return d["type"] != "EMAIL"
		}},
	{path: "selectedDevice.oneTime.testMode", kind: "flag"},
	{path: "notification", kind: "object"},
	{path: "notification.template", kind: "object"},
	{path: "notification.template.name", kind: "text"},
	{path: "notification.template.variant", kind: "text"},
	{path: "notification.template.locale", kind: "text"},
	{path: "notification.template.variables", kind: "object"},
	{path: "application", kind: "object"},
	{path: "application.id", kind: "text", valid: isID},
	{path: "mobilePayload", kind: "text"},
	{path: "rp", kind: "object"},
	{path: "rp.id", kind: "text"},
	{path: "application", kind: "object", needed: func(body map[string]any) bool {
		return body["mobilePayload"] != nil
	}},
}

// flaw is what is wrong with the member; code is "" for nothing.
func (m *requestMember) flaw(body any) (code, message string) {
	value, above := body, map[string]any(nil)
	if m.path != "" {
		for name := range strings.SplitSeq(m.path, ".") {
			object, is := value.(map[string]any)
			if !is {
				return "", "" // it was looked at before
			}
			above = object
			next, there := object[name]
			if !there {
				value = missing
				continue
			}
			value = next
		}
	}
	if value == missing || value == nil && m.required {
		if above != nil && (m.required || m.needed != nil && m.needed(above)) {
			return "REQUIRED_VALUE", m.path + " is required."
		}
		return "", ""
	}
	right := true
	switch m.kind {
	case "object":
		_, right = value.(map[string]any)
	case "flag":
		_, right = value.(bool)
	case "text":
		text, is := value.(string)
		right = is && (m.valid == nil || m.valid(text))
	}
	if !right {
		return "INVALID_VALUE", strings.TrimLeft(m.path+" is not valid.", " ")
	}
	return "", ""
}

type missingMember struct{}

// missing stands for a member that is not there.
var missing any = missingMember{}

func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, b := range []byte(s) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		hex := b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
		if hyphen && b != '-' || !hyphen && !hex {
			return false
		}
	}
	return true
}

// isPolicy says whether there is such a policy: any but those that begin with zeros.
func isPolicy(s string) bool { return isID(s) && !strings.HasPrefix(s, "00000000-0000-0000-0000-") }

func isAddress(s string) bool {
	address, err := mail.ParseAddress(s)
	return err == nil && address.Address == s
}

// isNumber says whether a text is a phone number: digits, with what people write between them.
func isNumber(s string) bool {
	digits := 0
	for i, c := range s {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case c != '+' && !strings.ContainsRune(" ().-", c), c == '+' && i > 0:
			return false
		}
	}
	return digits >= 5 && len(s) <= 32
}
