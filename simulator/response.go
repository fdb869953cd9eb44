package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"mfaload/scenario"
)

type simulatedResponse struct {
	status      int
	contentType []string
	correlation string
	retryAfter  string
	location    string
	encoding    string
	link        []string // further header fields

	transaction // what a success is made of

	// What an error is made of.
	ownID, errorID, code, message, details string

	server *Environment
	later  bool // it responds to a request about a transaction that is there
	cut    bool // the connection is closed in the middle of the body
	reset  bool // the connection is reset before the response
	silent bool // no response comes
	// wire, where set, writes the response past the server: head is what would
	// have been sent without a length.
	wire func(head, body string) string
	// frames, where set, sends the response over HTTP/2.
	frames func(*frameResponse)
}

type link struct{ name, href string }

func (a *simulatedResponse) success() bool { return a.status == 201 || a.status == 200 }

func (a *simulatedResponse) body() []byte {
	switch {
	case a.raw != nil:
		return a.raw
	case a.success():
		return a.json()
	default:
		return a.refusal()
	}
}

func (a *transaction) json() []byte {
	b := make([]byte, 0, 1536)
	b = append(b, `{"_links":{`...)
	for i, l := range a.links {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), l.name...), `":{"href":`...)
		b = append(append(b, l.href...), '}')
	}
	b = append(b, `},"_embedded":{"devices":[`...)
	b = append(b, strings.Join(a.devices, ",")...)
	b = append(b, `]}`...)
	b = member(b, "id", a.id)
	b = object(b, "environment", a.env)
	b = member(b, "status", a.state)
	b = object(b, "policy", a.policy)
	b = member(b, "selectedDevice", a.selected)
	b = object(b, "user", a.user)
	b = member(b, "createdAt", a.createdAt)
	b = member(b, "updatedAt", a.updatedAt)
	b = append(b, a.extra...)
	return append(b, '}')
}

func member(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return append(b, value...)
}

func object(b []byte, name, id string) []byte {
	if id == "" {
		return b
	}
	return append(member(b, name, `{"id":`+id), '}')
}

func (a *simulatedResponse) refusal() []byte {
	b := []byte(`{`)
	if a.errorID != "" {
		b = append(append(b, `"id":`...), a.errorID...)
		b = append(b, ',')
	}
	b = append(append(b, `"code":`...), a.code...)
	b = member(b, "message", a.message)
	if a.details != "" {
		b = append(append(append(b, `,"details":[`...), a.details...), ']')
	}
	b = append(b, a.extra...)
	return append(b, '}')
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""` // never: strings are always written
	}
	return string(text)
}

// stamp writes a time as the service does: UTC, always three fraction digits.
func stamp(t time.Time) string { return t.UTC().Format(`"2006-01-02T15:04:05.000Z"`) }

func linksFor(status, href string) []link {
	all := []link{{"self", href}}
	switch status {
	case "OTP_REQUIRED":
		all = append(all, link{"device.select", href}, link{"otp.check", href})
	case "DEVICE_SELECTION_REQUIRED":
		all = append(all, link{"device.select", href})
	}
	return all
}

func extraFor(status string, req *initialization) string {
	switch status {
	case "ASSERTION_REQUIRED":
		options := `{"challenge":"3q2+7w==","rpId":` + quote(cmp.Or(req.RP.ID, "pingone.com")) +
			`,"userVerification":"preferred","timeout":120000}`
		return `,"publicKeyCredentialRequestOptions":` + quote(options)
	case "FAILED":
		return `,"error":{"code":"NO_USABLE_DEVICES","message":"The user has no usable devices."}`
	}
	return ""
}

func (a *simulatedResponse) refuse(status int, code, message, details string) {
	a.status, a.code, a.message, a.details = status, quote(code), quote(message), details
	a.extra = ""
	switch status {
	case 403, 429, 502, 503:
		a.errorID = ""
	default:
		a.errorID = a.ownID
	}
}

func detail(code, target, message string) string {
	d := `{"code":` + quote(code) + `,"message":` + quote(message)
	if target != "" {
		d += `,"target":` + quote(target)
	}
	return d + `}`
}

func reset(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// pastServer writes a response that the server would not: its framing is wrong.
// The connection is closed after it.
func pastServer(w http.ResponseWriter, status int, wire func(head, body string) string, body string) {
	var head strings.Builder
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = w.Header().Write(&head)
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(conn, wire(head.String(), body))
	_ = conn.Close()
}

func (s *Environment) extend(a *simulatedResponse, req *initialization) {
	if id := req.Application.ID; id != "" {
		a.extra += `,"application":{"id":` + quote(id) + `}`
	}
	oneTime := req.SelectedDevice != nil && req.SelectedDevice.OneTime != nil
	if oneTime && req.SelectedDevice.OneTime.TestMode || !oneTime && a.owner.TestMode {
		s.showPasscode(a)
	}
}

// showPasscode has a response at OTP_REQUIRED hold its passcode.
func (s *Environment) showPasscode(a *simulatedResponse) {
	if strings.Trim(a.state, `"`) != "OTP_REQUIRED" {
		return
	}
	s.mu.Lock()
	passcode := s.random.IntN(1_000_000)
	s.mu.Unlock()
	a.passcode = fmt.Sprintf("%06d", passcode)
	a.extra += `,"test":{"otp":"` + a.passcode + `"}`
}

// passkeys stands for whoever answers a request without a user: the passkey will
// say who it is.
var passkeys = &knownUser{SimulatedUsers: &scenario.SimulatedUsers{}, status: "ASSERTION_REQUIRED"}
