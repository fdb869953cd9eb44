package capacity

import (
	"cmp"
	"math"
	"slices"
)

// LimitInterval is where a limit is missed: up to Low it is met, from High on it is not, in
// requests a second; 0 is not known.
type LimitInterval struct {
	Name      string
	Low, High float64
	// Confidence is how sure it is that the highest rate that keeps the limit lies between.
	Confidence float64
}

// limitIntervals are those of all limits from the same trials, in the order in which they are
// missed as the rate goes up: each trial tells of each limit. What is far above the rate that
// the search closed in on has a wide interval.
func (s *search) limitIntervals() (all []LimitInterval) {
	for i := range s.Limits {
		all = append(all, s.ofLimit(i).limitInterval())
	}
	end := func(rate float64) float64 {
		if rate == 0 {
			return math.Inf(1)
		}
		return rate
	}
	slices.SortStableFunc(all, func(a, b LimitInterval) int {
		return cmp.Or(cmp.Compare(end(a.High), end(b.High)), cmp.Compare(a.Low, b.Low))
	})
	return all
}

// limitInterval is that of a search with one limit.
func (s *search) limitInterval() LimitInterval {
	s.setInterval(s.posterior())
	f := s.found
	if f.Low > 0 {
		f.Confidence = min(f.Confidence, s.proved(f.Low))
	}
	return LimitInterval{s.Limits[0].Name, f.Low, f.High, f.Confidence}
}

// ofLimit is the search as if it had the i-th limit only.
func (s *search) ofLimit(i int) *search {
	one := &search{SearchOptions: s.SearchOptions, found: &SearchResult{}}
	one.Limits = s.Limits[i : i+1]
	for _, t := range s.found.Trials {
		one.found.Trials = append(one.found.Trials, t.ofLimit(&s.Limits[i], i))
	}
	return one
}

// ofLimit is what a trial says of the i-th limit alone. What was refused took no time, so a
// trial with refusals says nothing of the times at its rate.
func (t *Trial) ofLimit(l *Criterion, i int) *Trial {
	one := *t
	one.Judged, one.Seconds = nil, nil
	if one.Broken = 0.5; i < len(t.Judged) && len(t.Doubts) == 0 && !t.Interrupted &&
		!(l.timed() && t.Refused > 0) {
		j := t.Judged[i]
		one.Broken, one.Judged = j.Broken, []Judged{j}
		if j.Open {
			one.Broken = min(j.Broken, 1-verdictMin)
		}
	}
	for _, second := range t.Seconds {
		if i < len(second.Tallies) {
			second.Tallies = second.Tallies[i : i+1]
		}
		one.Seconds = append(one.Seconds, second)
	}
	one.By, one.Verdict = l.Name, verdictOf(one.Broken)
	return &one
}

// verdictOf is what a trial says that is so likely to be broken.
func verdictOf(broken float64) TrialVerdict {
	switch {
	case broken >= verdictMin:
		return Break
	case broken <= 1-verdictMin+1e-9:
		return Pass
	}
	return Inconclusive
}
