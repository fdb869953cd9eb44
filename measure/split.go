package measure

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"mfaload/internal/disk"
	"mfaload/internal/varint"
)

// Split says which requests of a second, or of a group in it, were served, and
// what mfaload harmed of those. All members are empty where every request was
// served and none was harmed.
type Split struct {
	// Refused counts the requests that the service turned away: see
	// [Observation.Refused].
	Refused uint64 `json:"refused,omitempty"`
	// Unserved counts those that failed otherwise, NotDelivered those that certainly
	// never reached the service.
	Unserved     uint64 `json:"unserved,omitempty"`
	NotDelivered uint64 `json:"unheard,omitempty"`
	// Served are the times of the others; nil where there are only others.
	Served *RequestTimes `json:"served,omitempty"`
	// Best are those of Served at best, as if mfaload had harmed none, and of
	// failures that may be its own doing; nil where it harmed none.
	Best *RequestTimes `json:"best,omitempty"`
	// Doubtful counts these failures.
	Doubtful uint64 `json:"doubtful,omitempty"`
	// DoubtfulErrors counts the requests that may not count against the error rate:
	// these failures, and refusals of what was sent late.
	DoubtfulErrors uint64 `json:"doubtful_errors,omitempty"`
	GoodCount
}

// RequestTimes is the response and the service times of the same requests.
type RequestTimes struct {
	Response *Histogram `json:"response"`
	Service  *Histogram `json:"service"`
}

func newRequestTimes() *RequestTimes { return &RequestTimes{NewSparse(), NewSparse()} }

func copyOf(response, service *Histogram) *RequestTimes {
	return &RequestTimes{response.copied(), service.copied()}
}

func (p *RequestTimes) merge(response, service *Histogram) {
	p.Response.Merge(response)
	p.Service.Merge(service)
}

func (p *RequestTimes) record(o *Observation) {
	p.Response.Record(o.Done - o.Intended)
	p.Service.Record(o.Done - o.Sent)
}

func (p *RequestTimes) recordBest(o *Observation) {
	p.Response.Record(atBest(o.Done-o.Intended, o.Harmed))
	p.Service.Record(atBest(o.Done-o.Sent, o.harmedInFlight()))
}

// waitKind says in which times a request is that was sent.
type waitKind int

const (
	served waitKind = iota
	failed
	apart // refused, or it certainly never reached the service: in none
)

func (c *Cell) waitKind() waitKind { return waitKindOf(c.Refused, c.Failed, c.Label) }

func (o *Observation) waitKind() waitKind { return waitKindOf(o.Refused, o.Failed, o.Label) }

func waitKindOf(refused, failure bool, label string) waitKind {
	switch {
	case refused, failure && IsNotDelivered(label):
		return apart
	case failure:
		return failed
	}
	return served
}

// served says that the request got a whole response that turned nobody away.
func (o *Observation) served() bool { return !o.Refused && !o.Failed }

// record adds an observation. Response and service are the times of all requests,
// to which it was not added yet.
func (s *Split) record(o *Observation, violating bool, response, service *Histogram) {
	s.GoodCount.record(o, violating)
	if s.Served == nil && !o.served() {
		s.Served = copyOf(response, service)
	}
	if s.Best == nil && o.Harmed > 0 && (o.served() || !o.Refused && o.doubtful()) {
		s.Best = copyOf(s.Of(response, service))
	}
	switch {
	case o.served():
		if s.Served != nil {
			s.Served.record(o)
		}
		if s.Best != nil {
			s.Best.recordBest(o)
		}
	case o.Refused:
		s.Refused++
	case IsNotDelivered(o.Label):
		s.NotDelivered++
	default:
		s.Unserved++
		if o.doubtful() {
			s.Doubtful++
			s.Best.recordBest(o)
		}
	}
	if o.doubtful() && !o.AsExpected {
		s.DoubtfulErrors++
	}
}

// Of returns the times of the requests that were served, of all.
func (s *Split) Of(response, service *Histogram) (servedResponse, servedService *Histogram) {
	if s.Served == nil {
		return response, service
	}
	return s.Served.Response, s.Served.Service
}

// AtBest returns the times at best of the requests that were served, of all, and of
// the doubtful failures.
func (s *Split) AtBest(response, service *Histogram) (bestResponse, bestService *Histogram) {
	if s.Best == nil {
		return s.Of(response, service)
	}
	return s.Best.Response, s.Best.Service
}

