package pingone

import (
	"context"
	"net/http"
	"strings"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/scenario"
)

// Probe is one request that the service must refuse.
type Probe struct {
	// Name says what is wrong with the request.
	Name string
	// Expect is the documented refusal.
	Expect scenario.Expect

	user string
	edit requestEdit
}

// requestEdit makes a request one that must be refused.
type requestEdit func(*transport.Request)

const unknownUser = "00000000-0000-0000-0000-000000000000"

// Probes returns the requests that must be refused, made from one that is
// right for the user. None of them may create a transaction. A body without a
// user is none of them: it is a documented request for passkeys, and what it
// gets depends on the environment.
func (o *Operation) Probes(u scenario.User) []Probe {
	refused := func(status []int, codes ...string) scenario.Expect {
		return scenario.Expect{HTTPStatuses: status, Errors: codes}
	}
	body := func(text string) requestEdit {
		return func(r *transport.Request) { r.Body = []byte(text) }
	}
	noToken := func(r *transport.Request) { r.Authorization = "" }
	brokenToken := func(r *transport.Request) {
		r.Authorization = strings.Replace(r.Authorization, "\r\n", "x\r\n", 1)
	}
	plainText := func(r *transport.Request) {
		r.Head = strings.Replace(r.Head, "Content-Type: application/json", "Content-Type: text/plain", 1)
	}
	otherEnvironment := func(r *transport.Request) {
		r.Path = strings.Replace(r.Path, o.address.envID, unknownUser, 1)
	}
	unauthorized := refused([]int{401}, "ACCESS_FAILED")
	invalid := refused([]int{400}, "INVALID_DATA", "INVALID_REQUEST", "REQUEST_FAILED")
	probes := []Probe{
		{"no token", unauthorized, u.ID, noToken},
		{"a broken token", unauthorized, u.ID, brokenToken},
		{"a user without an ID", invalid, u.ID, body(`{"user":{}}`)},
		{"user.id of a wrong type", invalid, u.ID, body(`{"user":{"id":5}}`)},
		{"user.id of a wrong form", refused([]int{400, 404}), u.ID, body(`{"user":{"id":"nobody"}}`)},
		{"an unknown user", refused([]int{404}, "NOT_FOUND"), unknownUser, func(*transport.Request) {}},
		{"a body that is not JSON", invalid, u.ID, body(`{"user":`)},
		{"another content type", refused([]int{415}, "INVALID_REQUEST"), u.ID, plainText},
		{"an unknown policy", refused([]int{400, 404}), u.ID,
			body(`{"user":{"id":"` + u.ID + `"},"policy":{"id":"` + unknownUser + `"}}`)},
	}
	if o.address.basePath == "" {
		return probes // no path of a custom domain names an environment
	}
	return append(probes, Probe{"an unknown environment",
		refused([]int{403, 404}, "ACCESS_FAILED", "NOT_FOUND"), u.ID, otherEnvironment})
}

// Probe sends a request that must be refused, and checks the refusal.
func (o *Operation) Probe(ctx context.Context, u scenario.User, p Probe,
	ex *contract.Exchange) ([]contract.Violation, error) {
	now, err := o.tokens.valid()
	if err != nil {
		return nil, err
	}
	of := scenario.User{ID: p.user, Group: u.Group}
	if err := o.admit(of, false); err != nil {
		return nil, err
	}
	o.prepare(of, now, ex)
	r := o.request(now, ex)
	p.edit(&r)
	ex.Request, ex.URL = append(ex.Request[:0], r.Body...), o.address.origin+r.Path
	if err := o.transport.RoundTrip(ctx, r, ex); err != nil {
		return nil, err
	}
	expect := newExpectation(p.Expect)
	return o.judge(&expect, ex, nil), nil
}

// CheckRead checks what ReadBack got against the contract: a transaction that is
// read has the shape of one that was created.
func (o *Operation) CheckRead(ex *contract.Exchange, dst []contract.Violation) []contract.Violation {
	as := ex.Status
	if as == http.StatusOK {
		as = http.StatusCreated
	}
	dst = o.contract.CheckAs(as, ex, dst)
	ex.Label = o.labels.of(ex.Status, responseCode(ex, as))
	return dst
}
