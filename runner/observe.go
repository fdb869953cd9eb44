package runner

import (
	"math"
	"time"

	"mfaload/measure"
	"mfaload/runner/schedule"
)

// What follows is for those who look on. They see what comes after they first asked for
// it, so that they ask before the run begins.

// RunProgress is how far a run has come. It may be asked at any time.
type RunProgress struct {
	measure.Progress
	// Planned is how many requests the schedule has.
	Planned uint64
	// Elapsed is the time since the start; End when the last stage ends.
	Elapsed, End time.Duration
	// InFlight is how many requests are waiting for an answer.
	InFlight int
	// Paused is how long nothing will be sent because an answer was 429.
	Paused time.Duration
}

// Progress returns how far the run has come.
func (r *Runner) Progress() RunProgress {
	p := RunProgress{Progress: r.recorder.Progress(), End: r.schedule.End(), InFlight: int(r.inFlight.Load())}
	if start := r.start.Load(); start != nil {
		p.Elapsed = time.Since(*start)
		p.Paused = r.pauses.left(p.Elapsed)
	}
	return p
}

// Schedule returns the run's schedule.
func (r *Runner) Schedule() *schedule.Schedule {
	return r.schedule
}

// Live begins to keep times for one who looks on while the scenario runs.
func (r *Runner) Live() *measure.Live {
	return r.recorder.Live()
}

// Ticks begins to hand out the run second by second, with its requests or without, to
// one who judges several machines together with a [Guard].
func (r *Runner) Ticks(requests bool) *measure.Ticks {
	return r.recorder.Ticks(requests)
}

// Own says what is known of mfaload's own part in a run that goes on, from a second
// on. It may be asked at any time.
func (r *Runner) Own(from int) *measure.OwnPart {
	p := &measure.OwnPart{Workers: r.limit.workers, From: from}
	if g := r.going.Load(); g != nil {
		p.Profile, p.Seconds = g.load.dueSince(from), g.own.since(int64(from))
	}
	return p
}

// Stop ends the run before its time, as failed, for a reason that somebody else
// found. It does nothing before the run, after its end, and where it was ended
// already.
func (r *Runner) Stop(why measure.Stop) { r.stopper.end(&why) }

// Snapshots begins to keep what the judged part of the run has measured so far, for
// one who looks on from another machine, and returns what hands it out. It
// is called once; what it returns is not safe for concurrent use.
func (r *Runner) Snapshots() func() (*measure.Part, error) {
	soFar := r.recorder.Snapshots()
	return func() (*measure.Part, error) {
		now := r.Progress().Elapsed
		p, err := soFar.Take()
		if err != nil {
			return nil, err
		}
		if r.config.Shard != nil {
			p.Index = r.config.Shard.Index
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
