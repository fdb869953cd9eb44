package measure

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// GroupSecond is the part of a second that one group of users has.
type GroupSecond struct {
	// Group is the index of the group.
	Group int `json:"group"`
	// Expected counts the responses that the scenario expects, Violating those
	// with at least one failing violation.
	Expected  uint64 `json:"as_expected"`
	Violating uint64 `json:"violating"`

	Response *Histogram    `json:"response"`
	Service  *Histogram    `json:"service"`
	Transfer TransferTimes `json:"transfer,omitzero"`
	Split
}

func (s *Second) group(g int) *GroupSecond {
	i, found := slices.BinarySearchFunc(s.Groups, g, (*GroupSecond).compare)
	if !found {
		s.Groups = slices.Insert(s.Groups, i, &GroupSecond{Group: g, Response: NewSparse(),
			Service: NewSparse()})
	}
	return s.Groups[i]
}

func (s *Second) findGroup(g int) *GroupSecond {
	i, found := slices.BinarySearchFunc(s.Groups, g, (*GroupSecond).compare)
	if !found {
		return nil
	}
	return s.Groups[i]
}

func (r *GroupSecond) compare(group int) int { return cmp.Compare(r.Group, group) }

func (r *GroupSecond) record(o *Observation, violating bool) {
	r.Split.record(o, violating, r.Response, r.Service)
	r.Response.Record(o.Done - o.Intended)
	r.Service.Record(o.Done - o.Sent)
	if o.AsExpected {
		r.Expected++
	}
	if violating {
		r.Violating++
	}
}

func (r *GroupSecond) reset() {
	r.Expected, r.Violating, r.Split = 0, 0, Split{}
	r.Response.Reset()
	r.Service.Reset()
	r.Transfer.Reset()
}

func (s *Second) addGroups(o *Second) {
	for _, from := range o.Groups {
		if from.Response.Count() == 0 {
			continue // of an open second: it is kept for the next
		}
		to := s.group(from.Group)
		to.Split.add(&from.Split, to.Response, to.Service, from.Response, from.Service)
		to.Response.Merge(from.Response)
		to.Service.Merge(from.Service)
		to.Transfer.Merge(&from.Transfer)
		to.Expected += from.Expected
		to.Violating += from.Violating
	}
}

func (s *Second) checkGroups(groups int) error {
	if groups < 2 && len(s.Groups) == 0 {
		return nil
	}
	wrong := errors.New("the groups of a second do not add up to it")
	var sent, expected, violating uint64
	last := -1
	for _, g := range s.Groups {
		if g == nil || g.Group <= last || g.Group >= groups || !sameCounts(g.Response, g.Service) ||
			max(g.Expected, g.Violating) > g.Response.Count() {
			return wrong
		}
		if !g.fits(g.Expected, g.Response.Count()) {
			return wrong
		}
		if err := cmp.Or(g.Split.check(g.Response, g.Service),
			g.Transfer.check(g.Response.Count())); err != nil {
			return err
		}
		last = g.Group
		sent += g.Response.Count()
		expected += g.Expected
		violating += g.Violating
	}
	if sent != s.Response.Count() || expected != s.Expected || violating != s.Violating {
		return wrong
	}
	return nil
}

// End counts the requests of a second that ended alike.
type End struct {
	Label  string `json:"label"`
	Failed bool   `json:"failed,omitempty"`
	Count  uint64 `json:"count"`
}

// Flow counts by second since the start of the run what was on the way: the
// requests that were sent in it and those that ended in it. The seconds of a
// [Measurement] go by intended time and do not tell that.
type Flow struct {
	Sent  []uint64 `json:"sent,omitempty"`
	Ended []uint64 `json:"ended,omitempty"`
	// Limited counts the responses that are 429 by when their requests were sent.
	Limited []uint64 `json:"rate_limited,omitempty"`
}

