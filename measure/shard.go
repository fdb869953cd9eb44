package measure

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// MaxShards is the most shards that a run may have.
const MaxShards = 1000

// Shard says which part of a run on several machines a measurement is of.
type Shard struct {
	// Run identifies the run: all its shards have the same.
	Run string `json:"run"`
	// Index counts from 0 to Count-1.
	Index int `json:"index"`
	Count int `json:"count"`
}

// String returns the shard as it is written on the command line: 3/8.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Count) }

// runName is what can be a file's name and a token on a wire.
var runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Check returns an error where there can't be such a shard.
func (s Shard) Check() error {
	switch {
	case s.Count < 1 || s.Count > MaxShards:
		return fmt.Errorf("%d shards are not from 1 to %d", s.Count, MaxShards)
	case s.Index < 0 || s.Index >= s.Count:
		return fmt.Errorf("shard %d is not from 0 to %d: shards count from 0", s.Index, s.Count-1)
	case !runName.MatchString(s.Run):
		return fmt.Errorf("%.110q can't name a run: it takes letters, digits, '.', '_' and '-', starts "+
			"with a letter or digit, and has at most 100 of them", s.Run)
	}
	return nil
}

// Merged says what a measurement was merged from.
type Merged struct {
	Run   string `json:"run"`
	Count int    `json:"count"`
	// Parts are the shards that are in it, by index; none where all are lost.
	Parts []*Part `json:"parts"`
	// Lost says what is known of those that are not, sorted. Its caller fills it
	// in, and TolerateLost.
	Lost []LostShard `json:"lost,omitempty"`
	// TolerateLost is the share of lost shards up to which the others are judged.
	TolerateLost float64 `json:"tolerate_lost,omitempty"`
}

// Part is what is kept apart of one shard: no sum over the shards tells whether
// a machine was overloaded, or saw another service than the others.
type Part struct {
	Index int `json:"index"`
	// Interrupted says that this shard was stopped before the end, Planned how far
	// it came in the judged part.
	Interrupted bool          `json:"interrupted,omitempty"`
	Planned     time.Duration `json:"planned_ns"`
	// Stopped says why the scenario ended this shard early; nil where it did not.
	Stopped *Stop `json:"stopped,omitempty"`
	// The rest counts the judged part; Clean, Violating and RateLimited are responses.
	Scheduled   uint64 `json:"scheduled"`
	Answered    uint64 `json:"answered"`
	Clean       uint64 `json:"clean"`
	Violating   uint64 `json:"violating"`
	RateLimited uint64 `json:"rate_limited"`
	Failed      uint64 `json:"failed"`

	// Response and Service are the times of the requests that were served, Failures
	// those of the requests that failed otherwise than by a refusal; nil where none
	// did. Apart counts the sent requests that are in neither: they were refused, or
	// certainly never reached the service. NeverSent counts the arrivals that were to
	// be sent and were not.
	Response  *Histogram    `json:"response"`
	Service   *Histogram    `json:"service"`
	Failures  *RequestTimes `json:"failures,omitempty"`
	Apart     uint64        `json:"apart,omitempty"`
	NeverSent uint64        `json:"never_sent,omitempty"`

	Own       *Histogram `json:"own_lateness"`
	Generator Generator  `json:"generator"`
}

// Sent counts the requests that were sent.
func (p *Part) Sent() uint64 { return p.Answered + p.Failed }

// Waits are the response or the service times as a limit judges them.
func (p *Part) Waits(service bool) Waits {
	w := Waits{Served: []*Histogram{p.Response}, Untimed: p.NeverSent}
	if service {
		w.Served[0] = p.Service
	}
	switch {
	case p.Failures == nil:
	case service:
		w.Failed = []*Histogram{p.Failures.Service}
	default:
		w.Failed = []*Histogram{p.Failures.Response}
	}
	return w
}

// addTimes adds the times of requests that ended alike: served, failed, or apart.
func (p *Part) addTimes(o waitKind, response, service *Histogram) {
	to := &RequestTimes{p.Response, p.Service}
	switch o {
	case apart:
		p.Apart += response.Count()
		return
	case failed:
		if p.Failures == nil {
			p.Failures = newRequestTimes()
		}
		to = p.Failures
	}
	to.merge(response, service)
}

// LostShard is a shard that is not in a measurement.
type LostShard struct {
	// Index is -1 where nobody knows which shard it was.
	Index int `json:"index"`
	// Why says what became of it.
	Why string `json:"why"`
	// Last is what was known of it at last; it is in no other figure.
	Last *Part `json:"last,omitempty"`
}

// CompareLostShards is the order by shard and reason.
func CompareLostShards(a, b LostShard) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Why, b.Why))
}

