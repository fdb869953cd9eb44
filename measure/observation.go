// Package measure holds what a run produces: observations on the way in;
// histograms, counters and grouped violations as their sum. A [Measurement] is
// the only result: it is kept in a file, merged, and judged.
//
// While a run goes on, others see parts of it: a [Log] has the observations
// themselves, [Live] takes times for those who look on, a [Tick] is what
// load.stopOn judges, and a [Part] is what a coordinator is told.
package measure

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Observation is what is known of one request that was sent. Times count from
// the start of the run.
type Observation struct {
	// Group is the index of the user's group.
	Group int
	// Warmup says that the request belongs to the warm-up.
	Warmup bool
	// Intended is when the schedule wanted the request to be sent.
	Intended time.Duration
	// Sent is when it was sent.
	Sent time.Duration
	// Done is when the last byte of its response was there, or when it failed.
	Done time.Duration
	// Own is the part of the lateness (Sent − Intended) that mfaload caused
	// itself: the rest was spent waiting for a worker while all were in flight.
	Own time.Duration
	// Harmed is how much of the response time (Done − Intended) mfaload itself may
	// have caused: Own, where that is at least [HarmFloor], and the time that mfaload
	// stood still between Sent and Done. 0 for a request that it did not harm.
	Harmed time.Duration

	// Index is the number of its arrival in the run.
	Index uint64
	// User, and the IDs that the service and a trace know the request by, are set only if
	// each request is kept: only the journal has them.
	User, CorrelationID, TraceID string
	// SpanID is that of the request in its trace; no journal has it.
	SpanID string
	// Names, where set, returns the IDs of a request that is kept as one of a few.
	Names func() (correlationID, traceID, spanID string)
	RequestTransfer

	// Failed says that there was no whole response.
	Failed bool
	// Disconnected says that it failed because no connection could be opened, or
	// because it broke.
	Disconnected bool
	// Label names the kind of response ("201 OTP_REQUIRED") or of failure
	// ("timeout"). It is one of few values. The recorder replaces what is not UTF-8.
	Label string
	// AsExpected says that the response is one that the scenario expects.
	AsExpected bool
	// RateLimited says that the response is a 429, whatever the scenario expects.
	RateLimited bool
	// Refused says that the service turned the request away instead of serving it:
	// with a 429, a 503 with Retry-After, or by refusing the connection. Its time
	// says nothing of how fast the service serves.
	Refused bool
	// GoodWithin is the response time up to which a response as expected is good:
	// see [Measurement.GoodWithin]. 0 for an observation of which that is not known.
	GoodWithin time.Duration
	// Violations are what the response breaks. The recorder copies them.
	Violations []RuleViolation
	// Evaluated says which rules the response was checked against: bit i%64 of word
	// i/64 is rule i of the recorder's.
	Evaluated []uint64
	// Mask takes secrets out of what is kept of a violation; nil where there are none.
	Mask func(text string) string
	// Example describes the exchange. The recorder calls it only for the first
	// violations of a group.
	// Whole says that the whole response is to be kept with it.
	Example func(whole bool) Example
}

// RequestTransfer is how a request and its response went over the network.
type RequestTransfer struct {
	// Connection is the number of the request's connection in the process, from 1 on; 0 if it had
	// none. Age is how old that was when the request was sent, in whole milliseconds.
	Connection uint64
	Age        time.Duration
	// Waited is the part of the lateness that the request waited because the scenario allows no more
	// connections.
	Waited time.Duration
	// Dial and Handshake are how long it waited for a new connection, and for TLS on it.
	Dial, Handshake time.Duration
	// FirstByte is the time from Sent until the first byte of the response, Dial and Handshake
	// included; 0 if none came.
	FirstByte time.Duration
	// Network is how much of the time until the first byte the network took beyond what it takes at
	// least, as far as that is known.
	Network time.Duration
	// Service is how long the service says that it took; 0 if it does not say.
	Service time.Duration
	// Bytes are those of the response, head and body, without TLS.
	Bytes uint64
}

// name asks for the IDs of a request that is kept, once.
func (o *Observation) name() {
	if o.Names != nil {
		o.CorrelationID, o.TraceID, o.SpanID = o.Names()
		o.Names = nil
	}
}

// HarmFloor is the own lateness from which on a request counts as harmed. Waking
// and sending always take some of it; what is below is part of every time.
const HarmFloor = time.Millisecond

