package measure

import (
	"errors"
	"maps"
	"math"
	"slices"
	"time"
)

// When mfaload itself was short of processor time.
const (
	// MaxCPU is the most of the processors' time that mfaload may use, as a
	// share. Above it requests wait for mfaload, and it is measured as theirs.
	// It is also the most that it may use and have to wait for, where hiccups
	// show that the wait is felt.
	MaxCPU = 0.80
	// FeltHiccup is how late a wait that does nothing else may end before waiting for
	// processors is felt.
	FeltHiccup = 2 * time.Millisecond
	// MaxHiccup is how late such a wait may end: responses are read as late as that,
	// and the times are not the service's.
	MaxHiccup = 20 * time.Millisecond
)

// Short says that mfaload was short of processor time in a second. Its threads used
// most of what there was; or they used and waited for most of it, and that was felt;
// or a quota kept them from running; or nearly every wait ended late.
func (s *OwnSecond) Short() bool {
	limit := MaxCPU * float64(s.Available)
	used, waited := float64(s.CPU), float64(s.CPUWait)
	return s.Available > 0 && (used > limit || used+waited > limit && s.Hiccup > FeltHiccup) ||
		s.Throttled > MaxHiccup || s.Hiccup > MaxHiccup
}

// ShortSeconds are the seconds in which a generator was short of processor time.
func (g *Generator) ShortSeconds() map[int64]bool {
	seconds := map[int64]bool{}
	for i := range g.Seconds {
		if g.Seconds[i].Short() {
			seconds[g.Seconds[i].Second] = true
		}
	}
	return seconds
}

// DoubtfulSeconds are the seconds of a run in which mfaload itself may be why requests
// were slow, failed or were not sent: the one rule for the verdict, for load.stopOn
// and for capacity.
type DoubtfulSeconds struct {
	// All says that no second can be told from another: the whole run is in doubt.
	All bool
	// Short had too little processor time: at best all of their requests would have
	// been fast.
	Short map[int64]bool
	// Capped had all workers in flight, though the load needs more of them: at best
	// their requests would have been sent at once. Needed is how many it needs in the
	// busiest of them.
	Capped map[int64]bool
	Needed int
}

// Doubtful finds them, by the measurement's seconds, its profile, and what its
// generator measured of itself.
func (m *Measurement) Doubtful() *DoubtfulSeconds {
	d := &DoubtfulSeconds{Short: m.Generator.ShortSeconds(), Capped: map[int64]bool{}}
	d.findCapped(m)
	return d
}

// OwnPart is what is known of mfaload's own part in a run while it goes on: with the
// requests, what its doubtful seconds are found by.
type OwnPart struct {
	// Workers is the most requests that there may be in flight.
	Workers int `json:"workers"`
	// From is the second that the profile and the seconds begin with.
	From    int         `json:"from"`
	Profile LoadProfile `json:"profile"`
	Seconds []OwnSecond `json:"seconds,omitempty"`
}

// Doubtful finds the doubtful seconds of a run that goes on, of whose requests these
// have come to an end.
func (p *OwnPart) Doubtful(ended []*Second) *DoubtfulSeconds {
	m := Measurement{Seconds: SecondsOf(ended), Profile: p.Profile, Generator: Generator{Workers: p.Workers,
		Seconds: p.Seconds}}
	return m.Doubtful()
}

// Extend takes in what the same machine said later.
func (p *OwnPart) Extend(o *OwnPart) {
	p.Workers = o.Workers
	p.Profile.Extend(o.From, &o.Profile)
	p.Seconds = slices.DeleteFunc(p.Seconds, func(s OwnSecond) bool { return s.Second >= int64(o.From) })
	p.Seconds = append(p.Seconds, o.Seconds...)
}

// Merge adds the part of another machine, from the same second on.
func (p *OwnPart) Merge(o *OwnPart) {
	p.Workers += o.Workers
	p.Profile.merge(&o.Profile)
	p.Seconds = mergeOwnSeconds(p.Seconds, o.Seconds)
}

// Check finds a part that can't be.
func (p *OwnPart) Check() error {
	few := func(n int) bool { return n <= maxSecond && p.From <= maxSecond-n }
	if p.Workers < 0 || p.From < 0 || len(p.Profile.Stages) > 0 || !few(len(p.Profile.Due)) ||
		!few(len(p.Profile.AllBusy)) || len(p.Profile.Withheld) > len(p.Profile.Due) ||
		slices.ContainsFunc(p.Profile.AllBusy, func(d time.Duration) bool { return d < 0 }) {
		return errors.New("mfaload's own part in the run can't be")
	}
	if len(p.Seconds) > 0 && p.Seconds[0].Second < int64(p.From) {
		return errors.New("its own seconds are not in order")
	}
	return checkOwnSeconds(p.Seconds)
}

