package measure

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

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

// record adds a request.
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
	f.Sent, f.Ended, f.Limited = addEach(f.Sent, o.Sent), addEach(f.Ended, o.Ended), addEach(f.Limited, o.Limited)
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
// label comes for the first time. The label may point into a buffer that is used
// again.
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

// addEnds adds what another record of the second counts.
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

// checkFlow finds a flow of other requests than those that were sent.
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
