package measure

import (
	"errors"
	"iter"
)

// TransferTimes are the times of the parts of requests on the network: of each part those of the requests
// that had it, nil if none had. Requests that the service refused, and those that certainly never reached it,
// are in none.
type TransferTimes struct {
	// Connect is how long requests waited for a new connection, TLS for the handshake on it.
	Connect *Histogram `json:"connect,omitempty"`
	TLS     *Histogram `json:"tls,omitempty"`
	// FirstByte is the time from the send, without the wait for a new connection, until the first byte of
	// the response; Body the time from then until its last byte.
	FirstByte *Histogram `json:"first_byte,omitempty"`
	Body      *Histogram `json:"body,omitempty"`
	// Told is the time that the service says it took, Outside the rest of the time from the send to the
	// last byte.
	Told    *Histogram `json:"told_service,omitempty"`
	Outside *Histogram `json:"outside_service,omitempty"`
}

const transferParts = 6

func (t *TransferTimes) parts() [transferParts]**Histogram {
	return [...]**Histogram{&t.Connect, &t.TLS, &t.FirstByte, &t.Body, &t.Told, &t.Outside}
}

// All yields the parts in the order in which a request meets them, those of no request too, by their names
// in files.
func (t *TransferTimes) All() iter.Seq2[string, *Histogram] {
	return func(yield func(string, *Histogram) bool) {
		names := [transferParts]string{"connect", "tls", "first_byte", "body", "told_service",
			"outside_service"}
		for i, part := range t.parts() {
			h := *part
			if h == nil {
				h = NewSparse()
			}
			if !yield(names[i], h) {
				return
			}
		}
	}
}

// transferred says whether an observation tells how its request went over the network to the service:
// journals of earlier versions do not.
func (o *Observation) transferred() bool {
	return !o.Refused && !(o.Failed && IsNotDelivered(o.Label)) &&
		(o.Connection > 0 || o.Dial > 0 || o.FirstByte > 0)
}

// record adds an observation that is [Observation.transferred]. The parts that most requests have get such
// histograms.
func (t *TransferTimes) record(o *Observation, most func() *Histogram) {
	if o.Dial > 0 {
		ensure(&t.Connect, NewSparse).Record(o.Dial)
	}
	if o.Handshake > 0 {
		ensure(&t.TLS, NewSparse).Record(o.Handshake)
	}
	if o.FirstByte > 0 {
		ensure(&t.FirstByte, most).Record(o.FirstByte - o.Dial - o.Handshake)
		ensure(&t.Body, most).Record(o.Done - o.Sent - o.FirstByte)
	}
	if o.Service > 0 {
		ensure(&t.Told, most).Record(o.Service)
		ensure(&t.Outside, most).Record(o.Done - o.Sent - o.Service)
	}
}

func ensure(h **Histogram, histogram func() *Histogram) *Histogram {
	if *h == nil {
		*h = histogram()
	}
	return *h
}

// Merge adds a copy of others.
func (t *TransferTimes) Merge(o *TransferTimes) {
	to := t.parts()
	for i, from := range o.parts() {
		if *from != nil && (*from).Count() > 0 { // else it is left of an earlier time
			ensure(to[i], NewSparse).Merge(*from)
		}
	}
}

// compactCopy returns a copy of what counts something.
func (t *TransferTimes) compactCopy(scratch *Histogram) (c TransferTimes) {
	to := c.parts()
	for i, from := range t.parts() {
		if *from != nil && (*from).Count() > 0 {
			*to[i] = (*from).compactCopy(scratch)
		}
	}
	return c
}

func (t *TransferTimes) histograms() (all []*Histogram) {
	for _, part := range t.parts() {
		if *part != nil {
			all = append(all, *part)
		}
	}
	return all
}

// Reset makes them empty again, without giving their memory back.
func (t *TransferTimes) Reset() {
	for _, h := range t.histograms() {
		h.Reset()
	}
}

// check finds parts that can't be those of so many requests.
func (t *TransferTimes) check(requests uint64) error {
	for _, h := range t.histograms() {
		if h.unmade() || h.Count() > requests {
			return errors.New("the parts of requests on the network do not add up")
		}
	}
	if !alike(t.FirstByte, t.Body) || !alike(t.Told, t.Outside) {
		return errors.New("the parts of requests on the network are not of the same requests")
	}
	return nil
}

func alike(a, b *Histogram) bool { return a == nil && b == nil || sameCounts(a, b) }