// Any says whether there are any.
func (d *DoubtfulSeconds) Any() bool { return d.All || len(d.Short)+len(d.Capped) > 0 }

// Since forgets those before a second.
func (d *DoubtfulSeconds) Since(first int64) {
	before := func(second int64, _ bool) bool { return second < first }
	maps.DeleteFunc(d.Short, before)
	maps.DeleteFunc(d.Capped, before)
}

// findCapped finds the seconds in which arrivals waited because all workers that
// there may be were in flight, though the load needs more of them: stretch by
// stretch, which are seconds one after another in which arrivals waited. What the
// load needs is Little's law at the typical service time of the stretch, the median
// of what was served in it. A service that stands still does not change it, for most
// requests of the stretch are sent after that; where most of them are never served
// there is no typical time, and the wait is the service's.
func (d *DoubtfulSeconds) findCapped(m *Measurement) {
	busy := m.Profile.AllBusy
	for from := 0; from < len(busy); from++ {
		if busy[from] == 0 {
			continue
		}
		to := from
		for to < len(busy) && busy[to] > 0 {
			to++
		}
		d.stretch(m, int64(from), int64(to))
		from = to
	}
}

// stretch goes through the seconds of a stretch. Those after the load fell below
// what the workers can do belong to it as long as what was left waits.
func (d *DoubtfulSeconds) stretch(m *Measurement, from, to int64) {
	typical := m.typicalService(from, to)
	if typical <= 0 || m.Generator.Workers <= 0 {
		return
	}
	able := float64(m.Generator.Workers) / typical.Seconds() // requests a second
	waiting := 0.0
	for second := from; second < to; second++ {
		due := 0.0
		if second < int64(len(m.Profile.Due)) {
			due = float64(m.Profile.Due[second])
		}
		before := waiting
		waiting = max(waiting+due-able, 0)
		if before > 0 || due > able {
			d.Capped[second] = true
			d.Needed = max(d.Needed, int(math.Ceil(due*typical.Seconds())))
		}
	}
}

// typicalService is the median service time of the requests of some seconds that
// were served; 0 where those are the minority.
func (m *Measurement) typicalService(from, to int64) time.Duration {
	var sent, served uint64
	times := NewSparse()
	for s := range m.Seconds.Between(from, to) {
		_, service := s.Of(s.Response, s.Service)
		sent, served = sent+s.Response.Count(), served+service.Count()
		times.Merge(service)
	}
	if 2*served <= sent {
		return 0
	}
	return times.Percentile(50)
}

// each yields the doubtful seconds of a measurement with what was due in them and
// not sent.
func (d *DoubtfulSeconds) each(m *Measurement, yield func(s *Second, unsent uint64)) {
	all := maps.Clone(d.Short)
	if all == nil {
		all = map[int64]bool{}
	}
	maps.Copy(all, d.Capped)
	for _, second := range slices.Sorted(maps.Keys(all)) {
		s := m.Seconds.At(second)
		if s == nil { // nothing of it was sent
			s = newSecond(second)
		}
		yield(s, m.UnsentIn(second))
	}
}

// Forgive takes the requests of doubtful seconds as they would have been at best: of
// a group, or of all where it is below 0. Of the arrivals that were never sent, at
// most so many are the limit's.
func (d *DoubtfulSeconds) Forgive(m *Measurement, b *BestWaits, group int, service bool, neverSent uint64) {
	d.each(m, func(s *Second, unsent uint64) {
		unsent = min(unsent, neverSent)
		neverSent -= unsent
		d.forgive(s, b, group, service, unsent)
	})
}

func (d *DoubtfulSeconds) forgive(s *Second, b *BestWaits, group int, service bool, unsent uint64) {
	switch {
	case d.Short[s.Second]:
		b.forgive(s, group, service, unsent)
	case !d.Capped[s.Second]:
	case service:
		b.fewer(unsent + s.Drained(group))
	default: // sent in time, it would have got a response before the end
		b.forgiveWaiting(s, group, unsent+s.Drained(group))
	}
}

// BestWaits returns the times of a second at best, of a group or of all where it is
// below 0, with so many arrivals that were due in it and not sent.
func (d *DoubtfulSeconds) BestWaits(s *Second, group int, service bool, unsent uint64) *BestWaits {
	b := &BestWaits{unserved: unsent}
	if all, split := s.part(group, service); all != nil {
		b.with = []*Histogram{split.best(all, service)}
		b.unserved += split.Unserved - split.Doubtful
	}
	d.forgive(s, b, group, service, unsent)
	return b
}

