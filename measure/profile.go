package measure

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// LoadProfile is the load that was planned, as far as the run came.
type LoadProfile struct {
	// Due counts the arrivals that were due in each second of intended time
	// since the start of the run, the warm-up included: sent or not. It is empty
	// where nobody planned them: users of a closed load wait for their responses.
	Due []uint64 `json:"due,omitempty"`
	// Withheld counts those of them that were not to be sent, by second: up to the
	// last second that has one.
	Withheld []uint64 `json:"withheld,omitempty"`
	// AllBusy is how long arrivals of any second were due while all workers that
	// there may be were in flight, by second: up to the last one that has some.
	AllBusy []time.Duration `json:"all_busy_ns,omitempty"`
	// Stages are the parts of the schedule in order, each time they were run.
	Stages []StageSpan `json:"stages,omitempty"`
}

// StageSpan is a part of the schedule, as it was run once.
type StageSpan struct {
	// Name is what the scenario calls it, or its shape.
	Name   string `json:"name"`
	Warmup bool   `json:"warmup,omitempty"`
	// Start and End count from the start of the run.
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// Add counts an arrival that was due at a time, and whether it was withheld.
func (p *LoadProfile) Add(at time.Duration, withheld bool) {
	countAt(&p.Due, at)
	if withheld {
		p.Withhold(at)
	}
}

// Withhold counts an arrival, which was added before, as withheld.
func (p *LoadProfile) Withhold(at time.Duration) { countAt(&p.Withheld, at) }

// Busy counts a time in which all workers were in flight.
func (p *LoadProfile) Busy(from, to time.Duration) {
	for from = max(from, 0); from < to; {
		second := int(from / time.Second)
		end := min(time.Duration(second+1)*time.Second, to)
		for len(p.AllBusy) <= second {
			p.AllBusy = append(p.AllBusy, 0)
		}
		p.AllBusy[second] += end - from
		from = end
	}
}

// From is the part from a second on, as a copy.
func (p *LoadProfile) From(second int) LoadProfile {
	return LoadProfile{Due: tail(p.Due, second), Withheld: tail(p.Withheld, second),
		AllBusy: tail(p.AllBusy, second)}
}

func tail[T any](counts []T, from int) []T { return slices.Clone(counts[min(from, len(counts)):]) }

// Extend puts the part from a second on behind the seconds before it.
func (p *LoadProfile) Extend(from int, o *LoadProfile) {
	p.Due, p.Withheld = put(p.Due, from, o.Due), put(p.Withheld, from, o.Withheld)
	p.AllBusy = put(p.AllBusy, from, o.AllBusy)
}

func put[T any](counts []T, from int, rest []T) []T {
	counts = counts[:min(from, len(counts))]
	for len(rest) > 0 && len(counts) < from {
		counts = append(counts, *new(T))
	}
	return append(counts, rest...)
}

// merge adds the arrivals of another part of the same run. Where one was cut
// short the stages are those of the other.
func (p *LoadProfile) merge(o *LoadProfile) {
	p.Due, p.Withheld = addEach(p.Due, o.Due), addEach(p.Withheld, o.Withheld)
	p.AllBusy = addEach(p.AllBusy, o.AllBusy)
	for i, s := range o.Stages {
		if i == len(p.Stages) {
			p.Stages = append(p.Stages, s)
		}
		p.Stages[i].End = max(p.Stages[i].End, s.End)
	}
}

func total(counts []uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

func (m *Measurement) checkProfile() error {
	due, withheld := total(m.Profile.Due), total(m.Profile.Withheld)
	var scheduled, without uint64
	for _, p := range []*Phase{&m.Main, &m.Warmup} {
		scheduled += total(p.Scheduled)
		for _, w := range p.Withheld {
			without += w.Count
		}
	}
	if len(m.Profile.Due) > 0 && (due != scheduled || slices.Max(m.Profile.Due) > scheduled ||
		withheld != without) {
		return errors.New("the arrivals by second are not those of the groups")
	}
	for i, n := range m.Profile.Withheld {
		if i >= len(m.Profile.Due) || n > m.Profile.Due[i] {
			return errors.New("more arrivals of a second were withheld than were due")
		}
	}
	if len(m.Profile.AllBusy) > maxSecond || slices.ContainsFunc(m.Profile.AllBusy,
		func(d time.Duration) bool { return d < 0 }) {
		return errors.New("the seconds in which all workers were in flight can't be")
	}
	end := time.Duration(0)
	for _, s := range m.Profile.Stages {
		if s.Start < end || s.End < s.Start {
			return errors.New("its stages do not follow one another")
		}
		end = s.End
	}
	return nil
}

// Shape says what a sample of the responses of one kind looked like. It holds no
// values but codes: no personal data.
type Shape struct {
	// Label names the kind of response, such as "201 OTP_REQUIRED".
	Label string `json:"label"`
	// Responses is the size of the sample.
	Answers uint64 `json:"answers"`
	// Facts counts the responses of the sample that had something: a header
	// ("header Content-Type"), a member of a type ("/user/id is string"), a code
	// ("/status = OTP_REQUIRED").
	Facts map[string]uint64 `json:"facts"`
}

// Shapes are sorted by label.
type Shapes []*Shape

// Learn adds a response that had these facts, none of them twice.
func (s *Shapes) Learn(label string, facts []string) {
	shape := s.of(label)
	shape.Answers++
	for _, f := range facts {
		shape.Facts[f]++
	}
}

func (s *Shapes) of(label string) *Shape {
	i, found := slices.BinarySearchFunc(*s, label, func(e *Shape, label string) int {
		return cmp.Compare(e.Label, label)
	})
	if !found {
		*s = slices.Insert(*s, i, &Shape{Label: label, Facts: map[string]uint64{}})
	}
	return (*s)[i]
}

func (s *Shapes) merge(o Shapes) {
	for _, from := range o {
		to := s.of(from.Label)
		to.Answers += from.Answers
		for f, n := range from.Facts {
			to.Facts[f] += n
		}
	}
}

func (s Shapes) check() error {
	for i, shape := range s {
		if shape == nil || i > 0 && s[i-1].Label >= shape.Label {
			return errors.New("its shapes are not in order")
		}
		for _, n := range shape.Facts {
			if n > shape.Answers {
				return errors.New("a shape has more facts than answers")
			}
		}
	}
	return nil
}

// Paused is why an arrival was not sent while a run obeyed a Retry-After.
const Paused = "paused after a 429"

// Pause is a time in which nothing was sent because a response was 429.
type Pause struct {
	// Start and End count from the start of the run.
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
}

// Stop says why a run was ended before its schedule was.
type Stop struct {
	// At is when, since the start of the run.
	At time.Duration `json:"at_ns"`
	// Condition is the scenario's, for example "load.on429: stop".
	Condition string `json:"condition"`
	// Observed is what met it.
	Observed string `json:"observed"`
	// Early says that requests of the schedule were due after that.
	Early bool `json:"early,omitempty"`
	// OfTimes says that it judges times, which are not the service's where
	// mfaload itself was late.
	OfTimes bool `json:"of_times,omitempty"`
	// Decided says that the run ended because it was decided: it is judged as any other.
	Decided bool `json:"decided,omitempty"`
}

// mergeEnd takes over the pauses, and why the run ended early: of several
// reasons the first.
func (m *Measurement) mergeEnd(o *Measurement) {
	m.Pauses = append(m.Pauses, o.Pauses...)
	slices.SortFunc(m.Pauses, comparePauses)
	if o.Stopped != nil && (m.Stopped == nil || compareStops(o.Stopped, m.Stopped) < 0) {
		stop := *o.Stopped
		m.Stopped = &stop
	}
}

func comparePauses(a, b Pause) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
}

func compareStops(a, b *Stop) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Condition, b.Condition),
		cmp.Compare(a.Observed, b.Observed))
}

func (m *Measurement) checkEnd() error {
	for _, p := range m.Pauses {
		if p.Start < 0 || p.End < p.Start {
			return errors.New("a pause ends before it begins")
		}
	}
	if !slices.IsSortedFunc(m.Pauses, comparePauses) {
		return errors.New("its pauses are not in order")
	}
	if m.Stopped != nil && m.Stopped.At < 0 {
		return errors.New("it ended before it began")
	}
	return nil
}

// JoinPauses returns the pauses of several machines as those in which one of them at
// least paused: apart from one another, in order.
func JoinPauses(pauses []Pause) (all []Pause) {
	for _, p := range pauses {
		if n := len(all); n > 0 && p.Start <= all[n-1].End {
			all[n-1].End = max(all[n-1].End, p.End)
		} else {
			all = append(all, p)
		}
	}
	return all
}
