package schedule

import "time"

// FirstOf draws which of two sides, 0 or 1, comes first in an arrival, or in a pair of seconds, of a run
// against two targets. The same seed and number always give the same side.
func FirstOf(seed, number uint64) (side int) { return int(mix(mix(seed)^number) & 1) }

// SideOf says whose a second is where two sides alternate: each has one second of every pair, in a drawn
// order. Seconds are counted from the first whole one of the judged part on; those before it are below 0.
func SideOf(seed uint64, second int64) (side int) {
	return FirstOf(seed, uint64(second>>1)) ^ int(second&1)
}

// alternation is which seconds of a run are a side's.
type alternation struct {
	side       int
	count, due uint64 // as of [Schedule.Count] and [Schedule.Due]
}

// Alternate returns the schedule of one of two sides that alternate: its own arrivals are those of its
// seconds, each for the user whom it has in the whole schedule. For an open load that is not sharded.
func (s *Schedule) Alternate(side int) *Schedule {
	half := *s
	a := &alternation{side: side}
	half.half = a
	a.count, a.due = half.dueOf(s.all), half.dueOf(s.due())
	return &half
}

// owned says whether an arrival that is due at a time is the side's.
func (s *Schedule) owned(at time.Duration) bool {
	return s.half == nil || SideOf(s.seed, int64(at/time.Second)-s.firstSecond()) == s.half.side
}

// firstSecond is the first whole second of the judged part.
func (s *Schedule) firstSecond() int64 { return int64((s.Start() + time.Second - 1) / time.Second) }

// dueOf returns how many of the first n arrivals of the whole schedule are the side's.
func (s *Schedule) dueOf(n uint64) (own uint64) {
	before := s.counter()
	for from, at := uint64(0), time.Duration(0); from < n; at += time.Second {
		to := min(before(at+time.Second), n)
		if s.owned(at) {
			own += to - from
		}
		from = to
	}
	return own
}

// counter returns what says how many arrivals are due before a time of the run.
func (s *Schedule) counter() func(time.Duration) uint64 {
	var all []positions
	for i := range s.sections {
		all = append(all, s.positions(i))
	}
	return func(t time.Duration) (n uint64) {
		for i := range s.sections {
			p, of := &s.sections[i], &all[i]
			if p.replay != nil {
				n += p.below(t)
				continue
			}
			k := min(of.below(p.upto(t)), p.count)
			for k > 0 && p.when(of.at(k-1)) >= t { // times are rounded
				k--
			}
			for k < p.count && p.when(of.at(k)) < t {
				k++
			}
			n += k
		}
		return n
	}
}

// uptoOwn returns how many requests are due between two times of the run in the side's seconds, in fractions.
func (s *Schedule) uptoOwn(from, to time.Duration) (sum float64) {
	for at := from; at < to; {
		next := min(at.Truncate(time.Second)+time.Second, to)
		if s.owned(at) {
			sum += s.Upto(next) - s.Upto(at)
		}
		at = next
	}
	return sum
}
