package measure

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
	"time"
)

// DelayCause is what a part of a response time was spent on.
type DelayCause int

// The causes, in the order in which a request meets them.
const (
	// ByOwn is mfaload itself: it woke late, handed over late, had no processor, or stood still.
	ByOwn DelayCause = iota
	// ByWorkers is the wait for a worker while all were in flight.
	ByWorkers
	// ByLimit is the wait for a connection because the scenario allows no more.
	ByLimit
	// ByConnect is opening a new connection, ByTLS the handshake on it.
	ByConnect
	ByTLS
	// ByNetwork is what the network took of the wait for the first byte, beyond what it takes at least.
	ByNetwork
	// ByService is the rest of that wait; where the service says how long it took, at most that.
	ByService
	// ByBody is the time from the first to the last byte.
	ByBody
	causes
)

// String is the cause's name in files.
func (c DelayCause) String() string {
	return [causes]string{"own", "workers", "connection_limit", "connect", "tls", "network", "service",
		"body"}[c]
}

// Causes are all causes, in order.
func Causes() (all []DelayCause) {
	for c := range causes {
		all = append(all, c)
	}
	return all
}

// CauseTimes is what the times of requests were spent on, by [DelayCause]. In a file it is a list.
type CauseTimes [causes]time.Duration

// Total is all of it.
func (s *CauseTimes) Total() (sum time.Duration) {
	for _, d := range s {
		sum += d
	}
	return sum
}

func (s *CauseTimes) add(o *CauseTimes) {
	for c, d := range o {
		s[c] += d
	}
}

// spent is what the response time of a request was spent on; all of it has a cause.
func (o *Observation) spent() (s CauseTimes) {
	late := max(o.Sent-o.Intended, 0)
	s[ByLimit] = min(o.Waited, late)
	s[ByOwn] = min(max(o.Own, 0), late-s[ByLimit])
	s[ByWorkers] = late - s[ByLimit] - s[ByOwn]
	left := max(o.Done-o.Sent, 0)
	take := func(c DelayCause, d time.Duration) {
		d = min(max(d, 0), left)
		s[c] += d
		left -= d
	}
	take(ByConnect, o.Dial)
	take(ByTLS, o.Handshake)
	still := o.harmedInFlight()
	wait := left
	if o.FirstByte > 0 {
		wait = min(max(o.FirstByte-o.Dial-o.Handshake, 0), left)
	}
	frozen := min(still, wait)
	take(ByOwn, frozen)
	network := o.Network
	if o.Service > 0 {
		network = max(wait-o.Service, network) // whoever it is that stands between: it is outside the service
	}
	take(ByNetwork, min(network, wait-frozen))
	take(ByService, wait-frozen-s[ByNetwork])
	take(ByOwn, still-frozen)
	take(ByBody, left)
	return s
}

// Breakdown is where the times of requests went: the times of their parts on the network, what the response
// times were spent on by how long they are, and the slowest requests. Refused requests and those that never
// reached the service are not in it. Breakdowns of several shards add up to that of the run.
type Breakdown struct {
	// Transfer has the times of their parts on the network, by group.
	Transfer []TransferTimes `json:"transfer"`
	// Rows have the requests by their response time, in order.
	Rows []BreakdownRow `json:"rows"`
	// Slowest are the slowest requests, at most [MaxSlowest], the slowest first.
	Slowest []SlowSample `json:"slowest"`
}

// BreakdownRow has the requests whose response times are nearly the same.
type BreakdownRow struct {
	// Bucket is the number of the row: response times from [BucketFrom] on.
	Bucket   int        `json:"bucket"`
	Requests uint64     `json:"requests"`
	Spent    CauseTimes `json:"spent_ns"`
}

