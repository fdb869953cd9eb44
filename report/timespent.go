package report

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/measure"
)

// TimeSpent is where the time of requests went.
type TimeSpent struct {
	TransferParts
	// The requests with a response time above p99.
	Slow SlowTime `json:"above_p99"`
	// The slowest requests, the slowest first.
	Slowest []SlowRequest `json:"slowest"`
}

// TransferParts are the times of the parts that requests have on the network. Those that no request had are
// left out. Refused requests, and those that certainly never reached the service, are in none.
type TransferParts struct {
	// How long requests waited for a new connection.
	Connect *PartTimes `json:"connect_ms,omitempty"`
	// How long they waited for the TLS handshake on it.
	TLS *PartTimes `json:"tls_ms,omitempty"`
	// From the send, without the wait for a new connection, until the first byte of the response.
	FirstByte *PartTimes `json:"first_byte_ms,omitempty"`
	// From the first byte of the response until its last.
	Body *PartTimes `json:"body_ms,omitempty"`
	// What the service says that it took (target.serviceTimeHeader).
	Told *PartTimes `json:"told_service_ms,omitempty"`
	// The rest of the service time.
	Outside *PartTimes `json:"outside_service_ms,omitempty"`
}

// PartTimes are the times of the requests that had a part.
type PartTimes struct {
	Requests uint64 `json:"requests"`
	Times
}

// All yields the parts that requests had, in the order in which a request meets them, by their names for
// people.
func (t *TransferParts) All() iter.Seq2[string, *PartTimes] {
	return func(yield func(string, *PartTimes) bool) {
		for _, part := range []struct {
			name string
			of   *PartTimes
		}{{"connect", t.Connect}, {"TLS", t.TLS}, {"first byte", t.FirstByte}, {"body", t.Body},
			{"service says", t.Told}, {"outside service", t.Outside}} {
			if part.of != nil && !yield(part.name, part.of) {
				return
			}
		}
	}
}

func transferParts(t measure.TransferTimes) TransferParts {
	of := func(h *measure.Histogram) *PartTimes {
		if h == nil {
			return nil
		}
		return &PartTimes{h.Count(), TimesOf(h)}
	}
	return TransferParts{of(t.Connect), of(t.TLS), of(t.FirstByte), of(t.Body), of(t.Told), of(t.Outside)}
}

// groupTransfer are the parts of a group's requests; nil for none that is known.
func groupTransfer(p *measure.Phase, group int) *TransferParts {
	if t := transferParts(p.TransferTimes(group)); t != (TransferParts{}) {
		return &t
	}
	return nil
}

// SlowTime is why the slow requests were slow.
type SlowTime struct {
	// How many they are.
	Requests uint64 `json:"requests"`
	// The response time from which on requests are among them.
	From float64 `json:"from_ms"`
	// What share of the time, beyond that of typical requests, each cause has: own, workers,
	// connection_limit, connect, tls, network, service, body. Causes without a share are left out.
	Shares map[string]float64 `json:"shares"`
	// What a typical request spends on each: the mean of those that take no longer than the median.
	Typical map[string]float64 `json:"typical_ms"`
}

// SlowRequest is one of the slowest requests.
type SlowRequest struct {
	// The number of its arrival in the run.
	Index uint64 `json:"index"`
	Group string `json:"group"`
	// The response or the failure.
	Label string `json:"label"`
	// When it was due, since the start of the run.
	At float64 `json:"at_s"`
	// Last byte − intended time.
	Response float64 `json:"response_ms"`
	// What most of its time was spent on, beyond that of typical requests.
	Cause string `json:"cause"`
	// What its time was spent on; the sum is its response time.
	Spent map[string]float64 `json:"spent_ms"`
	// The number of its connection in the process that sent it.
	Connection uint64 `json:"connection,omitempty"`
	// The service's name for the response.
	CorrelationID string `json:"correlation_id,omitempty"`
	// The trace that the request began.
	TraceID string `json:"trace_id,omitempty"`
}

// timeSpent is nil where the measurement does not tell.
func timeSpent(m *measure.Measurement) *TimeSpent {
	b := m.Main.Breakdown
	if b == nil || b.Requests() == 0 {
		return nil
	}
	slow := b.Above(99)
	t := &TimeSpent{TransferParts: transferParts(m.Main.TransferTimes(-1)), Slowest: []SlowRequest{},
		Slow: SlowTime{Requests: slow.Requests, From: Milliseconds(slow.From), Shares: map[string]float64{},
			Typical: byCause(slow.Typical)}}
	if total := slow.Excess.Total(); total > 0 {
		for _, c := range measure.Causes() {
			if share := number.Round(float64(slow.Excess[c]) / float64(total)); share > 0 {
				t.Slow.Shares[c.String()] = share
			}
		}
	}
	for _, s := range b.Slowest {
		t.Slowest = append(t.Slowest, SlowRequest{Index: s.Index, Group: m.Groups[s.Group],
			Label: text.Clip(s.Label, MaxText), At: number.Round(s.Intended.Seconds()),
			Response: Milliseconds(s.Response), Cause: s.Cause(slow.Typical).String(),
			Spent:      byCause(s.Spent),
			Connection: s.Connection, CorrelationID: text.Clip(s.CorrelationID, MaxText),
			TraceID: text.Clip(s.TraceID, MaxText)})
	}
	return t
}

// byCause has the causes with a time, in milliseconds.
func byCause(s measure.CauseTimes) map[string]float64 {
	times := map[string]float64{}
	for _, c := range measure.Causes() {
		if s[c] > 0 {
			times[c.String()] = Milliseconds(s[c])
		}
	}
	return times
}

// causeNames are the causes for people.
var causeNames = map[string]string{"own": "mfaload itself", "workers": "waiting for a worker",
	"connection_limit": "waiting for a connection", "connect": "opening connections", "tls": "TLS",
	"network": "network", "service": "service", "body": "body"}

// CauseName is a cause for people.
func CauseName(cause string) string { return causeNames[cause] }

// Text says what the time above p99 was spent on, such as "71% service, 22% network"; "" of no request.
func (s *SlowTime) Text() string {
	var names []string
	for _, c := range measure.Causes() {
		if s.Shares[c.String()] >= 0.005 {
			names = append(names, c.String())
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(s.Shares[b], s.Shares[a]) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%.0f%% %s", 100*s.Shares[name], causeNames[name])
	}
	return strings.Join(names, ", ")
}
