package runner

import (
	"fmt"
	"math"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// Guard says when a run is to end before its time: it holds the conditions of
// load.stopOn against the ticks of the run. Whoever adds up those of several
// machines asks it about their sum. It is not safe for concurrent use.
type Guard struct {
	conditions []scenario.StopCondition
	ticks      []measure.Tick // those of the longest window, in order
	longest    int64
}

// NewGuard returns a guard for the conditions of a scenario.
func NewGuard(conditions []scenario.StopCondition) *Guard {
	g := &Guard{conditions: conditions}
	for _, c := range conditions {
		g.longest = max(g.longest, int64(c.Window/time.Second))
	}
	return g
}

// Times says whether a condition needs the times of the ticks.
func (g *Guard) Times() bool {
	for _, c := range g.conditions {
		if ofTimes(c.Metric) {
			return true
		}
	}
	return false
}

func ofTimes(m scenario.Metric) bool { return m == scenario.Response || m == scenario.Service }

// Add takes the next tick. It returns why the run is to end, nil where it is not.
func (g *Guard) Add(t measure.Tick) (*measure.Stop, error) {
	g.ticks = append(g.ticks, t)
	for g.ticks[0].Second <= t.Second-g.longest && len(g.ticks) > 1 {
		g.ticks = g.ticks[1:]
	}
	for _, c := range g.conditions {
		observed, met, err := g.meets(c, t)
		if err != nil {
			return nil, fmt.Errorf("look at load.stopOn: %w", err)
		}
		if met {
			return &measure.Stop{At: time.Duration(t.Second) * time.Second, Condition: "load.stopOn: " + c.String(), Observed: observed, OfTimes: ofTimes(c.Metric)}, nil
		}
	}
	return nil, nil
}

// meets says whether a condition is met at the end of a tick, and by what.
func (g *Guard) meets(c scenario.StopCondition, now measure.Tick) (observed string, met bool, err error) {
	if c.Metric == scenario.ConnectionFailures {
		return fmt.Sprintf("%d requests in a row found no connection, or lost it", now.Streak), now.Streak >= uint64(c.Limit), nil
	}
	seconds := int64(c.Window / time.Second)
	if now.Second < seconds {
		return "", false, nil // the window is not full
	}
	var sum measure.Tick
	for i := range g.ticks {
		if t := &g.ticks[i]; t.Second > now.Second-seconds {
			if err := sum.Merge(t); err != nil {
				return "", false, err
			}
		}
	}
	if ofTimes(c.Metric) {
		observed, met = slow(c, &sum)
	} else {
		observed, met = frequent(c, &sum.Counts)
	}
	return observed, met, nil
}

// slow says whether a percentile is above its limit, and so are enough requests,
// whatever mfaload itself harmed: as a threshold is judged at the end.
func slow(c scenario.StopCondition, sum *measure.Tick) (observed string, met bool) {
	waits, best := sum.Waits(c.Metric == scenario.Service)
	n := waits.Count()
	if n < scenario.LeastRequests {
		return "", false
	}
	p, sign, of := waits.Percentile(c.Quantile), "", ""
	if p.AtLeast {
		sign = "≥ "
	}
	if unserved := waits.Unserved(); unserved > 0 {
		of = fmt.Sprintf(", %d of them never served", unserved)
	}
	beyond := best.Beyond(time.Duration(math.Round(c.Limit * float64(time.Second))))
	return fmt.Sprintf("%s %s%v of %d requests%s", c.Stat, sign, p.Time.Round(time.Millisecond), n, of),
		beyond >= scenario.LeastBad && beyond > n-measure.Rank(c.Quantile, n)
}

// frequent says whether a share is above its limit, and of enough requests, whatever
// mfaload itself harmed.
func frequent(c scenario.StopCondition, n *measure.Progress) (observed string, met bool) {
	counts := n.Counts()
	share, doubtful, what := counts.ErrorRate(), counts.DoubtfulErrors, "requests"
	switch c.Metric {
	case scenario.ViolationRate:
		share, doubtful, what = counts.ViolationRate(), 0, "answers"
	case scenario.RateLimitedRate:
		share, doubtful, what = counts.RateLimitedRate(), counts.DoubtfulLimits, "answers"
	}
	certain := measure.Share{N: share.N - min(doubtful, share.N), Of: share.Of}
	return fmt.Sprintf("%.3g %%, %d of %d %s", 100*share.Value(), share.N, share.Of, what),
		certain.Of >= scenario.LeastRequests && certain.N >= scenario.LeastBad && certain.Value() > c.Limit
}

// guard looks at the run once a second, until the function it returns is called.
func (r *Runner) guard(start time.Time) (end func() error) {
	if len(r.Scenario.Load.StopOn) == 0 || r.Unguarded {
		return func() error { return nil }
	}
	g := NewGuard(r.Scenario.Load.StopOn)
	ticks := r.recorder.Ticks(g.Times())
	ticker := time.NewTicker(time.Second)
	over, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-ticker.C:
			case <-over:
				ended <- nil
				return
			}
			if err := r.look(g, ticks, time.Since(start)); err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() error {
		ticker.Stop()
		close(over)
		return <-ended
	}
}

// look ends the run where a condition is met.
func (r *Runner) look(g *Guard, ticks *measure.Ticks, elapsed time.Duration) error {
	tick, err := ticks.Take(elapsed)
	if err != nil {
		return fmt.Errorf("look at load.stopOn: %w", err)
	}
	stop, err := g.Add(tick)
	if stop != nil {
		stop.At = elapsed
		r.ending.end(stop)
	}
	return err
}