// SlowSample is one of the slowest requests of a run.
type SlowSample struct {
	Index      uint64        `json:"index"`
	Group      int           `json:"group"`
	Label      string        `json:"label"`
	Intended   time.Duration `json:"intended_ns"`
	Response   time.Duration `json:"response_ns"`
	Spent      CauseTimes    `json:"spent_ns"`
	Connection uint64        `json:"connection,omitempty"`
	// CorrelationID is the service's name for the response, TraceID that of the trace it is part of.
	CorrelationID string `json:"correlation_id,omitempty"`
	TraceID       string `json:"trace_id,omitempty"`
}

// MaxSlowest is how many of the slowest requests are kept.
const MaxSlowest = 20

const (
	rowsPerOctave = 64 // rows are at most 1.6% wide
	rowBits       = 7
	maxRow        = 26*rowsPerOctave - 1 // up to an hour and more
)

// bucketOf is the row of a response time: as many for each power of two microseconds.
func bucketOf(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	shift := max(bits.Len64(us)-rowBits, 0)
	return min(shift*rowsPerOctave+int(us>>shift), maxRow)
}

// BucketFrom is the shortest response time of a row.
func BucketFrom(bucket int) time.Duration {
	shift := max(bucket/rowsPerOctave-1, 0)
	return time.Duration(bucket-shift*rowsPerOctave) << shift * time.Microsecond
}

// record adds an observation. The times that most requests have get such histograms.
func (b *Breakdown) record(o *Observation, most func() *Histogram) {
	if !o.transferred() {
		return
	}
	b.Transfer[o.Group].record(o, most)
	response, spent := o.Done-o.Intended, o.spent()
	bucket := bucketOf(response)
	for len(b.Rows) <= bucket { // while the run lasts there is a row for each bucket
		b.Rows = append(b.Rows, BreakdownRow{Bucket: len(b.Rows)})
	}
	b.Rows[bucket].Requests++
	b.Rows[bucket].Spent.add(&spent)
	if n := len(b.Slowest); n == MaxSlowest && response < b.Slowest[n-1].Response {
		return
	}
	o.name()
	b.keep(SlowSample{Index: o.Index, Group: o.Group, Label: asText(o.Label), Intended: o.Intended,
		Response: response, Spent: spent, Connection: o.Connection,
		CorrelationID: asText(o.CorrelationID), TraceID: asText(o.TraceID)})
}

// keep keeps a request if it is one of the slowest.
func (b *Breakdown) keep(s SlowSample) {
	i, _ := slices.BinarySearchFunc(b.Slowest, s, compareSlow)
	b.Slowest = slices.Insert(b.Slowest, i, s)
	b.Slowest = b.Slowest[:min(len(b.Slowest), MaxSlowest)]
}

// compareSlow puts the slowest first.
func compareSlow(a, b SlowSample) int {
	return cmp.Or(cmp.Compare(b.Response, a.Response), cmp.Compare(a.Index, b.Index),
		cmp.Compare(a.Intended, b.Intended), cmp.Compare(a.Connection, b.Connection),
		cmp.Compare(a.Label, b.Label), cmp.Compare(a.Group, b.Group),
		slices.Compare(a.Spent[:], b.Spent[:]), cmp.Compare(a.CorrelationID, b.CorrelationID),
		cmp.Compare(a.TraceID, b.TraceID))
}

// merge adds a copy of another breakdown.
func (b *Breakdown) merge(o *Breakdown) {
	for group := range o.Transfer {
		b.Transfer[group].Merge(&o.Transfer[group])
	}
	for _, from := range o.Rows {
		if from.Requests == 0 {
			continue
		}
		i, found := slices.BinarySearchFunc(b.Rows, from.Bucket, BreakdownRow.compare)
		if !found {
			b.Rows = slices.Insert(b.Rows, i, BreakdownRow{Bucket: from.Bucket})
		}
		b.Rows[i].Requests += from.Requests
		b.Rows[i].Spent.add(&from.Spent)
	}
	for _, s := range o.Slowest {
		b.keep(s)
	}
}

func (r BreakdownRow) compare(bucket int) int { return cmp.Compare(r.Bucket, bucket) }

