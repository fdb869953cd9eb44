package capacity

import (
	"math"
	"time"
)

// refusal is what a trial with 429s tells of a rate limit: a token bucket, and
// most others, accepts as much as it allows and refuses the rest.
type refusal struct {
	// accepted is the rate that was not refused, once anything was.
	accepted float64
	// burst is how many requests came through beyond that at first.
	burst float64
}

// refusedSecondsMin is how many seconds tell the rate that is accepted.
const refusedSecondsMin = 5

// refusal returns what the trial tells of a rate limit.
func (t *Trial) refusal() (r refusal, ok bool) {
	if t.Refused == 0 || t.By != LimitedByRefusals {
		return r, false
	}
	all := append(append([]TrialSecond{}, t.Before...), t.Seconds...)
	first := 0
	for first < len(all) && all[first].Expected == all[first].Sent {
		first++
	}
	after := all[min(first+1, len(all)):]
	if len(after) < refusedSecondsMin {
		return r, false
	}
	for _, s := range after {
		r.accepted += s.Expected / float64(len(after))
	}
	r.burst = max(t.Rate-r.accepted, 0) * float64(first+1)
	return r, r.accepted > 0
}

// refusal is that of the lowest rate that was refused.
func (s *search) refusal() (r refusal, ok bool) {
	lowest := math.Inf(1)
	for _, t := range s.found.Trials {
		if found, is := t.refusal(); is && t.Rate < lowest {
			r, ok, lowest = found, true, t.Rate
		}
	}
	return r, ok
}

// untilRefused is how long a rate has to be tried until a rate limit shows that
// accepts somewhat less and lets a burst through first.
func (r refusal) untilRefused(rate float64) time.Duration {
	if rate <= r.accepted {
		return 0
	}
	return time.Duration(1.2*r.burst/(rate-r.accepted)*1e9) + refusedSecondsMin*time.Second
}

// placeRefused makes a refused trial speak of the rate that is accepted, so that no
// other one has to be refused to find it.
func (s *search) placeRefused(t *Trial) {
	if r, ok := t.refusal(); ok && s.StopOn429 {
		t.At = min(t.Rate, r.accepted*(1+edge*s.Width))
		t.Broken = probability(4 * oddsMax) // what a limiter refuses is no matter of chance
	}
}