// Labels of failed requests that more than one package knows.
const (
	// Drained is the label of requests without a response by the end of the drain time.
	Drained = "unanswered at end of drain"
	// IdleClosed is the label of requests that certainly never reached the service: it
	// was closing the idle connection that they were sent on.
	IdleClosed = "idle connection closed"
	// NoConnection is why a request was not sent that waited for a connection until the run
	// ended: the scenario allows no more of them. It counts as one for which no worker was free.
	NoConnection = "no connection free"
	// NotProcessed is the label of requests that the server says it did not process: over
	// HTTP/2 its GOAWAY names an earlier stream as the last, or it refused the stream
	// (RFC 9113, sections 6.8 and 8.7).
	NotProcessed = "request not processed"
	// ConnectionRefused is the label of requests that the service turned away by
	// refusing their connection.
	ConnectionRefused = "connection refused"
	// Timeout is the label of requests that took longer than they may.
	Timeout = "timeout"
	// OtherFailure is the label of requests that failed for a reason without a name.
	OtherFailure = "other failure"
)

// IsNotDelivered says whether a label is one of requests that certainly did not come to
// the service: they say nothing of it, and count in no rate.
func IsNotDelivered(label string) bool { return label == IdleClosed || label == NotProcessed }

// harmedInFlight is the part of Harmed in which the request was in flight.
func (o *Observation) harmedInFlight() time.Duration {
	if o.Own >= HarmFloor {
		return max(o.Harmed-o.Own, 0)
	}
	return max(o.Harmed, 0)
}

// doubtful says that the end itself may be mfaload's doing, not just the time: a
// failure of a request in flight while mfaload stood still, or that was sent too
// late for its response; a refusal of a request that came late, among others.
func (o *Observation) doubtful() bool {
	switch {
	case o.Harmed <= 0 || o.Failed && IsNotDelivered(o.Label):
		return false
	case o.Refused:
		return true
	}
	return o.Failed && (o.harmedInFlight() > 0 || o.Label == Drained)
}

// RuleViolation is one rule of the contract broken at one place of a response.
type RuleViolation struct {
	Rule    string
	Pointer string
	// Fails says that it breaks conformance; otherwise it is a finding.
	Fails         bool
	Expected, Got string
	// Counted says that the response was not looked into: it is wrong in exactly the
	// same facts as an earlier one.
	Counted bool
}

// Instance is one violation of a group.
type Instance struct {
	Expected string  `json:"expected"`
	Got      string  `json:"got"`
	Example  Example `json:"example"`
}

// Example is the exchange of a violation, secrets and personal data masked.
type Example struct {
	// Step is the step that the exchange was, by its name; "" for an initialization.
	Step          string `json:"step,omitempty"`
	UserID        string `json:"userID"`
	CorrelationID string `json:"correlationID,omitempty"`
	// TransactionID is the ID of the caller's own that was sent.
	TransactionID string `json:"transactionID,omitempty"`
	Status        int    `json:"httpStatus"`
	Method        string `json:"method"`
	URL           string `json:"url"`
	Body          string `json:"body"`
	// At is the time of the send since the start of the run.
	At time.Duration `json:"at_ns"`
	// Answer is the whole response, for those that were to be kept.
	Answer *MaskedResponse `json:"answer,omitempty"`
}

// MaskedResponse is a response, secrets and personal data masked.
type MaskedResponse struct {
	Headers []string `json:"headers"`
	Body    string   `json:"body"`
}

// asText replaces what is not UTF-8, as a file of JSON would: two names that differ
// while they are counted differ in the file too.
func asText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// asText makes all of the instance what is read back from a file.
func (i *Instance) asText() {
	e := &i.Example
	for _, s := range []*string{&i.Expected, &i.Got, &e.Step, &e.UserID, &e.CorrelationID, &e.TransactionID,
		&e.Method, &e.URL, &e.Body} {
		*s = asText(*s)
	}
	if e.Answer == nil {
		return
	}
	answer := MaskedResponse{Headers: slices.Clone(e.Answer.Headers), Body: asText(e.Answer.Body)}
	for i, h := range answer.Headers {
		answer.Headers[i] = asText(h)
	}
	e.Answer = &answer
}

const maxSecond = 10 * 366 * 24 * 3600