// mergeBreakdown adds what another one has, if it has something.
func mergeBreakdown(to **Breakdown, from *Breakdown) {
	if from == nil || len(from.Rows) == 0 {
		return
	}
	if *to == nil {
		*to = newBreakdown(len(from.Transfer))
	}
	(*to).merge(from)
}

// newBreakdown returns that of no request of so many groups.
func newBreakdown(groups int) *Breakdown {
	return &Breakdown{Transfer: make([]TransferTimes, groups), Rows: []BreakdownRow{},
		Slowest: []SlowSample{}}
}

// TransferTimes returns the times of a group's requests on the network, or of all if it is below 0.
func (p *Phase) TransferTimes(group int) (t TransferTimes) {
	if p.Breakdown == nil {
		return t
	}
	for g := range p.Breakdown.Transfer {
		if group < 0 || group == g {
			t.Merge(&p.Breakdown.Transfer[g])
		}
	}
	return t
}

// Requests counts the requests that it is of.
func (b *Breakdown) Requests() (n uint64) {
	for i := range b.Rows {
		n += b.Rows[i].Requests
	}
	return n
}

// SlowSummary is where the time went of the requests above a percentile of response times.
type SlowSummary struct {
	// From is the response time from which on requests are in it.
	From     time.Duration
	Requests uint64
	// Spent is all that their response times were spent on, Excess what of it is beyond that of a typical
	// request: of as many that take no longer than the median.
	Spent, Excess CauseTimes
	// Typical is what such a request spends.
	Typical CauseTimes
}

// Above returns where the time went of the requests above a percentile.
func (b *Breakdown) Above(percentile float64) (s SlowSummary) {
	n := b.Requests()
	if n == 0 {
		return s
	}
	upTo := func(percentile float64) int {
		rank, seen := Rank(percentile, n), uint64(0)
		return slices.IndexFunc(b.Rows, func(r BreakdownRow) bool {
			seen += r.Requests
			return seen >= rank
		})
	}
	var typical CauseTimes
	half := uint64(0)
	for _, r := range b.Rows[:upTo(50)+1] {
		half += r.Requests
		typical.add(&r.Spent)
	}
	for c := range typical {
		s.Typical[c] = typical[c] / time.Duration(half)
	}
	for _, r := range b.Rows[upTo(percentile)+1:] {
		if s.Requests == 0 {
			s.From = BucketFrom(r.Bucket)
		}
		s.Requests += r.Requests
		s.Spent.add(&r.Spent)
	}
	for c := range s.Spent {
		s.Excess[c] = max(s.Spent[c]-time.Duration(s.Requests)*s.Typical[c], 0)
	}
	return s
}

// Cause is what a slow request spent its time on, beyond what a typical one spends.
func (s *SlowSample) Cause(typical CauseTimes) (most DelayCause) {
	for c := range causes {
		if s.Spent[c]-typical[c] > s.Spent[most]-typical[most] {
			most = c
		}
	}
	return most
}

// check finds a breakdown that can't be one of so many requests and groups.
func (b *Breakdown) check(sent uint64, groups int) error {
	if b == nil {
		return nil
	}
	wrong := errors.New("where the times of requests went does not add up")
	last, n := -1, uint64(0)
	for i := range b.Rows {
		r := &b.Rows[i]
		if r.Bucket <= last || r.Bucket > maxRow || r.Requests > sent || slices.Min(r.Spent[:]) < 0 {
			return wrong
		}
		last = r.Bucket
		n += r.Requests
	}
	for g := range b.Transfer {
		if err := b.Transfer[g].check(n); err != nil {
			return err
		}
	}
	if n > sent || len(b.Transfer) != groups || len(b.Slowest) > MaxSlowest ||
		uint64(len(b.Slowest)) > n || !slices.IsSortedFunc(b.Slowest, compareSlow) {
		return wrong
	}
	for i := range b.Slowest {
		if s := &b.Slowest[i]; s.Group < 0 || s.Group >= groups || slices.Min(s.Spent[:]) < 0 {
			return wrong
		}
	}
	return nil
}
