// Package generate makes requests of a contract's request schema: valid ones in many forms, and
// wrong ones with exactly one fault each. It says what the response to each should be, judges it,
// shrinks a request that fails, and counts what was tried. It sends nothing and reads no clock: the
// same input makes the same requests, byte for byte.
package generate

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Expect says how a request should be taken.
type Expect string

const (
	// Valid: with 201.
	Valid Expect = "valid"
	// Refused: with a 4xx.
	Refused Expect = "refused"
	// Open: with 201 or a 4xx; the documentation does not say which.
	Open Expect = "open"
)

// Request is one request, as it is sent.
type Request struct {
	Method string `json:"method"`
	// Path is the whole path, with a query if there is one. {token} in it, and in Authorization,
	// is the access token; {cut}, {flipped} and {unsigned} are damaged forms of it.
	Path string `json:"path"`
	// Headers are header lines without their ends, besides those of every request. {fill N} in one
	// makes all of them N bytes long: see [Fill].
	Headers []string `json:"headers,omitempty"`
	// Authorization is the value of that header field; empty for none.
	Authorization string `json:"authorization,omitempty"`
	// Identity names whose token it is; empty for the scenario's own.
	Identity string `json:"identity,omitempty"`
	Body     []byte `json:"body,omitempty"`
}

// Case is one request with what is special about it.
type Case struct {
	// Place is the member that is varied, such as policy.id, or a part of the request in
	// parentheses. Keyword says in which respect, and Variant how.
	Place   string `json:"place"`
	Keyword string `json:"keyword"`
	Variant string `json:"variant"`
	Expect  Expect `json:"expect"`
	// Rule is broken where a request that is to be refused is not. Statuses are those that are
	// documented for the refusal; none for any 4xx.
	Rule     string `json:"rule,omitempty"`
	Statuses []int  `json:"statuses,omitempty"`
	// Target is the member that a refusal should name; empty for none.
	Target string `json:"target,omitempty"`
	// Assigned are members that only the service sets, by path, with the text of what the request
	// has there.
	Assigned map[string]string `json:"assigned,omitempty"`
	// Personal are texts of the request that no refusal shows.
	Personal []string `json:"personal,omitempty"`
	// Pair names two cases whose refusals must be alike, and Known the one of what there is.
	Pair  string `json:"pair,omitempty"`
	Known bool   `json:"known,omitempty"`
	// Back says that a refusal is followed by reading what may have been created.
	Back bool `json:"back,omitempty"`
	// User is the ID of the user whom the request names, if it is one of the scenario's.
	User    string  `json:"user,omitempty"`
	Request Request `json:"request"`
}

// Name is how people tell the case from others.
func (c *Case) Name() string { return c.Place + ": " + c.Keyword + ": " + c.Variant }

// Creates says whether the case may create a transaction, and so send a message, in a service that
// keeps to its documentation.
func (c *Case) Creates() bool {
	return c.Request.Method == "POST" && (c.Expect != Refused || c.Rule == ruleLenient)
}

// OtherToken is a token that is not good for what it is used for.
type OtherToken struct {
	Name string
	// Kind is "expired", "foreign" (of another environment), "weak" (without the permission) or
	// "population" (for other users only).
	Kind string
}

// Input is what cases are made of.
type Input struct {
	Schema *Schema
	// Path is the operation's path, and EnvID the environment's ID in it; empty where there is none.
	Path, EnvID string
	// Users are IDs of users for whom requests may be sent: at least one. What is known of one
	// user, such as a device, is of the first.
	Users []string
	// Known are texts of JSON values of members that refer to something of the environment, by
	// their path, such as policy.id.
	Known map[string]string
	// Transaction is the ID of one that can be read; empty for none.
	Transaction string
	Identities  []OtherToken
	Seed        uint64
	// Max bounds the cost of all cases; see [Case.Cost].
	Max int
}

// Cost is how many requests a case takes.
func (c *Case) Cost() int {
	if c.Back {
		return 2
	}
	return 1
}

