package contract

import (
	"math"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exchange is one request and the response to it, as a transport captured it. A
// transport fills everything but the last group, an operation's check fills
// the rest. It is reused from request to request: nothing that outlives the
// request may keep a slice of it.
type Exchange struct {
	// Facts are the request's values that rules refer to, in the order of
	// [Contract.FactNames]. An empty string stands for a value the request
	// does not have.
	Facts []string

	// Number is the request's number in its run, which the caller of a
	// transport sets.
	Number uint64
	// TransactionID is the ID of the caller's own that was sent with the
	// request; empty for none.
	TransactionID []byte
	// TraceParent is the value of the header field traceparent that was sent; empty for none.
	TraceParent []byte

	// Method, URL and Request are the request line and the body that were sent.
	Method, URL string
	Request     []byte

	// HTTP2 says that the exchange is over HTTP/2.
	HTTP2 bool
	// Status is the HTTP status of the final response.
	Status int
	// Header holds the response's header fields as they came.
	Header Fields
	// Body is the response's body, at most as long as the transport's limit.
	Body []byte
	// Cut says that the body was longer than the limit: the rest was not read.
	Cut bool
	// Unframed says that the head does not tell where the body ends: Body is
	// what came with it, and no rule looks at it.
	Unframed bool

	// Sent and Received are when the request was sent and when the last byte of
	// the response was there, by the wall clock.
	Sent, Received time.Time
	// Waited is how long the request waited before it was sent, for the scenario
	// allows no more connections.
	Waited time.Duration
	// Transfer is how the exchange went over the network.
	Transfer
	// MaySend, where set, is asked after such a wait: the run may be over by then.
	MaySend func() bool

	// Framing holds what only a transport can see of a response: a length that
	// lies, framing that contradicts itself. Rule, Expected and Got are set; the
	// level is the contract's.
	Framing []Violation

	// Label names the kind of the response for statistics, for example
	// "201 OTP_REQUIRED" or "404 NOT_FOUND". It is one of few values.
	Label string
	// AsExpected says that the response is one the scenario expects for this
	// user. It says nothing about violations.
	AsExpected bool
	// Evaluated says which rules this response could have broken, as their condition held and
	// their place was there: bit i%64 of word i/64 is rule i of [Contract.Rules].
	Evaluated []uint64

	// Captured are the strings of the members that [Compile] was to capture, ""
	// where there is none; empty where the check did not come by them.
	Captured []string

	head []byte // what the strings of Header are parts of

	// Window, where set, is what the run's other responses are remembered in.
	Window *Window
	flight
}

// Reset makes the exchange ready for the next request; buffers are kept.
func (ex *Exchange) Reset() {
	ex.Status, ex.Cut, ex.Unframed, ex.Label, ex.AsExpected = 0, false, false, "", false
	ex.HTTP2, ex.Waited, ex.Transfer = false, 0, Transfer{}
	ex.Header, ex.Framing = ex.Header[:0], ex.Framing[:0]
	ex.Body, ex.Evaluated, ex.Captured = ex.Body[:0], ex.Evaluated[:0], ex.Captured[:0]
}

// HoldHead keeps a copy of the response's head and shows it as a text, for the
// strings of Header. The text is valid until the exchange is used again.
func (ex *Exchange) HoldHead(head []byte) string {
	ex.head = append(ex.head[:0], head...)
	return view(ex.head)
}

// HeaderField is one header field. Its strings may be parts of the exchange's own
// seenSet, as HoldHead makes them: whoever keeps one clones it.
type HeaderField struct{ Name, Value string }

// Fields is the header fields of a response, in the order in which the
// transport gives them. Names compare without regard to case.
type Fields []HeaderField

// Get returns the first value of the named field, and how many fields of that
// name there are.
func (h Fields) Get(name string) (value string, count int) {
	for _, f := range h {
		if len(f.Name) == len(name) && (f.Name == name || strings.EqualFold(f.Name, name)) {
			if count == 0 {
				value = f.Value
			}
			count++
		}
	}
	return value, count
}

// Failure says why a request has no whole response. Transports return it from
// Send.
type Failure struct {
	// Kind names the failure for statistics: "timeout", "connection refused",
	// "connection reset", … It is one of few values.
	Kind string
	// Disconnected says that no connection to the service could be opened, or
	// that it broke before the whole response was there.
	Disconnected bool
	// Own says that nothing was sent, for a reason of mfaload's own or of the
	// machine it runs on, which Kind names: no local port, no valid token.
	Own bool
	// Err is the cause. Its text holds no secret.
	Err error
}

func (f *Failure) Error() string { return f.Kind + ": " + f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Transfer is how an exchange went over the network, as the transport saw it.
type Transfer struct {
	// Connection is the number of the request's connection; 0 if it had none. Opened is when that
	// was open, TLS included.
	Connection uint64
	Opened     time.Time
	// Dial and Handshake are how long the request waited for a connection to be opened, and for TLS
	// on it; 0 if one was open.
	Dial, Handshake time.Duration
	// First is when the first byte of the response was there; zero if none came.
	First time.Time
	// Network is how much of the wait for that the network took beyond its shortest time, as far as
	// the system tells.
	Network time.Duration
	// Service is how long the service says that it took; 0 if it does not say.
	Service time.Duration
	// Bytes are those of the response, head and body, as HTTP sends them: without those of TLS.
	Bytes uint64
}

// Use notes the connection that a request takes, after it waited so long for one to be opened.
func (t *Transfer) Use(c *Connection, waited time.Duration) {
	t.Connection, t.Opened = c.Number, c.Began.Add(c.Dial+c.Handshake)
	t.Handshake = min(c.Handshake, waited)
	t.Dial = waited - t.Handshake
}

// Connection is a connection that was opened to the service.
type Connection struct {
	// Number counts the connections for requests, from 1 on.
	Number uint64
	// Began is when opening it began.
	Began time.Time
	// Dial is how long it took until it was open, the name's resolution
	// included; Handshake how long TLS took after that.
	Dial, Handshake time.Duration
	// Secure says that it has TLS, Resumed that it resumed a TLS session.
	Secure, Resumed bool
	// HTTP2 says that HTTP/2 is spoken on it, Successor that it was opened to take the
	// place of one that the scenario lets take no more requests.
	HTTP2, Successor bool
}

// over says whether a rule that the transport finds is one of the exchange's version of
// HTTP.
func (ru *rule) over(http2 bool) bool {
	return ru.predicate == predicateTransport || (ru.predicate == predicateHTTP2) == http2
}

func (r *checker) headerRule(f *acceptRule) {
	if !r.accepting && (r.bad[headerKey(f.header)] || f.predicate == predicateMediaType && !r.ours) {
		return
	}
	value, count := r.ex.Header.Get(f.header)
	holds, looked := r.headerHolds(f.rule, value, count)
	if f.predicate == predicateReference && count > 0 && (r.accepting || r.readable) {
		if looked = r.known(f.text, &capture{place: noPlace}); looked {
			holds = r.equals(f.text, value) || refersTo(value, r.joined(f.text))
		}
	}
	if !looked {
		return
	}
	r.mark(f.rule)
	switch {
	case holds:
	case r.accepting:
		r.scan.fault(0, factHeader|uint64(f.index))
	default:
		r.violateAt(f.rule, headerKey(f.header), f.header, f.header, r.wantedField(f),
			r.shownField(f.rule, value, count))
	}
}

// headerHolds says whether a header field is as a rule wants it, and whether
// that could be judged. Both paths ask it. What a field refers to is judged
// apart, for it takes a text of the body.
func (r *checker) headerHolds(ru *rule, value string, count int) (holds, looked bool) {
	switch ru.predicate {
	case predicateUnasked:
		return count == 0, true
	case predicateOnce:
		return count <= 1, true
	case predicateMediaType:
		return count > 0 && r.response.takesMedia(value), len(r.response.mediaTypes) > 0
	case predicateSecondsOrDate:
		return count > 0 && isSecondsOrDate(value), count > 0 || ru.required
	case predicateReference:
		return true, false // each path has its own way to the text
	}
	return strings.TrimSpace(value) != "", true
}

func (r *checker) wantedField(f *acceptRule) string {
	switch f.predicate {
	case predicateMediaType:
		return bound(strings.Join(r.response.mediaTypes, " or "))
	case predicateReference:
		return bound(r.quote(r.joined(f.text)))
	}
	return f.says()
}

func (r *checker) shownField(ru *rule, value string, count int) string {
	switch {
	case count == 0:
		return "nothing"
	case ru.predicate == predicateOnce:
		return strconv.Itoa(count) + " fields"
	}
	return bound(r.quote(value))
}

// headerKey is the key of a header field; no JSON pointer looks like it.
func headerKey(name string) string { return "header " + name }

// takesMedia says whether a Content-Type is one of the response's. Servers send
// the same text each time, so the last one that was right is known.
func (resp *response) takesMedia(value string) bool {
	if last := resp.lastMedia.Load(); last != nil && *last == value {
		return true
	}
	if !isMediaType(value, resp.mediaTypes) {
		return false
	}
	known := strings.Clone(value)
	resp.lastMedia.Store(&known)
	return true
}

func isMediaType(value string, types []string) bool {
	name, params, err := mime.ParseMediaType(value)
	if err != nil || !slices.Contains(types, name) {
		return false
	}
	charset, has := params["charset"]
	return !has || strings.EqualFold(charset, "utf-8")
}

// seconds is a number of seconds, of any length (RFC 9110, section 10.2.3).
var seconds = regexp.MustCompile(`^[0-9]+$`)

func isSecondsOrDate(value string) bool {
	_, err := http.ParseTime(value)
	return err == nil || seconds.MatchString(value)
}

// shortestSecret is the fewest characters that tell a secret from a word that
// a response holds anyway.
const shortestSecret = 8

func (r *checker) nowhere(f *acceptRule) {
	ru, secret := f.rule, r.joined(f.text)
	if len(secret) < shortestSecret {
		return
	}
	r.mark(ru)
	secrets := r.secretsOf(secret)
	for _, f := range r.ex.Header {
		if secrets.Shown(f.Value) || nameHolds(f.Name, secret) {
			name := "*"
			if isIdentifier(f.Name) && !r.secrets().Holds(f.Name) {
				name = strings.Clone(http.CanonicalHeaderKey(f.Name)) // it outlives the response
			}
			r.violateAt(ru, headerKey(f.Name), name, name, ru.says(), "the text in a header field")
		}
	}
	if secrets.Shown(view(r.ex.Body)) {
		r.violateAt(ru, "", "", "", ru.says(), "the text in the body")
	}
}

// nameHolds says whether a header field's name, in any case, holds a secret.
func nameHolds(name, secret string) bool {
	return len(name) >= len(secret) && strings.Contains(strings.ToLower(name), strings.ToLower(secret))
}

// RetryAfter returns how long a response asks to wait before the next request
// (RFC 9110, section 10.2.3): seconds, or the time until a date. That is counted
// from the response's own date, where it has one, for clocks differ; otherwise
// from now. Ok is false where the response does not say it in either form.
func RetryAfter(h Fields, now time.Time) (wait time.Duration, ok bool) {
	value, _ := h.Get("Retry-After")
	if seconds.MatchString(value) {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	date, _ := h.Get("Date")
	if told, err := http.ParseTime(date); err == nil {
		now = told
	}
	return max(at.Sub(now), 0), true
}
