package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfaload/measure"
	"mfaload/scenario"
)

// doubtfulSeconds are the seconds of a run in which mfaload itself may be why
// requests were slow, failed or were not sent.
type doubtfulSeconds struct {
	// all says that no second can be told from another: the whole run is in doubt.
	all bool
	// saturated had too little processor time: at best all of their requests would
	// have been fast.
	saturated map[int64]bool
	// capped had all workers in flight, though the load needs more of them: at best
	// their requests would have been sent at once.
	capped map[int64]bool
}

func (d *doubtfulSeconds) any() bool { return d.all || len(d.saturated)+len(d.capped) > 0 }

// each yields the doubtful seconds of a measurement with what was due in them and
// not sent.
func (d *doubtfulSeconds) each(m *measure.Measurement, yield func(s *measure.Second, saturated bool, unsent uint64)) {
	all := maps.Clone(d.saturated)
	if all == nil {
		all = map[int64]bool{}
	}
	maps.Copy(all, d.capped)
	for _, second := range slices.Sorted(maps.Keys(all)) {
		s := m.SecondAt(second)
		if s == nil { // nothing of it was sent
			s = &measure.Second{Second: second, Response: measure.NewSparse(), Service: measure.NewSparse(), Lateness: measure.NewSparse()}
		}
		yield(s, d.saturated[second], m.UnsentIn(second))
	}
}

// forgive takes the requests of doubtful seconds as they would have been at best. Of
// the arrivals that were never sent, at most so many are the threshold's.
func (d *doubtfulSeconds) forgive(m *measure.Measurement, b *measure.BestWaits, group int, service bool, neverSent uint64) {
	d.each(m, func(s *measure.Second, saturated bool, unsent uint64) {
		unsent = min(unsent, neverSent)
		neverSent -= unsent
		switch {
		case saturated:
			b.Forgive(s, group, service, unsent)
		case service:
			b.ForgiveUnsent(unsent + s.Drained(group))
		default: // sent in time, it would have been answered before the end
			b.ForgiveWaiting(s, group, unsent+s.Drained(group))
		}
	})
}

// beyond counts what is beyond a limit at best.
func (d *doubtfulSeconds) beyond(b *measure.BestWaits, limit time.Duration) uint64 {
	if d.all {
		return 0
	}
	return b.Beyond(limit)
}

// forgiven counts the failures, and the arrivals that were never sent, that may be
// mfaload's own doing; not those that the sum knows to be doubtful by themselves.
func (d *doubtfulSeconds) forgiven(m *measure.Measurement, group int, s *sum) (n uint64) {
	if d.all {
		return m.Main.BestWaits(group, false).Unserved()
	}
	d.each(m, func(sec *measure.Second, saturated bool, _ uint64) {
		if saturated {
			n += sec.OtherFailures(group)
		} else {
			n += sec.Drained(group)
		}
	})
	return n + d.unsent(m, s.NeverSent())
}

// unsent counts the arrivals that were never sent, and may not have been for
// mfaload's sake: at most so many.
func (d *doubtfulSeconds) unsent(m *measure.Measurement, most uint64) (n uint64) {
	if d.all {
		return most
	}
	d.each(m, func(_ *measure.Second, _ bool, unsent uint64) { n += unsent })
	return min(n, most)
}

// doubtful returns the seconds in which mfaload itself may be to blame.
func (j *judgement) doubtful() *doubtfulSeconds {
	if j.seconds == nil {
		j.seconds = j.findDoubtful()
	}
	return j.seconds
}

// excuse says why a threshold that is missed may be missed for mfaload's own sake
// only.
func (j *judgement) excuse(t scenario.Threshold) string {
	var why []string
	s := j.of(t)
	if n := j.harmed(j.groupOf(t)); n > 0 {
		why = append(why, fmt.Sprintf("%s requests were sent late by mfaload itself, or were in flight while it stood still", count(n)))
	}
	if n := s.Own; n > 0 {
		why = append(why, fmt.Sprintf("mfaload could not send %s arrivals", count(n)))
	}
	if n := j.lostArrivals(); n > 0 {
		why = append(why, fmt.Sprintf("about %s arrivals were those of lost shards", count(n)))
	}
	d := j.doubtful()
	if n := len(d.saturated); n > 0 {
		why = append(why, fmt.Sprintf("mfaload was out of processor time in %d seconds", n))
	}
	if n := len(d.capped); n > 0 {
		g := &j.measurement.Generator
		why = append(why, fmt.Sprintf("all %d workers were in flight in %d seconds, and the load needs about %d: %s", g.Workers, n, j.capped().needed, workersRemedy(g, j.capped().needed)))
	}
	if late := j.measurement.Main.Own.Max(); t.Metric == scenario.AchievedRate && late >= measure.HarmFloor {
		why = append(why, fmt.Sprintf("mfaload itself was late, by up to %s ms; use an idler machine, or run longer", significant(ms(late))))
	}
	if d.all {
		why = append(why, "mfaload itself was short of processor time through the run")
	}
	return "it may be met without what mfaload itself did: " + strings.Join(why, "; ")
}

// harmed counts the requests of a group, or of all, that mfaload itself harmed.
func (j *judgement) harmed(group int) (n uint64) {
	for _, c := range j.measurement.Main.Cells {
		if c.Harmed != nil && (group < 0 || c.Group == group) {
			n += c.Harmed.Response.Count()
		}
	}
	return n
}

// lostArrivals is how many arrivals were due, at most, on shards that are lost.
func (j *judgement) lostArrivals() uint64 {
	m := j.measurement.Merged
	if m == nil {
		return 0
	}
	most := uint64(0)
	for _, p := range m.Parts {
		most = max(most, p.Scheduled+1)
	}
	return uint64(len(m.Missing())) * most
}

// findDoubtful finds the seconds in which mfaload itself may be to blame. What it
// did not measure second by second leaves the whole run in doubt.
func (j *judgement) findDoubtful() *doubtfulSeconds {
	m := j.measurement
	d := &doubtfulSeconds{saturated: shortSeconds(&m.Generator), capped: j.capped().seconds, all: unclear(&m.Generator)}
	if m.Merged != nil {
		d.all = false
		for _, p := range m.Merged.Parts {
			d.all = d.all || unclear(&p.Generator)
		}
	}
	return d
}

// unclear says that a generator was short of processor time, and nobody knows when.
func unclear(g *measure.Generator) bool {
	return !bySecond(g) && len(doubtsOf(g, measure.NewSparse())) > 0 // late sends are known one by one
}

// capped returns the seconds in which all workers were in flight and the load needs
// more of them.
func (j *judgement) capped() *capped {
	if j.cappedIn == nil {
		c := cappedSeconds(j.measurement)
		j.cappedIn = &c
	}
	return j.cappedIn
}