// Cases returns the requests to send, in order. Where they would cost more than Max, those are left
// out that try least of what others do not try: see [generator.chosen].
func Cases(in Input) []Case {
	if in.Known, in.Users = in.usable(); len(in.Users) == 0 {
		return nil
	}
	g := &generator{Input: in, random: rand.New(rand.NewPCG(in.Seed, 21)), shapes: map[string]int{}}
	g.validBodies()
	g.validWire()
	g.combined()
	g.faults()
	g.brokenBodies()
	g.wireFaults()
	g.tokens()
	return g.chosen()
}

// usable are the known values and the users that the schema allows. The service may have named
// them, so that they can be anything.
func (in *Input) usable() (known map[string]string, users []string) {
	known = map[string]string{}
	in.Schema.Body.walk(nil, func(path []string, v *Value) {
		at := dotted(path)
		if t, ok := parse([]byte(in.Known[at])); ok && v.allows(t) {
			known[at] = string(t.text())
		}
		if at == "user.id" {
			for _, user := range in.Users {
				if user != "" && v.holds(user) {
					users = append(users, user)
				}
			}
		}
	})
	return known, users
}

type generator struct {
	Input
	random *rand.Rand
	cases  []candidate
	shapes map[string]int // the index of a case by what is sent
	turn   int            // which of several branches a fault's body has
	tops   []formsOf      // of the members of the body that are sure to be taken
}

// user is the next of the users, in turn.
func (g *generator) user() string { return g.Users[len(g.cases)%len(g.Users)] }

// base is the smallest body that is valid for a user.
func base(user string) *tree { return (*tree)(nil).with([]string{"user", "id"}, scalar(quote(user))) }

// request is one that only has a body of its own.
func (g *generator) request(body []byte) Request {
	return Request{Method: "POST", Path: g.Path, Authorization: "Bearer {token}",
		Headers: []string{contentType, "Accept: application/json"}, Body: body}
}

const contentType = "Content-Type: application/json"

// personal are the well-formed personal values in a body.
func (g *generator) personal(body []byte) (values []string) {
	t, ok := parse(body)
	if !ok {
		return nil
	}
	g.Schema.Body.walk(nil, func(path []string, v *Value) {
		if value := t.at(path); v.Personal && value != nil {
			if s, is := unquote(value.scalar); is && len(s) >= 6 && v.holds(s) {
				values = append(values, s)
			}
		}
	})
	return values
}

// Places that are no member.
const (
	wholeBody = "(body)"
	theHeader = "(header)"
	thePath   = "(path)"
	theMethod = "(method)"
	theToken  = "(token)"
)

func dotted(path []string) string {
	if len(path) == 0 {
		return wholeBody
	}
	return strings.Join(path, ".")
}

// id makes an ID that names nothing.
func (g *generator) id() string {
	const digits = "0123456789abcdef"
	b := []byte("00000000-0000-4000-8000-000000000000")
	for i := range b {
		if b[i] == '0' {
			b[i] = digits[g.random.IntN(16)]
		}
	}
	return string(b)
}

// Budget says what cases may cost where they are sent.
type Budget struct {
	// Requests are all of them, Creating those that may create a transaction and send a message,
	// and Reading those that only read.
	Requests, Creating, Reading int
	// PerUser is the most that may be created for one user.
	PerUser int
	// Again says that they are sent again, and then no more.
	Again bool
}

func (b Budget) String() string {
	what, more := "generated requests", fmt.Sprintf("; at most %d more make failures smaller", MaxShrinks)
	if b.Again {
		what, more = "requests to send again", ""
	}
	return fmt.Sprintf("%s: %d, of which %d could create a transaction and send a message "+
		"(at most %d for one user), %d must be refused or only read%s", what, b.Requests, b.Creating,
		b.PerUser, b.Requests-b.Creating, more)
}

// Bounds on the further requests in which failures are made smaller: of one, and of all.
const (
	MaxShrink  = 25
	MaxShrinks = 100
)

// Costs adds up what cases may cost.
func Costs(cases []Case) (b Budget) {
	perUser := map[string]int{}
	for i := range cases {
		c := &cases[i]
		b.Requests += c.Cost()
		if c.Back || c.Request.Method == "GET" {
			b.Reading++
		}
		if c.Creates() {
			b.Creating++
			perUser[c.User]++
			b.PerUser = max(b.PerUser, perUser[c.User])
		}
	}
	return b
}