// Missing returns the shards of the run that are not in it.
func (m *Merged) Missing() (indices []int) {
	next := 0
	for i := range m.Count {
		if next < len(m.Parts) && m.Parts[next].Index == i {
			next++
		} else {
			indices = append(indices, i)
		}
	}
	return indices
}

// PartOf returns what is kept apart of a shard's measurement.
func PartOf(m *Measurement) (*Part, error) {
	if m.Shard == nil {
		return nil, errors.New("it is no shard of a run")
	}
	return m.part(), nil
}

func (m *Measurement) part() *Part {
	p := &Part{Index: m.Shard.Index, Interrupted: m.Interrupted, Stopped: m.Stopped, Planned: m.Main.Planned,
		Response: NewSparse(), Service: NewSparse(), Own: NewSparse(), Generator: m.Generator}
	p.Generator.Hiccups, p.Generator.Seconds = NewSparse(), slices.Clone(m.Generator.Seconds)
	counts := m.Main.Counts(-1)
	p.NeverSent = counts.NeverSent()
	for _, n := range m.Main.Scheduled {
		p.Scheduled += n
	}
	for _, c := range m.Main.Cells {
		if n := c.Response.Count(); c.Failed {
			p.Failed += n
		} else {
			p.Answered += n
		}
		p.Clean += c.Clean
		p.Violating += c.Violating
		p.RateLimited += c.RateLimited
		p.addTimes(c.waitKind(), c.Response, c.Service)
	}
	p.Own.Merge(m.Main.Own)
	p.Generator.Hiccups.Merge(m.Generator.Hiccups)
	return p
}

func (m *Measurement) checkShards() error {
	switch {
	case m.Shard != nil && m.Merged != nil:
		return errors.New("it is one shard and several at once")
	case m.Shard != nil:
		return m.Shard.Check()
	case m.Merged == nil:
		return nil
	}
	of := m.Merged
	if err := (Shard{of.Run, 0, of.Count}).Check(); err != nil {
		return err
	}
	sum, last := Part{Own: NewSparse(), Generator: Generator{Hiccups: NewSparse()}}, -1
	for _, p := range of.Parts {
		if p == nil || p.Index <= last || p.Index >= of.Count {
			return errors.New("its shards are not in order")
		}
		last = p.Index
		if err := p.Check(); err != nil {
			return err
		}
		sum.Scheduled += p.Scheduled
		sum.Own.Merge(p.Own)
		sum.Generator.Hiccups.Merge(p.Generator.Hiccups)
	}
	if err := of.checkLost(); err != nil {
		return err
	}
	scheduled := uint64(0)
	for _, n := range m.Main.Scheduled {
		scheduled += n
	}
	if sum.Scheduled != scheduled || !sum.Own.Equal(m.Main.Own) ||
		!sum.Generator.Hiccups.Equal(m.Generator.Hiccups) {
		return errors.New("its shards do not add up to the whole")
	}
	return nil
}

// Check finds counts that do not add up.
func (p *Part) Check() error {
	switch {
	case !p.timesAddUp() || !sameCounts(p.Generator.Hiccups),
		p.Clean > p.Answered || p.Violating > p.Answered-p.Clean || p.RateLimited > p.Answered,
		p.Sent() > p.Scheduled || p.NeverSent > p.Scheduled-p.Sent(),
		p.Planned < 0 || p.Generator.Elapsed < 0 || p.Generator.Cores < 0,
		checkOwnSeconds(p.Generator.Seconds) != nil:
		return fmt.Errorf("the counts of shard %d do not add up", p.Index)
	}
	return nil
}

func (p *Part) timesAddUp() bool {
	if !sameCounts(p.Response, p.Service) || !sameCounts(p.Own) {
		return false
	}
	served, failures := p.Response.Count(), uint64(0)
	if p.Failures != nil {
		if !sameCounts(p.Failures.Response, p.Failures.Service) {
			return false
		}
		failures = p.Failures.Response.Count()
	}
	sent := p.Sent()
	return sent >= p.Answered && p.Own.Count() == sent && served <= p.Answered && failures <= p.Failed &&
		p.Apart == sent-served-failures
}

func (m *Merged) checkLost() error {
	missing := m.Missing()
	switch {
	case len(m.Parts) == 0 && len(m.Lost) == 0:
		return errors.New("it was merged from nothing, and says nothing of why")
	case !(m.TolerateLost >= 0 && m.TolerateLost < 1):
		return fmt.Errorf("%v is no share of shards that may be lost", m.TolerateLost)
	case !slices.IsSortedFunc(m.Lost, CompareLostShards):
		return errors.New("its lost shards are not in order")
	}
	for _, l := range m.Lost {
		if l.Index != -1 && !slices.Contains(missing, l.Index) {
			return fmt.Errorf("shard %d is lost and there at once", l.Index)
		}
		if l.Last != nil {
			if err := l.Last.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}
