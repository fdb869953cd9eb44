package runner

import (
	"time"

	"mfaload/measure"
)

// Live begins to keep times for one who looks on while the scenario runs. It is
// called once, before [Runner.Run].
func (r *Runner) Live() *measure.Live {
	r.init()
	return r.recorder.Live()
}

// Stages returns the stages of the schedule with their times, the warm-up first,
// a repeated stage once for each time; the first thousand of them.
func (s *Schedule) Stages() []measure.Stage { return s.passed(s.End()) }

// MeanRate returns the mean of the shard's planned rate between two times of the run, in
// requests a second; 0 where nothing is planned.
func (s *Schedule) MeanRate(from, to time.Duration) float64 {
	if to <= from {
		return 0
	}
	sum := 0.0
	for i := range s.parts {
		p := &s.parts[i]
		sum += p.upto(to) - p.upto(from)
	}
	return sum / (to - from).Seconds() / float64(s.shard.count)
}

// Ticks begins to hand out the run second by second, with its requests or without, to
// one who judges several machines together with a [Guard]. It is called before
// [Runner.Run].
func (r *Runner) Ticks(requests bool) *measure.Ticks {
	r.init()
	return r.recorder.Ticks(requests)
}

// Own says what is known of mfaload's own part in a run that goes on, from a second
// on. It may be asked at any time.
func (r *Runner) Own(from int) *measure.OwnPart {
	r.init()
	p := &measure.OwnPart{Workers: r.bound.Workers, From: from}
	if g := r.going.Load(); g != nil {
		p.Profile, p.Seconds = g.load.dueSince(from), g.own.since(int64(from))
	}
	return p
}

// Stop ends the run before its time, as failed, for a reason that somebody else
// found. It does nothing before the run, after its end, and where it was ended
// already.
func (r *Runner) Stop(why measure.Stop) { r.ending.end(&why) }
