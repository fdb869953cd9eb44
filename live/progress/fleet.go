package progress

import (
	"fmt"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"

	"mfaload/fleet"
	"mfaload/live/console"
)

const maxBars = 16

type fleetView struct {
	mu     sync.Mutex
	status *fleet.RunStatus
	before [][]fleetMark // by shard, of the last 10 s, for the rate
}

// fleetMark is how many requests of a shard were over at a time since its start.
type fleetMark struct {
	at   time.Duration
	sent uint64
}

// ShowFleet shows the run until hide is called: bars on a terminal, a line now
// and then elsewhere, nothing with -q.
func ShowFleet(c *console.Console, of *fleet.Coordinator) (hide func()) {
	v := &fleetView{status: &fleet.RunStatus{}}
	switch {
	case c.Quiet:
		return func() {}
	case c.Bars:
		of.Watch = v.take
		return showFleetBars(c, of.Plan.Scenario, of.Plan.Shards, v)
	}
	n := 0
	of.Watch = func(s *fleet.RunStatus) {
		v.take(s)
		// It is told four times a second.
		if n++; s.Going && (n%8 == 0 && n <= 80 || n%40 == 0) {
			c.Say("%3.0f s: %s", s.Sum.Elapsed.Seconds(), v.standing())
		}
	}
	return func() {}
}

func (v *fleetView) take(s *fleet.RunStatus) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status = s
	for len(v.before) < len(s.Shards) {
		v.before = append(v.before, []fleetMark{{}})
	}
	for i, shard := range s.Shards {
		marks := v.before[i]
		if shard.Last == nil || shard.Last.Elapsed <= marks[len(marks)-1].at {
			continue
		}
		marks = append(marks, fleetMark{shard.Last.Elapsed, shard.Last.Progress.Sent})
		for len(marks) > 2 && shard.Last.Elapsed-marks[0].at > 10*time.Second {
			marks = marks[1:]
		}
		v.before[i] = marks
	}
}

// rate is how many requests a second came to an end lately. Each shard has a
// rate by its own time: their snapshots come at different times.
func (v *fleetView) rate() (sum float64) {
	for i, marks := range v.before {
		first, last := marks[0], marks[len(marks)-1]
		if last.at > first.at && !v.status.Shards[i].Lost {
			sum += float64(last.sent-min(first.sent, last.sent)) / (last.at - first.at).Seconds()
		}
	}
	return sum
}

// standing says what came back of all shards, short enough for any terminal.
func (v *fleetView) standing() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.status.Sum.Progress
	text := fmt.Sprintf("%s/s, %d as expected, %d unexpected, %d violating, %d failed", short(v.rate()),
		p.Clean, p.Unexpected()+p.Refused, p.Violating, p.Failed)
	if r := v.status.Sum.Response; r != nil && r.Count() > 0 {
		text += fmt.Sprintf(", response p50 %s p99 %s ms", short(milliseconds(r.Percentile(50))),
			short(milliseconds(r.Percentile(99))))
	}
	if lost := v.status.Count(func(s fleet.ShardStatus) bool { return s.Lost }); lost > 0 {
		text += fmt.Sprintf(", %d of %d shards lost", lost, len(v.status.Shards))
	}
	return text
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// showFleetBars shows a bar for the run and one for each shard, as far as a
// terminal has room for them.
func showFleetBars(c *console.Console, name string, shards int, v *fleetView) (hide func()) {
	b := newBars(c)
	b.bar(0, fit(name, b.width/4), v.joined)
	if shards <= maxBars {
		for i := range shards {
			b.bar(0, fmt.Sprintf("shard %d", i), func() string { return fit(v.shard(i), b.width/2) })
		}
	}
	bars := b.shown
	b.line(0, v.standing)
	return b.begin(func() { v.advance(bars) }, false)
}

// advance sets the bars. It holds no lock meanwhile: a bar that is being drawn
// takes nothing in until its texts are there, and those wait for the lock.
func (v *fleetView) advance(bars []*mpb.Bar) {
	v.mu.Lock()
	now := v.status
	v.mu.Unlock()
	set := func(bar *mpb.Bar, sent, planned uint64) {
		if planned > 0 {
			// Never full: a full bar is at its end and stands still.
			bar.SetTotal(int64(planned)+1, false)
			bar.SetCurrent(int64(min(sent, planned)))
		}
	}
	set(bars[0], now.Sum.Progress.Sent, now.Sum.Planned)
	for i, bar := range bars[1:] {
		if i < len(now.Shards) && now.Shards[i].Last != nil {
			last := now.Shards[i].Last
			set(bar, last.Progress.Sent, last.Planned)
		}
	}
}

func (v *fleetView) joined() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.status
	if s.Going {
		return fmt.Sprintf("%s, %v", sentOf(int64(s.Sum.Progress.Sent), int64(s.Sum.Planned)),
			s.Sum.Elapsed.Round(time.Second))
	}
	there := s.Count(func(shard fleet.ShardStatus) bool { return shard.Host != "" })
	return fmt.Sprintf("%d of %d workers", there, len(s.Shards))
}

func (v *fleetView) shard(i int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i >= len(v.status.Shards) || v.status.Shards[i].Host == "" {
		return "nobody yet"
	}
	s := v.status.Shards[i]
	if s.Lost {
		return s.Host + ": lost"
	}
	return s.Host + ": " + s.Stage
}