func (f *Flow) record(o *Observation) {
	countAt(&f.Sent, o.Sent)
	countAt(&f.Ended, o.Done)
	if o.RateLimited {
		countAt(&f.Limited, o.Sent)
	}
}

func countAt(seconds *[]uint64, at time.Duration) {
	second := int(min(max(at/time.Second, 0), maxSecond))
	for len(*seconds) <= second {
		*seconds = append(*seconds, 0)
	}
	(*seconds)[second]++
}

func (f *Flow) merge(o *Flow) {
	f.Sent, f.Ended, f.Limited = addEach(f.Sent, o.Sent), addEach(f.Ended, o.Ended),
		addEach(f.Limited, o.Limited)
}

func addEach[T ~uint64 | ~int64](to, from []T) []T {
	for len(to) < len(from) {
		to = append(to, 0)
	}
	for i, n := range from {
		to[i] += n
	}
	return to
}

// count adds requests that ended alike, and keeps the ends in order, whenever a
// label is new. The label may point into a buffer that is used again.
func (s *Second) count(label string, failed bool, n uint64) {
	for i := range s.Ends {
		if e := &s.Ends[i]; e.Failed == failed && e.Label == label {
			e.Count += n
			return
		}
	}
	if len(s.Ends) >= maxLabels && label != otherLabel {
		s.count(otherLabel, failed, n)
		return
	}
	end := End{strings.Clone(label), failed, n}
	i, _ := slices.BinarySearchFunc(s.Ends, end, compareEnds)
	s.Ends = slices.Insert(s.Ends, i, end)
}

// forgetEnds makes the counts empty for the next second, and keeps the labels
// that are likely to come again.
func (s *Second) forgetEnds() {
	if len(s.Ends) > 2*denseLabels {
		s.Ends = s.Ends[:0]
	}
	for i := range s.Ends {
		s.Ends[i].Count = 0
	}
}

func (s *Second) addEnds(from []End) {
	for _, e := range from {
		if e.Count > 0 {
			s.count(e.Label, e.Failed, e.Count)
		}
	}
}

// copyEnds returns those that counted something, in order.
func copyEnds(from []End) (ends []End) {
	for _, e := range from {
		if e.Count > 0 {
			ends = append(ends, e)
		}
	}
	return slices.Clip(ends)
}

func compareEnds(a, b End) int {
	return cmp.Or(cmp.Compare(a.Label, b.Label), boolOrder(a.Failed, b.Failed))
}

// checkEnds finds ends that do not add up to their second. Measurements of
// versions without them have none.
func (s *Second) checkEnds() error {
	if len(s.Ends) == 0 {
		return nil
	}
	var all, failed uint64
	for _, e := range s.Ends {
		all += e.Count
		if e.Failed {
			failed += e.Count
		}
		if e.Count > s.Response.Count() {
			all++
		}
	}
	if all != s.Response.Count() || failed != s.Failed || !slices.IsSortedFunc(s.Ends, compareEnds) {
		return errors.New("the ends of a second do not add up to it")
	}
	return nil
}

func (m *Measurement) checkFlow() error {
	want := m.Main.Sent() + m.Warmup.Sent()
	for _, seconds := range [][]uint64{m.Flow.Sent, m.Flow.Ended} {
		sum := uint64(0)
		for _, n := range seconds {
			if sum += n; n > want || sum > want {
				return errors.New("more was sent by second than in all")
			}
		}
		if len(seconds) > 0 && sum != want || len(seconds) > maxSecond+1 {
			return errors.New("what was sent by second does not add up")
		}
	}
	return m.checkLimited()
}

// checkLimited finds more 429s by second than the phases have, or than were sent
// in their second. Measurements of versions without them have fewer.
func (m *Measurement) checkLimited() error {
	limited, sum := uint64(0), uint64(0)
	for _, p := range []*Phase{&m.Main, &m.Warmup} {
		for _, c := range p.Cells {
			limited += c.RateLimited
		}
	}
	for second, n := range m.Flow.Limited {
		if second >= len(m.Flow.Sent) || n > m.Flow.Sent[second] {
			return errors.New("more was rate limited in a second than was sent in it")
		}
		sum += n
	}
	if sum > limited {
		return errors.New("what was rate limited by second does not add up")
	}
	return nil
}

