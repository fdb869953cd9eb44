package pingone

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mfaload/contract"
	"mfaload/internal/redact"
	"mfaload/measure"
	"mfaload/pingone/transport"
	"mfaload/scenario"
)

// FlowTransaction is a device authentication that a response began: what its next steps need of the last
// response. It is used by one goroutine at a time.
type FlowTransaction struct {
	operation *Operation
	last      contract.Exchange // body, facts and status of the last response
	status    string            // of the transaction
	passcode  string            // the last one that a response had
	flow      []string          // the rules over both responses that were evaluated
}

// Follow returns the transaction that the response in ex began; nil if it began none.
func (o *Operation) Follow(ex *contract.Exchange) *FlowTransaction {
	if ex.Status != http.StatusCreated || ex.Cut {
		return nil
	}
	t := &FlowTransaction{operation: o}
	t.take(ex)
	t.last.Facts = slices.Clone(ex.Facts)
	return t
}

// take keeps what the next step needs of a response.
func (t *FlowTransaction) take(ex *contract.Exchange) {
	t.last.Status, t.last.Body = ex.Status, append(t.last.Body[:0], ex.Body...)
	t.status = strings.Clone(responseCode(ex, http.StatusCreated))
}

// Possible says whether its status, by the last response, allows an action.
func (t *FlowTransaction) Possible(a scenario.Action) bool { return a.Possible(t.status) }

// Steps are sent to the transaction's own URL, and told apart by their Content-Type.
var mediaTypes = map[scenario.Action]string{
	scenario.SelectDevice: "application/vnd.pingidentity.device.select+json",
	scenario.CheckOTP:     "application/vnd.pingidentity.otp.check+json",
	scenario.Cancel:       "application/vnd.pingidentity.cancel.push.authentication+json",
}

// actions are the names that the contract document has for steps.
var actions = map[scenario.Action]string{
	scenario.ReadStep: "read", scenario.SelectDevice: "device.select",
	scenario.CheckOTP: "otp.check", scenario.Cancel: "cancel"}

// Send sends a step, with a wrong passcode where it is to be one. It sends to the target only, wherever the
// transaction's link leads.
func (t *FlowTransaction) Send(ctx context.Context, s scenario.FlowStep, wrong bool,
	ex *contract.Exchange) error {
	o := t.operation
	path, body, err := t.request(s, wrong)
	if err != nil {
		return err
	}
	now, err := o.tokens.valid()
	if err != nil {
		return err
	}
	if s.Action == scenario.SelectDevice && o.userSlot >= 0 { // which sends the user a message
		if err := o.admit(scenario.User{ID: t.last.Facts[o.userSlot]}, false); err != nil {
			return err
		}
	}
	ex.Facts = append(ex.Facts[:0], t.last.Facts...)
	ex.Method, ex.URL, ex.Request = "GET", o.address.origin+path, append(ex.Request[:0], body...)
	ex.TransactionID, ex.TraceParent = ex.TransactionID[:0], ex.TraceParent[:0]
	r := transport.Request{Path: path, Head: o.head, Authorization: now.line, Body: ex.Request}
	if media := mediaTypes[s.Action]; media != "" {
		ex.Method = "POST"
		r.Head = strings.Replace(o.head, "application/json", media, 1)
	}
	r.Method = ex.Method
	return cmp.Or(o.steps, o.transport).RoundTrip(ctx, r, ex)
}

// request is where a step goes, and its body. Without what it needs of the response nothing is sent.
func (t *FlowTransaction) request(s scenario.FlowStep, wrong bool) (path, body string, err error) {
	var last struct {
		Links struct {
			Self struct{ Href string }
		} `json:"_links"`
		Embedded struct {
			Devices []struct{ ID, Type string }
		} `json:"_embedded"`
		Test struct{ OTP json.RawMessage }
	}
	missing := func(what string) error {
		return &contract.Failure{Kind: what, Own: true, Err: errors.New("the step was not sent")}
	}
	if json.Unmarshal(t.last.Body, &last) != nil {
		return "", "", missing(measure.NoTransaction)
	}
	link, err := url.Parse(last.Links.Self.Href)
	if err != nil || !isBelow(link.EscapedPath(), t.operation.address.path) {
		return "", "", missing(measure.NoTransaction)
	}
	if otp := strings.Trim(string(last.Test.OTP), `"`); otp != "" && otp != "null" {
		t.passcode = otp
	}
	path = link.EscapedPath()
	switch s.Action {
	case scenario.SelectDevice:
		for _, d := range last.Embedded.Devices {
			if d.ID != "" && (s.Device == "" || d.Type == s.Device) {
				return path, fmt.Sprintf(`{"device":{"id":%q}}`, d.ID), nil
			}
		}
		return "", "", missing(measure.NoDevice)
	case scenario.CheckOTP:
		if t.passcode == "" {
			return "", "", missing(measure.NoPasscode)
		}
		otp, err := json.Marshal(t.sent(wrong))
		return path, `{"otp":` + string(otp) + `}`, err
	case scenario.Cancel:
		return path, `{"reason":"CHANGE_DEVICE"}`, nil
	}
	return path, "", nil
}

