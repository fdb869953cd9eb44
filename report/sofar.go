package report

import (
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// EndedPart are the requests of the judged part that came to an end while a run goes on.
type EndedPart struct {
	Phase  *measure.Phase
	Groups []string
	// Sent is how many of the arrivals that were due were sent; of none where that is not known.
	Sent measure.Share
}

// SoFar says how a threshold stands while a run goes on: met, missed or without data. It does not know
// what only the end of the run tells: which arrivals were never sent, what mfaload itself may have
// caused, and whether the requests are enough to judge.
func (e *EndedPart) SoFar(t scenario.Threshold) Threshold {
	now, group := unjudged(t), -1
	for i, name := range e.Groups {
		if name == t.Group {
			group = i
		}
	}
	missed := false
	switch counts := e.Phase.Counts(group); t.Metric {
	case scenario.Response, scenario.Service:
		w := e.Phase.Waits(group, t.Metric == scenario.Service)
		missed = now.time(t, &w)
	case scenario.ErrorRate:
		missed = now.share(counts.ErrorRate(), t.Limit)
	case scenario.ViolationRate:
		missed = now.share(counts.ViolationRate(), t.Limit)
	case scenario.RateLimitedRate:
		missed = now.share(counts.RateLimitedRate(), t.Limit)
	case scenario.AchievedRate:
		missed = e.achieved(t, &now)
	case scenario.Goodput:
		missed, _ = now.noData("only the end of the run tells")
	}
	switch {
	case now.State == NoData:
	case missed:
		now.State = Missed
	default:
		now.State, now.Passed = Met, true
	}
	return now
}

// share fills in a share of which no more may be than a limit, and says whether it is missed.
func (t *Threshold) share(s measure.Share, limit float64) (missed bool) {
	if t.Count, t.Of = s.N, s.Of; s.Of == 0 {
		missed, _ = t.noData("no request came to an end yet")
		return missed
	}
	t.show(s.Value(), limit)
	return s.Value() > limit
}

func (e *EndedPart) achieved(t scenario.Threshold, now *Threshold) (missed bool) {
	counts := measure.Counts{Scheduled: e.Sent.Of, Responded: e.Sent.N}
	share, ok := counts.AchievedRate(time.Second, time.Second)
	if !ok || t.Group != "" {
		missed, _ = now.noData("only the end of the run tells")
		return missed
	}
	now.Count, now.Of = e.Sent.N, e.Sent.Of
	now.show(share, t.Limit)
	return share < t.Limit
}