// groupName is what a name may be: files and tags of logs have it.
var groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Check finds figures that contradict one another, so that a damaged file is
// an error and never a wrong number.
func (m *Measurement) Check() error {
	if m.Schema != Schema {
		return fmt.Errorf("its schema is %.60q, not %q", m.Schema, Schema)
	}
	if err := m.Labels.Check(); err != nil {
		return err
	}
	for i, name := range m.Groups {
		if !groupName.MatchString(name) || slices.Contains(m.Groups[:i], name) {
			return fmt.Errorf("%.60q is no name of a group, or not the only one", name)
		}
	}
	if err := m.checkGood(); err != nil {
		return err
	}
	for _, p := range []*Phase{&m.Main, &m.Warmup} {
		if err := p.check(len(m.Groups)); err != nil {
			return err
		}
		if m.NotStarted != "" && total(p.Scheduled) > 0 {
			return errors.New("it did not start, and schedules requests")
		}
	}
	if err := m.checkProfile(); err != nil {
		return err
	}
	if err := m.checkFlow(); err != nil {
		return err
	}
	if err := checkSeconds(m.Seconds.All(), len(m.Groups)); err != nil {
		return err
	}
	if err := m.checkSum(); err != nil {
		return err
	}
	if err := m.Shapes.check(); err != nil {
		return err
	}
	if h := m.Generator.Hiccups; h == nil || h.unmade() {
		return errors.New("its generator has no hiccups")
	}
	if err := checkOwnSeconds(m.Generator.Seconds); err != nil {
		return err
	}
	for _, v := range m.Violations {
		if v == nil || v.InWarmup > v.Count || v.Explained > v.Count || len(v.Instances) == 0 ||
			!v.byGroupFits(len(m.Groups)) {
			return errors.New("a violation's counts do not add up")
		}
	}
	if err := m.checkSteps(); err != nil {
		return err
	}
	if err := m.checkWarmup(); err != nil {
		return err
	}
	if err := m.checkEnd(); err != nil {
		return err
	}
	if err := m.checkUsers(); err != nil {
		return err
	}
	return m.checkShards()
}

func checkSeconds(seconds iter.Seq[*Second], groups int) error {
	last := int64(-1)
	for s := range seconds {
		if s == nil || s.Second <= last || s.Second > maxSecond {
			return errors.New("its seconds are not in order, or beyond ten years")
		}
		last = s.Second
		if !sameCounts(s.Response, s.Service, s.Lateness) ||
			s.Failed+s.Clean+s.Violating > s.Response.Count() {
			return errors.New("a second's counts do not add up")
		}
		if s.Clean > s.Expected || max(s.Expected, s.RateLimited)+s.Failed > s.Response.Count() {
			return errors.New("a second's answers do not add up")
		}
		if !s.fits(s.Clean, s.Response.Count()) {
			return errors.New("the good responses of a second do not add up")
		}
		if err := cmp.Or(s.Split.check(s.Response, s.Service),
			s.Transfer.check(s.Response.Count())); err != nil {
			return err
		}
		if err := s.checkEnds(); err != nil {
			return err
		}
		if err := s.checkGroups(groups); err != nil {
			return err
		}
	}
	return nil
}

func (p *Phase) check(groups int) error {
	if len(p.Scheduled) != groups {
		return fmt.Errorf("it has %d groups and schedules %d", groups, len(p.Scheduled))
	}
	sent := make([]uint64, groups)
	for _, c := range p.Cells {
		if c == nil || c.Group < 0 || c.Group >= groups || !sameCounts(c.Response, c.Service, c.Lateness) {
			return errors.New("a cell's counts do not add up")
		}
		n := c.Response.Count()
		if max(c.AsExpected, c.Violating, c.RateLimited) > n || c.Clean > c.AsExpected ||
			c.Clean+c.Violating > n ||
			(c.Failed && (c.AsExpected > 0 || c.Violating > 0 || c.RateLimited > 0)) {
			return fmt.Errorf("the counts of %.60q do not add up", c.Label)
		}
		if !c.GoodCount.fits(c.Clean, n) {
			return fmt.Errorf("the good responses of %.60q do not add up", c.Label)
		}
		if !c.Harmed.fits(c.Response.Count()) {
			return fmt.Errorf("the harmed requests of %.60q do not add up", c.Label)
		}
		sent[c.Group] += n
	}
	if p.Own == nil || p.Own.unmade() || p.Own.Count() != p.Sent() {
		return errors.New("the count of lateness is not that of the requests sent")
	}
	if err := p.Connections.check(); err != nil {
		return err
	}
	if err := p.Breakdown.check(p.Sent(), groups); err != nil {
		return err
	}
	for g, n := range sent {
		if n > p.Scheduled[g] {
			return fmt.Errorf("a group sent %d of %d scheduled requests", n, p.Scheduled[g])
		}
	}
	return p.checkWithheld(sent)
}

func (g *ViolationGroup) byGroupFits(groups int) bool {
	above := func(n uint64) bool { return n > g.Count }
	return len(g.ByGroup) <= groups && !slices.ContainsFunc(g.ByGroup, above) &&
		total(g.ByGroup) <= g.Count-g.InWarmup
}

func sameCounts(first *Histogram, others ...*Histogram) bool {
	if first == nil || first.unmade() {
		return false
	}
	for _, h := range others {
		if h == nil || h.unmade() || h.Count() != first.Count() {
			return false
		}
	}
	return true
}