// sent is the passcode, or one of as many characters that is wrong.
func (t *FlowTransaction) sent(wrong bool) string {
	if !wrong {
		return t.passcode
	}
	last := len(t.passcode) - 1
	if t.passcode[last] == '0' {
		return t.passcode[:last] + "1"
	}
	return t.passcode[:last] + "0"
}

// Check judges the response to a step: by itself as one to a read, and against the one before. What the
// documentation does not name as the status after the step is a finding.
func (t *FlowTransaction) Check(s scenario.FlowStep, wrong bool, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	o := t.operation
	dst = o.CheckRead(ex, dst)
	t.flow = nil
	action := actions[s.Action]
	ex.AsExpected = ex.Status == http.StatusOK
	if wrong {
		action = "otp.check.wrong"
		ex.AsExpected = ex.Status == http.StatusBadRequest && hasCode(ex.Body, "INVALID_OTP")
		if ex.AsExpected {
			ex.Label = o.labels.of(ex.Status, "INVALID_OTP")
			return dst
		}
	}
	switch {
	case ex.Status == http.StatusOK:
	case ex.Status == http.StatusTooManyRequests, ex.Status/100 == 5, wrong:
		return dst
	}
	dst, t.flow = o.contract.CheckFlow(action, &t.last, ex, dst)
	t.mark(ex)
	if ex.AsExpected {
		t.take(ex)
	}
	return dst
}

// mark notes the rules over two responses that were evaluated, behind the bits of the other rules.
func (t *FlowTransaction) mark(ex *contract.Exchange) {
	first, flow := len(t.operation.contract.Rules()), t.operation.contract.FlowRules()
	for i, rule := range flow {
		if bit := first + i; slices.Contains(t.flow, rule.Name) {
			for len(ex.Evaluated) <= bit/64 {
				ex.Evaluated = append(ex.Evaluated, 0)
			}
			ex.Evaluated[bit/64] |= 1 << (bit % 64)
		}
	}
}

// StepRules are the rules that responses to steps are checked against, in the order of their bits.
func (o *Operation) StepRules() []contract.Rule {
	return slices.Concat(o.contract.Rules(), o.contract.FlowRules())
}

// hasCode says whether a refusal has a code, or one of its details does.
func hasCode(body []byte, code string) bool {
	var refusal struct {
		Code    string
		Details []struct{ Code string }
	}
	if json.NewDecoder(bytes.NewReader(body)).Decode(&refusal) != nil {
		return false
	}
	return refusal.Code == code ||
		slices.ContainsFunc(refusal.Details, func(d struct{ Code string }) bool { return d.Code == code })
}

// Mask takes out what [Operation.Mask] does, and the passcode.
func (t *FlowTransaction) Mask(text string) string {
	secrets := t.operation.hidden()
	if t.passcode != "" { // most of a wrong one is that of the right one
		secrets = secrets.And(redact.New(t.passcode, t.sent(true)))
	}
	return secrets.Mask(text)
}

// ReadBack reads the transaction of a response at its self link, and checks what it gets by itself
// and against that response. Flow has the rules about both responses that they could have broken.
func (o *Operation) ReadBack(ctx context.Context,
	created, ex *contract.Exchange) ([]contract.Violation, error) {
	t := o.Follow(created)
	if t == nil {
		return nil, errors.New("the response can't be read back: it began no transaction")
	}
	read := scenario.FlowStep{Action: scenario.ReadStep}
	if err := t.Send(ctx, read, false, ex); err != nil {
		if f := (*contract.Failure)(nil); errors.As(err, &f) && f.Kind == measure.NoTransaction {
			return nil, errors.New("the response can't be read back: it is not JSON, or its self link " +
				"points elsewhere")
		}
		return nil, err
	}
	return t.Check(read, false, ex, nil), nil
}

// isBelow says whether a path leads below another, whatever the case of IDs.
func isBelow(path, folder string) bool {
	n := len(folder)
	return len(path) > n && path[n] == '/' && contract.SameText(path[:n], folder)
}
