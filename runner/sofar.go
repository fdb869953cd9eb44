package runner

import (
	"math"

	"mfaload/measure"
)

// SoFar begins to keep what the judged part of the run has measured so far, for
// one who looks on from another machine, and returns what hands it out. It is
// called once, before [Runner.Run]; what it returns is not safe for concurrent
// use.
func (r *Runner) SoFar() func() (*measure.Part, error) {
	r.init()
	soFar := r.recorder.SoFar()
	return func() (*measure.Part, error) {
		now := r.Progress().Elapsed
		p, err := soFar.Take()
		if err != nil {
			return nil, err
		}
		if r.Shard != nil {
			p.Index = r.Shard.Index
		}
		from, to := r.schedule.Start(), now
		if end := r.schedule.End(); end > 0 {
			to = min(now, end)
		}
		p.Planned, p.Generator.Elapsed = max(to-from, 0), now
		due := r.schedule.MeanRate(from, to) * p.Planned.Seconds()
		// An arrival that was not due a moment ago may be answered by now.
		p.Scheduled = max(uint64(math.Round(due)), p.Sent())
		return p, nil
	}
}