// shareLabels makes equal labels of several seconds share their bytes.
func (s *Second) shareLabels(seen map[string]string) {
	for i, e := range s.Ends {
		label, known := seen[e.Label]
		if !known && len(seen) < 1000 {
			label = e.Label
			seen[label] = label
		}
		s.Ends[i].Label = cmp.Or(label, e.Label)
	}
}

// Second is one second of a run by intended time.
type Second struct {
	Second    int64  `json:"second"`
	Failed    uint64 `json:"failed"`
	Clean     uint64 `json:"clean"`
	Violating uint64 `json:"violating"`
	// Expected counts responses that the scenario expects, even violating ones.
	Expected uint64 `json:"as_expected"`
	// RateLimited counts the responses that are 429, expected or not.
	RateLimited uint64 `json:"rate_limited,omitempty"`
	// Ends count all requests of the second by how they ended, in order. Empty in
	// measurements of versions without it.
	Ends []End `json:"ends,omitempty"`

	Response *Histogram `json:"response"`
	Service  *Histogram `json:"service"`
	Lateness *Histogram `json:"lateness"`
	// Transfer has the times of the requests' parts on the network; empty where groups are kept apart, which
	// have their own. Empty in measurements of versions without it.
	Transfer TransferTimes `json:"transfer,omitzero"`
	Split

	// Groups are the parts of the groups, in their order, where the scenario has
	// several; those without a request are left out.
	Groups []*GroupSecond `json:"groups,omitempty"`
}

func newSecond(n int64) *Second {
	return &Second{Second: n, Response: NewSparse(), Service: NewSparse(), Lateness: NewSparse()}
}

// add adds what another record of the second holds.
func (s *Second) add(o *Second) {
	s.Split.add(&o.Split, s.Response, s.Service, o.Response, o.Service)
	s.Response.Merge(o.Response)
	s.Service.Merge(o.Service)
	s.Lateness.Merge(o.Lateness)
	s.Transfer.Merge(&o.Transfer)
	s.Failed += o.Failed
	s.Clean += o.Clean
	s.Violating += o.Violating
	s.Expected += o.Expected
	s.RateLimited += o.RateLimited
	s.addEnds(o.Ends)
	s.addGroups(o)
}

func (s *Second) histograms() []*Histogram {
	all := append([]*Histogram{s.Response, s.Service, s.Lateness}, s.Split.histograms()...)
	all = append(all, s.Transfer.histograms()...)
	for _, g := range s.Groups {
		all = append(append(all, g.Response, g.Service), g.Split.histograms()...)
		all = append(all, g.Transfer.histograms()...)
	}
	return all
}

// TransferTimes returns the times of all requests' parts on the network.
func (s *Second) TransferTimes() (t TransferTimes) {
	t.Merge(&s.Transfer)
	for _, g := range s.Groups {
		t.Merge(&g.Transfer)
	}
	return t
}

// weight is how many bytes it takes, about.
func (s *Second) weight() (bytes int) {
	bytes = int(unsafe.Sizeof(*s)) + len(s.Ends)*int(unsafe.Sizeof(End{})) +
		len(s.Groups)*int(unsafe.Sizeof(GroupSecond{}))
	for _, h := range s.histograms() {
		bytes += h.weight()
	}
	return bytes
}

func (s *Second) unmade() bool {
	return slices.Contains(s.Groups, nil) || slices.ContainsFunc(s.histograms(),
		func(h *Histogram) bool { return h == nil || h.unmade() })
}

func (s *Second) compare(n int64) int { return cmp.Compare(s.Second, n) }

func (s *Second) Shrink() {
	for _, h := range s.histograms() {
		h.Shrink()
	}
}