// add adds another part of the same requests. Response and service are the times
// of all, to which those of the other part were not added yet.
func (s *Split) add(o *Split, response, service, theirResponse, theirService *Histogram) {
	if s.Best == nil && o.Best != nil {
		s.Best = copyOf(s.Of(response, service))
	}
	if s.Best != nil {
		s.Best.merge(o.AtBest(theirResponse, theirService))
	}
	if s.Served == nil && o.Served != nil {
		s.Served = copyOf(response, service)
	}
	if s.Served != nil {
		s.Served.merge(o.Of(theirResponse, theirService))
	}
	s.Refused += o.Refused
	s.Unserved += o.Unserved
	s.NotDelivered += o.NotDelivered
	s.Doubtful += o.Doubtful
	s.DoubtfulErrors += o.DoubtfulErrors
	s.GoodCount.add(o.GoodCount)
}

func (s *Split) histograms() (all []*Histogram) {
	for _, p := range []*RequestTimes{s.Served, s.Best} {
		if p != nil {
			all = append(all, p.Response, p.Service)
		}
	}
	return all
}

func (s *Split) Shrink() {
	for _, h := range s.histograms() {
		h.Shrink()
	}
}

func (s *Split) check(response, service *Histogram) error {
	wrong := errors.New("the served requests of a second do not add up to it")
	others := s.Refused + s.Unserved + s.NotDelivered
	if (s.Served == nil) != (others == 0) || max(s.Refused, s.Unserved, s.NotDelivered,
		others) > response.Count() ||
		s.Doubtful > s.Unserved || s.DoubtfulErrors > s.Refused+s.Unserved {
		return wrong
	}
	if s.Served != nil && (!sameCounts(s.Served.Response, s.Served.Service) || s.Served.Response.Count()+
		others != response.Count()) {
		return wrong
	}
	served, _ := s.Of(response, service)
	switch {
	case s.Best == nil && s.Doubtful > 0,
		s.Best != nil && (!sameCounts(s.Best.Response, s.Best.Service) ||
			s.Best.Response.Count() != served.Count()+s.Doubtful):
		return wrong
	}
	return nil
}

// spill is a temporary file of seconds that memory does not hold. A second may be in
// it in several parts, where requests of it were recorded late: they add up.
type spill struct {
	file  *disk.Temporary
	size  int64
	parts []spilled // by second; those of a second in the order they were added

	mu  sync.Mutex
	err error // why it can't be read, for good
}

// spilled is where a part of a second lies.
type spilled struct {
	second int32 // up to maxSecond
	length uint32
	at     int64
}

// write appends seconds. After an error none of them is in it.
func (s *spill) write(all []*Second) error {
	var data []byte
	parts := make([]spilled, 0, len(all))
	for _, sec := range all {
		from := len(data)
		data = appendSecond(data, sec)
		parts = append(parts, spilled{int32(sec.Second), uint32(len(data) - from), s.size + int64(from)})
	}
	if _, err := s.file.WriteAt(data, s.size); err != nil {
		return err
	}
	s.size += int64(len(data))
	for _, p := range parts {
		s.parts = slices.Insert(s.parts, s.find(int64(p.second)+1), p)
	}
	return nil
}

// find returns the first part of a second, or of the next one that has any.
func (s *spill) find(second int64) (first int) {
	if n := len(s.parts); n == 0 || int64(s.parts[n-1].second) < second {
		return n
	}
	first, _ = slices.BinarySearchFunc(s.parts, second,
		func(p spilled, n int64) int { return cmp.Compare(int64(p.second), n) })
	return first
}

// spillReader reads parts of a spill; those that follow one another cost least.
type spillReader struct {
	*spill
	window []byte
	begin  int64 // of the window, in the file
}

const readAhead = 64 << 10

// second returns the second whose first part it is, and the part behind it.
func (c *spillReader) second(first, ahead int) (sec *Second, next int) {
	for next = first; next < len(c.parts) && c.parts[next].second == c.parts[first].second; next++ {
		part := c.part(c.parts[next], ahead)
		switch {
		case part == nil:
			return nil, next
		case sec == nil:
			sec = part
		default:
			sec.add(part)
		}
	}
	if next > first+1 {
		sec.Shrink()
	}
	return sec, next
}

// part reads one, and so many bytes ahead of it. After an error all are nil.
func (c *spillReader) part(p spilled, ahead int) *Second {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil
	}
	if at := p.at - c.begin; at < 0 || at+int64(p.length) > int64(len(c.window)) {
		c.window, c.begin = slices.Grow(c.window[:0], max(int(p.length), ahead)), p.at
		n, err := c.file.ReadAt(c.window[:max(int(p.length), ahead)], p.at)
		if c.window = c.window[:n]; n < int(p.length) {
			c.err = fmt.Errorf("read seconds of the run from a temporary file: %w",
				cmp.Or(err, io.ErrUnexpectedEOF))
			return nil
		}
	}
	sec, ok := readSecond(c.window[p.at-c.begin:][:p.length])
	if !ok {
		c.err = errors.New("read seconds of the run from a temporary file: they are not as they were written")
		return nil
	}
	return sec
}

