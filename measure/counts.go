package measure

import "time"

// Counts say what became of some arrivals: of a whole run or a group, or of what
// came to an end in a window. The shares that thresholds and load.stopOn judge are
// defined on them, here and nowhere else. Package compare and package capacity count
// shares second by second, by the same definitions.
type Counts struct {
	// Scheduled are the arrivals that were due.
	Scheduled uint64
	// Responded are those that got a complete response, refusals too. Failed were
	// sent and got none; Unheard are those of Failed that certainly never reached the
	// service.
	Responded, Failed, Unheard uint64
	// Expected are the responses that the scenario expects, whatever they violate;
	// Violating those with a failing violation; RateLimited those that are 429.
	Expected, Violating, RateLimited uint64
	// Withheld were not to be sent, by the scenario: no user, a pause. RanOut are
	// those of them after the last user. Own were not sent for a reason of mfaload's
	// own.
	Withheld, RanOut, Own uint64
	// InFlight are those of which nobody knows what became of them, as mfaload ended.
	InFlight uint64
	// DoubtfulErrors and DoubtfulLimits count the errors and the 429s that may be
	// mfaload's own doing: see [Harmed].
	DoubtfulErrors, DoubtfulLimits uint64
}

// Add adds those of other arrivals.
func (c *Counts) Add(o Counts) {
	c.Scheduled += o.Scheduled
	c.Responded += o.Responded
	c.Failed += o.Failed
	c.Unheard += o.Unheard
	c.Expected += o.Expected
	c.Violating += o.Violating
	c.RateLimited += o.RateLimited
	c.Withheld += o.Withheld
	c.RanOut += o.RanOut
	c.Own += o.Own
	c.InFlight += o.InFlight
	c.DoubtfulErrors += o.DoubtfulErrors
	c.DoubtfulLimits += o.DoubtfulLimits
}

// Sent are the requests that were sent.
func (c *Counts) Sent() uint64 { return c.Responded + c.Failed }

// Unsent are the arrivals that were not sent, for whatever reason.
func (c *Counts) Unsent() uint64 { return c.Scheduled - c.Sent() }

// NeverSent are those that were to be sent and were not, because the service kept
// all workers busy or the run ended.
func (c *Counts) NeverSent() uint64 { return c.Unsent() - c.Withheld - c.Own - c.InFlight }

// Judged are the arrivals that say something of the service.
func (c *Counts) Judged() uint64 {
	return c.Scheduled - c.Withheld - c.Own - c.InFlight - c.Unheard
}

// Share is how many of how many.
type Share struct{ N, Of uint64 }

// Value is the share as a number from 0 to 1; 0 of nothing.
func (s Share) Value() float64 { return float64(s.N) / float64(max(s.Of, 1)) }

// ErrorRate is the share of the arrivals that got no response, or another than
// expected, or were never sent.
func (c *Counts) ErrorRate() Share {
	return Share{c.Failed - c.Unheard + c.NeverSent() + c.Responded - c.Expected, c.Judged()}
}

// ViolationRate is the share of the responses with a failing violation.
func (c *Counts) ViolationRate() Share { return Share{c.Violating, c.Responded} }

// RateLimitedRate is the share of the responses that are 429.
func (c *Counts) RateLimitedRate() Share { return Share{c.RateLimited, c.Responded} }

// BestErrorRate is the error rate at best: none of so many failures is the
// service's, see [Doubtful.Failures], and of so many more arrivals nothing is known.
func (c *Counts) BestErrorRate(doubtful, unknown uint64) Share {
	return c.ErrorRate().without(c.DoubtfulErrors+doubtful, unknown)
}

// BestViolationRate is the violation rate at best: what got no response for
// mfaload's sake would have got one that breaks no rule.
func (c *Counts) BestViolationRate(doubtful, unknown uint64) Share {
	return c.ViolationRate().without(0, unknown+c.DoubtfulErrors+doubtful)
}

// BestRateLimitedRate is the share of 429s at best.
func (c *Counts) BestRateLimitedRate(doubtful, unknown uint64) Share {
	return c.RateLimitedRate().without(c.DoubtfulLimits, unknown+c.DoubtfulErrors+doubtful)
}

func (s Share) without(n, more uint64) Share { return Share{s.N - min(n, s.N), s.Of + more} }

// AchievedRate is the rate of sending as a share of the planned one. Planned is how
// long the schedule is, took how long sending took, at least planned. What is not
// known to be unsent counts as sent; ok is false where nothing was planned.
func (c *Counts) AchievedRate(planned, took time.Duration) (share float64, ok bool) {
	toSend := c.Scheduled - c.RanOut - c.Own
	if toSend == 0 || planned <= 0 {
		return 0, false
	}
	sent := float64(c.Sent() + c.InFlight)
	return sent / float64(toSend) * (float64(planned) / float64(max(took, planned))), true
}

// Counts returns those of a group, or of all where it is below 0.
func (p *Phase) Counts(group int) (c Counts) {
	of := func(g int) bool { return group < 0 || g == group }
	for g, n := range p.Scheduled {
		if of(g) {
			c.Scheduled += n
		}
	}
	for g, n := range p.InFlight {
		if of(g) {
			c.InFlight += n
		}
	}
	for _, w := range p.Withheld {
		switch {
		case !of(w.Group):
		case IsOwnLimit(w.Reason):
			c.Own += w.Count
		default:
			c.Withheld += w.Count
			if w.Reason == RanOut {
				c.RanOut += w.Count
			}
		}
	}
	for _, cell := range p.Cells {
		if of(cell.Group) {
			c.Add(cell.counts())
		}
	}
	return c
}

// counts are those of a cell's requests, but for their schedule.
func (c *Cell) counts() (n Counts) {
	n.Expected, n.Violating, n.RateLimited = c.AsExpected, c.Violating, c.RateLimited
	switch sent := c.Response.Count(); {
	case !c.Failed:
		n.Responded = sent
	case c.Label == IdleClosed:
		n.Failed, n.Unheard = sent, sent
	default:
		n.Failed = sent
	}
	if h := c.Harmed; h != nil {
		n.DoubtfulErrors, n.DoubtfulLimits = h.DoubtfulErrors, min(h.Doubtful, c.RateLimited)
	}
	return n
}

// Counts are those of the requests that came to an end: all were due and sent.
func (p *Progress) Counts() Counts {
	return Counts{Scheduled: p.Sent, Responded: p.Sent - p.Failed, Failed: p.Failed, Unheard: p.Unheard,
		Expected: p.Expected, Violating: p.Violating, RateLimited: p.RateLimited,
		DoubtfulErrors: p.DoubtfulErrors, DoubtfulLimits: p.DoubtfulLimits}
}
