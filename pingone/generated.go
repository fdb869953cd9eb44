package pingone

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"mfaload/contract"
	"mfaload/pingone/generate"
	"mfaload/pingone/transport"
	"mfaload/scenario"
)

// Service says where generated requests go: the operation's path, and the environment's ID in it;
// empty for a custom domain.
func (o *Operation) Service() (path, envID string) {
	if o.address.basePath != "" {
		envID = o.address.envID
	}
	return o.address.path, envID
}

// Origin is the scheme, host and port that requests go to.
func (o *Operation) Origin() string { return o.address.origin }

// Generated sends a generated request as it is, with the scenario's token or that of an identity,
// and checks the response against the contract. A read is held to what a transaction has.
func (o *Operation) Generated(ctx context.Context, r generate.Request, identity scenario.Secret,
	ex *contract.Exchange) ([]contract.Violation, error) {
	value := identity.Reveal()
	if r.Identity == "" {
		now, err := o.tokens.valid()
		if err != nil {
			return nil, err
		}
		value = now.value
	}
	if err := o.admit(scenario.User{ID: userOf(r.Body)}, false); err != nil {
		return nil, err
	}
	sent := o.rendered(r, value)
	ex.Facts = append(ex.Facts[:0], o.factsOf(r.Body, value)...)
	ex.Window = nil
	if r.Method == "POST" {
		ex.Window = o.window
		o.window.Enter(ex, ex.Facts[max(o.userSlot, 0)])
	}
	ex.Method, ex.URL, ex.Request = r.Method, o.address.origin+r.Path, append(ex.Request[:0], r.Body...)
	ex.TransactionID = ex.TransactionID[:0]
	if err := o.transport.RoundTrip(ctx, sent, ex); err != nil {
		return nil, err
	}
	if r.Method == "GET" {
		return o.CheckRead(ex, nil), nil
	}
	found := o.contract.Check(ex, nil)
	ex.Label = o.labels.of(ex.Status, responseCode(ex, ex.Status))
	return found, nil
}

// rendered is a request with the token where its templates say.
func (o *Operation) rendered(r generate.Request, token string) transport.Request {
	fill := strings.NewReplacer("{token}", token, "{cut}", token[:len(token)*3/4], "{flipped}",
		flipped(token),
		"{unsigned}", unsigned(token))
	sent := transport.Request{Method: r.Method, Path: fill.Replace(r.Path),
		Body: []byte(fill.Replace(string(r.Body)))}
	var head strings.Builder
	for _, line := range r.Headers {
		head.WriteString(line + "\r\n")
	}
	head.WriteString("User-Agent: mfaload\r\n" + o.ownHead)
	if r.Authorization != "" {
		sent.Authorization = "Authorization: " + fill.Replace(r.Authorization) + "\r\n"
	}
	sent.Head = generate.Fill(head.String(), len(sent.Authorization))
	return sent
}

// flipped is a token whose last character is another. That character may have bits that mean
// nothing, so that of a JWT the one before it changes.
func flipped(token string) string {
	i := max(len(token)-2, 0)
	if token == "" {
		return ""
	}
	with := "A"
	if token[i] == 'A' {
		with = "B"
	}
	return token[:i] + with + token[i+1:]
}

// unsigned is a JWT that says that it needs no signature, and has none.
func unsigned(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return token + "."
	}
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	return head + "." + parts[1] + "."
}

// userOf is the user whom a request's body names; "" if there is none.
func userOf(body []byte) string {
	var of struct{ User struct{ ID string } }
	_ = json.Unmarshal(body, &of) // a body that is wrong on purpose may name none
	return of.User.ID
}

// factsOf are the values of a request that rules refer to, as its body says them.
func (o *Operation) factsOf(body []byte, token string) []string {
	known := o.address.facts()
	var members map[string]any
	if json.Unmarshal(body, &members) == nil {
		for name, value := range requestFacts("request", members) {
			known[name] = value
		}
	}
	known["token"] = token
	names := o.contract.FactNames()
	facts := make([]string, len(names))
	for i, name := range names {
		facts[i] = known[name]
	}
	return facts
}

// Known are members of a scenario's requests that refer to something of the environment, and of
// what a first response says, by path, as texts of JSON.
func Known(s *scenario.Scenario, body []byte) (values map[string]string, transaction string) {
	values = map[string]string{}
	for _, g := range s.Groups {
		if g.Expect.HTTPStatuses[0] == 201 {
			flatten("", g.Request, values)
		}
	}
	var a struct {
		ID             string
		Policy         struct{ ID string }
		SelectedDevice struct{ ID string }
	}
	if json.Unmarshal(body, &a) == nil {
		transaction = a.ID
		for path, id := range map[string]string{"policy.id": a.Policy.ID,
			"selectedDevice.id": a.SelectedDevice.ID} {
			if id != "" {
				values[path] = fmt.Sprintf("%q", id)
			}
		}
	}
	return values, transaction
}

func flatten(prefix string, members map[string]any, values map[string]string) {
	for name, value := range members {
		if inner, is := value.(map[string]any); is {
			flatten(prefix+name+".", inner, values)
		} else if text, err := json.Marshal(value); err == nil {
			values[prefix+name] = string(text)
		}
	}
}