func appendSecond(b []byte, s *Second) []byte {
	for _, n := range []uint64{uint64(s.Second), s.Failed, s.Clean, s.Violating, s.Expected, s.RateLimited,
		uint64(len(s.Ends))} {
		b = binary.AppendUvarint(b, n)
	}
	for _, e := range s.Ends {
		b = append(varint.AppendText(b, e.Label), varint.Bit(e.Failed))
		b = binary.AppendUvarint(b, e.Count)
	}
	b = appendHistograms(b, s.Response, s.Service, s.Lateness)
	b = appendTransfer(appendSplit(b, &s.Split), &s.Transfer)
	b = binary.AppendUvarint(b, uint64(len(s.Groups)))
	for _, g := range s.Groups {
		for _, n := range []uint64{uint64(g.Group), g.Expected, g.Violating} {
			b = binary.AppendUvarint(b, n)
		}
		b = appendSplit(appendHistograms(b, g.Response, g.Service), &g.Split)
		b = appendTransfer(b, &g.Transfer)
	}
	return b
}

func appendSplit(b []byte, s *Split) []byte {
	for _, n := range []uint64{s.Refused, s.Unserved, s.NotDelivered, s.Doubtful, s.DoubtfulErrors, s.Good,
		s.DoubtfulGood} {
		b = binary.AppendUvarint(b, n)
	}
	for _, p := range []*RequestTimes{s.Served, s.Best} {
		if b = append(b, varint.Bit(p != nil)); p != nil {
			b = appendHistograms(b, p.Response, p.Service)
		}
	}
	return b
}

func appendTransfer(b []byte, t *TransferTimes) []byte {
	for _, part := range t.parts() {
		if b = append(b, varint.Bit(*part != nil)); *part != nil {
			b = appendHistograms(b, *part)
		}
	}
	return b
}

func appendHistograms(b []byte, all ...*Histogram) []byte {
	for _, h := range all {
		for _, n := range []uint64{h.above, uint64(h.min), uint64(h.max), h.sumHi, h.sumLo, h.bucketed()} {
			b = binary.AppendUvarint(b, n)
		}
		b = varint.AppendText(b, h.compactBytes())
	}
	return b
}

// readSecond reads what appendSecond wrote, and keeps none of it.
func readSecond(data []byte) (s *Second, ok bool) {
	r := secondReader{varint.Reader{Rest: data}}
	s = &Second{}
	s.Second = int64(r.Uvarint())
	for _, n := range []*uint64{&s.Failed, &s.Clean, &s.Violating, &s.Expected, &s.RateLimited} {
		*n = r.Uvarint()
	}
	for range r.Uvarint() {
		if r.Bad {
			return nil, false
		}
		s.Ends = append(s.Ends, End{string(r.Text()), r.Byte() != 0, r.Uvarint()})
	}
	r.histograms(&s.Response, &s.Service, &s.Lateness)
	r.split(&s.Split)
	r.transfer(&s.Transfer)
	for range r.Uvarint() {
		if r.Bad {
			return nil, false
		}
		g := &GroupSecond{Group: int(r.Uvarint()), Expected: r.Uvarint(), Violating: r.Uvarint()}
		r.histograms(&g.Response, &g.Service)
		r.split(&g.Split)
		r.transfer(&g.Transfer)
		s.Groups = append(s.Groups, g)
	}
	return s, !r.Bad && len(r.Rest) == 0
}

type secondReader struct{ varint.Reader }

func (r *secondReader) split(s *Split) {
	for _, n := range []*uint64{&s.Refused, &s.Unserved, &s.NotDelivered, &s.Doubtful, &s.DoubtfulErrors,
		&s.Good, &s.DoubtfulGood} {
		*n = r.Uvarint()
	}
	for _, p := range []**RequestTimes{&s.Served, &s.Best} {
		if r.Byte() != 0 {
			*p = &RequestTimes{}
			r.histograms(&(*p).Response, &(*p).Service)
		}
	}
}

func (r *secondReader) transfer(t *TransferTimes) {
	for _, part := range t.parts() {
		if r.Byte() != 0 {
			r.histograms(part)
		}
	}
}

func (r *secondReader) histograms(all ...**Histogram) {
	for _, h := range all {
		*h = &Histogram{above: r.Uvarint(), min: time.Duration(r.Uvarint()), max: time.Duration(r.Uvarint()),
			sumHi: r.Uvarint(), sumLo: r.Uvarint()}
		(*h).compact = &compactBuckets{count: r.Uvarint(), buckets: bytes.Clone(r.Text())}
	}
}
