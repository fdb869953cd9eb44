package runner

import (
	"mfaload/measure"
)

// Live begins to keep times for one who looks on while the scenario runs. It is
// called once, before [Runner.Run].
func (r *Runner) Live() *measure.Live {
	r.init()
	return r.recorder.Live()
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
	p := &measure.OwnPart{Workers: r.limit.workers, From: from}
	if g := r.going.Load(); g != nil {
		p.Profile, p.Seconds = g.load.dueSince(from), g.own.since(int64(from))
	}
	return p
}

// Stop ends the run before its time, as failed, for a reason that somebody else
// found. It does nothing before the run, after its end, and where it was ended
// already.
func (r *Runner) Stop(why measure.Stop) { r.ending.end(&why) }
