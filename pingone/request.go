package pingone

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"mfaload/contract"
	"mfaload/pingone/transport"
	"mfaload/scenario"
)

// serviceAddress is where requests go.
type serviceAddress struct {
	url      *url.URL
	origin   string // scheme://host[:port]
	basePath string // what comes before /deviceAuthentications in paths
	path     string // of the operation
	envID    string
}

func newServiceAddress(authPath string, t *scenario.Target) (serviceAddress, error) {
	u, err := url.Parse(authPath)
	if err != nil || u.Host == "" {
		return serviceAddress{}, fmt.Errorf("authPath %q is no absolute URL: write for example "+
			"https://auth.pingone.eu", authPath)
	}
	s := serviceAddress{url: u, origin: u.Scheme + "://" + u.Host, envID: t.EnvID}
	if !t.CustomDomain {
		s.basePath = "/" + t.EnvID
	}
	s.path = s.basePath + "/deviceAuthentications"
	return s, nil
}

// tokenURL is where tokens come from.
func (s *serviceAddress) tokenURL() string { return s.origin + s.basePath + "/as/token" }

// facts are the values of the service's address that rules refer to.
func (s *serviceAddress) facts() map[string]string {
	return map[string]string{"origin": s.origin, "basePath": s.basePath, "envID": s.envID}
}

// requestTemplate is what the requests of a scenario's group have in common, for one
// kind of its users, and what they expect.
type requestTemplate struct {
	body   body
	facts  []string
	expect expectation
}

func (o *Operation) newTemplate(g scenario.Group, factNames []string) (requestTemplate, error) {
	b, err := newBody(g.Request, g.Usernameless)
	if err != nil {
		return requestTemplate{}, err
	}
	known := o.address.facts()
	maps.Copy(known, requestFacts("request", g.Request))
	facts := make([]string, len(factNames))
	for i, name := range factNames {
		facts[i] = known[name]
	}
	return requestTemplate{body: b, facts: facts, expect: newExpectation(g.Expect)}, nil
}

// requestFacts flattens the string members of a request's body: the member
// policy.id becomes the fact request.policy.id. One that is true is "true".
func requestFacts(prefix string, members map[string]any) map[string]string {
	facts := map[string]string{}
	for name, value := range members {
		switch value := value.(type) {
		case string:
			facts[prefix+"."+name] = value
		case bool:
			if value {
				facts[prefix+"."+name] = "true"
			}
		case map[string]any:
			maps.Copy(facts, requestFacts(prefix+"."+name, value))
		}
	}
	return facts
}

// request is the request of an exchange that is prepared.
func (o *Operation) request(now *token, ex *contract.Exchange) transport.Request {
	return transport.Request{
		Method: ex.Method, Path: o.address.path, Head: o.head, Authorization: now.line,
		ID: ex.TransactionID, Body: ex.Request,
	}
}

// prepare fills in what is known of an exchange before it is sent.
func (o *Operation) prepare(u scenario.User, now *token, ex *contract.Exchange) {
	template := &o.templates[u.Group][u.Kind]
	ex.Facts = append(ex.Facts[:0], template.facts...)
	if o.userSlot >= 0 {
		ex.Facts[o.userSlot] = u.ID
		if template.body.alone {
			ex.Facts[o.userSlot] = ""
		}
	}
	if o.tokenSlot >= 0 {
		ex.Facts[o.tokenSlot] = now.value
	}
	ex.Window = o.window
	o.window.Enter(ex, u.ID)
	ex.Method, ex.URL = "POST", o.url
	ex.Request = template.body.appendTo(ex.Request[:0], u.ID)
	ex.TransactionID = ex.TransactionID[:0]
	if o.trace != "" {
		ex.TransactionID = append(append(ex.TransactionID, o.trace...), '-')
		ex.TransactionID = strconv.AppendUint(ex.TransactionID, ex.Number, 10)
	}
}

// body is a request body with a gap where the user's ID goes, or without one. IDs have
// only characters that JSON needs not escape.
type body struct {
	before, after []byte
	alone         bool // there is no user in it
}

// gap stands for the user's ID while the body is built. Its control characters
// can't come from a scenario's own text without being escaped otherwise.
const gap = "\x00user\x00"

func newBody(members map[string]any, usernameless bool) (body, error) {
	if usernameless {
		text, err := json.Marshal(members)
		return body{before: text, alone: true}, err
	}
	all := maps.Clone(members)
	if all == nil {
		all = map[string]any{}
	}
	all["user"] = map[string]any{"id": gap}
	text, err := json.Marshal(all)
	if err != nil {
		return body{}, err
	}
	escaped, err := json.Marshal(gap)
	if err != nil {
		return body{}, err
	}
	escaped = escaped[1 : len(escaped)-1]
	if bytes.Count(text, escaped) != 1 {
		return body{}, fmt.Errorf("the request's members hold the text %q: remove it", gap)
	}
	before, after, _ := bytes.Cut(text, escaped)
	return body{before: before, after: after}, nil
}

func (b body) appendTo(dst []byte, userID string) []byte {
	dst = append(dst, b.before...)
	if b.alone {
		return dst
	}
	dst = append(dst, userID...)
	return append(dst, b.after...)
}