// In says whether a second is doubtful.
func (d *DoubtfulSeconds) In(second int64) bool { return d.All || d.Short[second] || d.Capped[second] }

// FailuresIn counts the failures of a second that may be mfaload's own doing, but for
// those that are doubtful by themselves.
func (d *DoubtfulSeconds) FailuresIn(s *Second, group int) uint64 {
	switch {
	case d.Short[s.Second]:
		return s.OtherFailures(group)
	case d.Capped[s.Second]:
		return s.Drained(group)
	}
	return 0
}

// Beyond counts what is beyond a limit at best.
func (d *DoubtfulSeconds) Beyond(b *BestWaits, limit time.Duration) uint64 {
	if d.All {
		return 0
	}
	return b.Beyond(limit)
}

// Failures counts the failures, and of so many arrivals that were never sent those,
// that may be mfaload's own doing; not those that are doubtful by themselves.
func (d *DoubtfulSeconds) Failures(m *Measurement, group int, neverSent uint64) (n uint64) {
	if d.All {
		return m.Main.BestWaits(group, false).Unserved()
	}
	d.each(m, func(s *Second, _ uint64) { n += d.FailuresIn(s, group) })
	return n + d.Unsent(m, neverSent)
}

// Unsent counts the arrivals that were never sent, and may not have been for
// mfaload's sake: at most so many.
func (d *DoubtfulSeconds) Unsent(m *Measurement, limit uint64) (n uint64) {
	if d.All {
		return limit
	}
	d.each(m, func(_ *Second, unsent uint64) { n += unsent })
	return min(n, limit)
}

// Harmed are the times of the requests that mfaload itself harmed: it sent them
// late, or stood still while they were in flight. In addition to what was measured it has
// what would have been measured at best without that, so that a limit can be held
// against both. Only what is missed at best is the service's.
type Harmed struct {
	// Response and Service are as they were measured.
	Response *Histogram `json:"response"`
	Service  *Histogram `json:"service"`
	// BestResponse and BestService are at best.
	BestResponse *Histogram `json:"best_response"`
	BestService  *Histogram `json:"best_service"`
	// Doubtful counts those whose end itself may be mfaload's doing: failures in
	// flight while it stood still, refusals of what it sent late.
	Doubtful uint64 `json:"doubtful,omitempty"`
	// DoubtfulErrors are those of them that the scenario does not expect.
	DoubtfulErrors uint64 `json:"doubtful_errors,omitempty"`
}

func newHarmed() *Harmed {
	return &Harmed{Response: NewSparse(), Service: NewSparse(), BestResponse: NewSparse(),
		BestService: NewSparse()}
}

// recordHarmed adds an observation that was harmed. What failed and would have
// failed without that too was not harmed.
func recordHarmed(to **Harmed, o *Observation) {
	if o.Harmed <= 0 || o.Failed && !o.doubtful() {
		return
	}
	if *to == nil {
		*to = newHarmed()
	}
	h := *to
	h.Response.Record(o.Done - o.Intended)
	h.Service.Record(o.Done - o.Sent)
	h.BestResponse.Record(atBest(o.Done-o.Intended, o.Harmed))
	h.BestService.Record(atBest(o.Done-o.Sent, o.harmedInFlight()))
	if o.doubtful() {
		h.Doubtful++
		if !o.AsExpected {
			h.DoubtfulErrors++
		}
	}
}

func atBest(measured, harm time.Duration) time.Duration { return max(measured-harm, 0) }

func mergeHarmed(to **Harmed, from *Harmed) {
	if from == nil {
		return
	}
	if *to == nil {
		*to = newHarmed()
	}
	(*to).Doubtful += from.Doubtful
	(*to).DoubtfulErrors += from.DoubtfulErrors
	(*to).Response.Merge(from.Response)
	(*to).Service.Merge(from.Service)
	(*to).BestResponse.Merge(from.BestResponse)
	(*to).BestService.Merge(from.BestService)
}

// fits says whether it can be of some of so many requests.
func (h *Harmed) fits(of uint64) bool {
	if h == nil {
		return true
	}
	return sameCounts(h.Response, h.Service, h.BestResponse, h.BestService) && h.Response.Count() <= of &&
		h.Doubtful <= h.Response.Count() && h.DoubtfulErrors <= h.Doubtful
}
