// Package pingone is the operation under test: PingOne MFA's Initialize Device
// Authentication. It knows its contract document, its URL, its request and how
// to send it.
package pingone

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"mfaload/contract"
	"mfaload/internal/redact"
	"mfaload/pingone/transport"
	"mfaload/scenario"
)

//go:embed contract.yaml
var document []byte

// Document returns the operation's contract document, for package contract.
func Document() []byte { return slices.Clone(document) }

// Compile compiles a contract document for the operation, as [contract.Compile]
// does. Checks capture the members that name the kind of a response.
func Compile(name string, document []byte, levels []contract.RuleLevel) (*contract.Contract, error) {
	return contract.Compile(name, document, levels, "status", "code") // in the order of responseCode
}

// Header fields of the service.
const (
	// transactionID is the field by which the service's audit log names a request.
	transactionID = "X-Ping-External-Transaction-ID"
	// correlationID is the field by which the service names a response.
	correlationID = "Correlation-Id"
)

// Operation sends initializations of device authentications and checks the
// responses. It is safe for concurrent use.
type Operation struct {
	address   serviceAddress
	templates [][]requestTemplate // by the scenario's group, and by the kind of its users
	contract  *contract.Contract
	refused   contract.Level // of the rule expect.refused
	head      string         // header lines of every request
	ownHead   string         // those of them that the scenario adds
	userSlot  int            // of the fact request.user.id; -1 if no rule asks for it
	tokenSlot int            // of the fact token
	tokens    *tokens
	url       string
	labels    labels
	transport *transport.Transport
	steps     *transport.Transport // of the steps that follow; nil if none do
	trace     string               // what transaction IDs begin with; "" for none
	traces    *traces              // nil for none
	timing    string               // the header field that says how long the service took; "" for none
	secrets   redact.Secrets       // of the scenario
	window    *contract.Window

	// Admit, where set, is told of each request for a user right before it is sent. Its error, a
	// [contract.Failure] of mfaload's own, keeps the request back. Limited says that the user's
	// maxPerUser holds: not for requests that are to be refused. It is set before the first request,
	// and called by many.
	Admit func(u scenario.User, limited bool) error
}

// New returns the operation for a valid scenario. Where the scenario has the
// embedded simulator as its target, authPath is the simulator's address;
// otherwise it is empty.
func New(s *scenario.Scenario, c *contract.Contract, authPath string) (*Operation, error) {
	to, err := newServiceAddress(cmp.Or(authPath, s.Target.AuthPath), &s.Target)
	if err != nil {
		return nil, err
	}
	o := &Operation{
		address: to, url: to.origin + to.path, contract: c, refused: c.Level(ruleRefused),
		trace: s.Target.TransactionIDs, traces: newTraces(s.Target.Trace), timing: s.Target.ServiceTimeHeader,
		secrets: s.Target.Secrets(),
		window:  contract.NewWindow(contract.DefaultWindow),
	}
	names := transport.HeaderNames{RequestID: transactionID, ResponseID: correlationID}
	if o.transport, err = transport.New(to.url, &s.Target, names); err != nil {
		return nil, err
	}
	if len(s.Steps()) > 0 {
		if o.steps, err = transport.New(to.url, &s.Target, names); err != nil {
			return nil, err
		}
	}
	o.head = "Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: mfaload\r\n"
	for _, h := range s.Target.Headers {
		o.ownHead += h.Name + ": " + h.Value.Reveal() + "\r\n"
	}
	o.head += o.ownHead
	factNames := c.FactNames()
	o.userSlot, o.tokenSlot = slices.Index(factNames, "request.user.id"), slices.Index(factNames, "token")
	o.tokens = newTokens(&o.address, o.transport, &s.Target)
	for _, g := range s.Groups {
		kinds := make([]requestTemplate, g.Kinds())
		for kind := range kinds {
			if kinds[kind], err = o.newTemplate(g.Variant(kind), factNames); err != nil {
				return nil, fmt.Errorf("prepare the request of group %s: %w", g.Name, err)
			}
		}
		o.templates = append(o.templates, kinds)
	}
	return o, nil
}

// Contract returns the contract that responses are checked against.
func (o *Operation) Contract() *contract.Contract { return o.contract }

// Send implements the runner's operation.
func (o *Operation) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	now, err := o.tokens.valid()
	if err != nil {
		return err
	}
	if err := o.admit(u, true); err != nil {
		return err
	}
	o.prepare(u, now, ex)
	err = o.transport.RoundTrip(ctx, o.request(now, ex), ex)
	if o.timing != "" && err == nil {
		ex.Service = serviceTime(ex.Header, o.timing)
	}
	return err
}

func (o *Operation) admit(u scenario.User, limited bool) error {
	if o.Admit == nil {
		return nil
	}
	return o.Admit(u, limited)
}

// Watch has each connection that is opened from now on told to seen, by
// whichever goroutine opened it. It is to be called before the first request.
func (o *Operation) Watch(seen func(contract.Connection)) { o.transport.Watch(seen) }

// Open opens connections ahead of the requests until n are open, many at a
// time. It returns the error of the first that could not be opened.
func (o *Operation) Open(ctx context.Context, n int) error { return o.transport.Open(ctx, n) }

// Preflight opens a connection to the target, TLS included, and sends no request
// on it; where there are credentials it gets the first token and keeps it fresh
// from then on. Its error says why the target can't be reached, or why there is
// no token; where it has a method Hint, that says what to do. It also takes the
// memory that a run needs.
func (o *Operation) Preflight(ctx context.Context) error {
	o.window.Reserve()
	if err := o.transport.Reach(ctx); err != nil {
		return err
	}
	if err := o.tokens.begin(ctx); err != nil {
		return &explainedError{err}
	}
	return nil
}

// explainedError is an error whose text says what to do.
type explainedError struct{ error }

func (e *explainedError) Unwrap() error { return e.error }

// Hint returns "".
func (e *explainedError) Hint() string { return "" }

// Hide takes the tokens and the scenario's other secrets out of a text.
func (o *Operation) Hide(text string) string { return o.hidden().Hide(text) }

// Mask implements the runner's operation: it hides what looks personal, too.
func (o *Operation) Mask(text string) string { return o.hidden().Mask(text) }

// CorrelationID returns the ID by which the service's support finds the response in ex, and
// whether it has one.
func (o *Operation) CorrelationID(ex *contract.Exchange) (id string, given bool) {
	id, count := ex.Header.Get(correlationID)
	return id, count > 0
}

func (o *Operation) hidden() redact.Secrets { return o.secrets.And(o.tokens.secrets()) }

// Close closes idle connections, and renews the token no more.
func (o *Operation) Close() {
	o.tokens.close()
	o.transport.Close()
	if o.steps != nil {
		o.steps.Close()
	}
}

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
		ID: ex.TransactionID, TraceParent: ex.TraceParent, Body: ex.Request,
	}
}

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
	ex.TraceParent = o.traces.appendParent(ex.TraceParent[:0], ex.Number)
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
	all := map[string]any{}
	maps.Copy(all, members)
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
