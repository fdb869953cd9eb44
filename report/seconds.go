package report

import (
	"fmt"
	"math"
	"time"

	"mfaload/measure"
)

// short says that mfaload was short of processor time in a second. Its threads used
// most of what there was; or they used and waited for most of it, and that was felt;
// or a quota kept them from running; or nearly every wait ended late.
func short(s *measure.OwnSecond) bool {
	most := MaxCPU * float64(s.Available)
	used, waited := float64(s.CPU), float64(s.CPUWait)
	return s.Available > 0 && (used > most || used+waited > most && s.Hiccup > FeltHiccup) ||
		s.Throttled > MaxHiccup || s.Hiccup > MaxHiccup
}

// shortSeconds are the seconds in which a generator was short of processor time.
func shortSeconds(g *measure.Generator) map[int64]bool {
	seconds := map[int64]bool{}
	for i := range g.Seconds {
		if short(&g.Seconds[i]) {
			seconds[g.Seconds[i].Second] = true
		}
	}
	return seconds
}

// bySecond says whether a generator measured its own load second by second: older
// versions did not.
func bySecond(g *measure.Generator) bool { return g.Processors > 0 }

// peak is from what share of the highest rate on a second belongs to the peak.
const peak = 0.9

// peakTexts say that the peak of a run was not offered: mfaload was short of
// processor time in it, and too many of its requests were late, or were not sent.
// What was in flight then waited for mfaload, so the lateness that its waiting
// caused is mfaload's own.
func peakTexts(m *measure.Measurement) []string {
	highest := uint64(0)
	for _, n := range judgedSeconds(m) {
		highest = max(highest, n)
	}
	shorts := shortSeconds(&m.Generator)
	var all, late, seconds, inPeak uint64
	for second, due := range judgedSeconds(m) {
		if due == 0 || float64(due) < peak*float64(highest) {
			continue
		}
		all += due
		seconds++
		if shorts[second] {
			inPeak++
			late += lateIn(m, second)
		}
	}
	if late < LateSends || float64(late) <= LateShare*float64(all) {
		return nil
	}
	return []string{fmt.Sprintf(
		"mfaload itself was out of processor time in %d of the %d seconds of the peak: %s of their %s requests were sent over %s ms late, or not at all; use a machine with more or idler processors, a lower rate, or several machines",
		inPeak, seconds, count(late), count(all), trim(ms(MaxOwnLateness)))}
}

// judgedSeconds yields how many arrivals were due in each second of the judged part.
func judgedSeconds(m *measure.Measurement) map[int64]uint64 {
	due := map[int64]uint64{}
	for second, n := range m.Profile.Due {
		if time.Duration(second+1)*time.Second > m.Main.Start {
			due[int64(second)] = n
		}
	}
	return due
}

// lateIn counts the requests of a second that were sent late, or not at all.
func lateIn(m *measure.Measurement, second int64) uint64 {
	late := m.UnsentIn(second)
	if s := m.SecondAt(second); s != nil {
		late += s.Lateness.Beyond(MaxOwnLateness)
	}
	return late
}

// capped are the seconds in which arrivals waited because all workers that there
// may be were in flight, though the load needs more of them.
type capped struct {
	seconds map[int64]bool
	// needed is how many the load needs in the busiest of them.
	needed int
}

// cappedSeconds finds them stretch by stretch: seconds one after another in which
// arrivals waited. What the load needs is Little's law at the typical service time
// of the stretch, the median of what was served in it. A service that stands still
// does not change it, for most requests of the stretch are sent after that; where most
// of them are never served there is no typical time, and the wait is the service's.
func cappedSeconds(m *measure.Measurement) capped {
	c := capped{seconds: map[int64]bool{}}
	busy := m.Profile.AllBusy
	for from := 0; from < len(busy); from++ {
		if busy[from] == 0 {
			continue
		}
		to := from
		for to < len(busy) && busy[to] > 0 {
			to++
		}
		c.stretch(m, int64(from), int64(to))
		from = to
	}
	return c
}

// stretch goes through the seconds of a stretch. Those after the load fell below
// what the workers can do belong to it as long as what was left waits.
func (c *capped) stretch(m *measure.Measurement, from, to int64) {
	typical := typicalService(m, from, to)
	if typical <= 0 || m.Generator.Workers <= 0 {
		return
	}
	able := float64(m.Generator.Workers) / typical.Seconds() // requests a second
	waiting := 0.0
	for second := from; second < to; second++ {
		due := 0.0
		if second < int64(len(m.Profile.Due)) {
			due = float64(m.Profile.Due[second])
		}
		before := waiting
		waiting = max(waiting+due-able, 0)
		if before > 0 || due > able {
			c.seconds[second] = true
			c.needed = max(c.needed, int(math.Ceil(due*typical.Seconds())))
		}
	}
}

// typicalService is the median service time of the requests of some seconds that
// were served; 0 where those are the minority.
func typicalService(m *measure.Measurement, from, to int64) time.Duration {
	var sent, served uint64
	times := measure.NewSparse()
	for second := from; second < to; second++ {
		s := m.SecondAt(second)
		if s == nil {
			continue
		}
		_, service := s.Of(s.Response, s.Service)
		sent, served = sent+s.Response.Count(), served+service.Count()
		_ = times.Merge(service) // one geometry: nothing is dropped
	}
	if 2*served <= sent {
		return 0
	}
	return times.Percentile(50)
}

// workersRemarks say where arrivals waited because all workers that there may be
// were in flight, and the load needs more of them.
func (j *judgement) workersRemarks() (remarks []string) {
	say := func(of string, g *Generator, remedy string) {
		if g.WorkersNeeded > g.Workers {
			remarks = append(remarks, fmt.Sprintf(
				"%sall %d workers were in flight for %s s while arrivals waited; the load needs about %d (arrival rate × service time); %s",
				of, g.Workers, trim(g.AllBusy), g.WorkersNeeded, remedy))
		}
	}
	if m := j.measurement; m.Merged == nil {
		say("", &j.report.Generator, workersRemedy(&m.Generator, j.report.Generator.WorkersNeeded))
		return remarks
	}
	remedies := map[int]string{}
	for _, p := range j.measurement.Merged.Parts {
		remedies[p.Index] = workersRemedy(&p.Generator, workersNeeded(p.Scheduled, p.Planned, p.Service))
	}
	for _, s := range j.report.Shards {
		if s.Lost == "" {
			say(fmt.Sprintf("shard %d: ", s.Index), &s.Generator, remedies[s.Index])
		}
	}
	return remarks
}

// workersRemedy says how to have more workers, by what their number is from.
func workersRemedy(g *measure.Generator, needed int) string {
	switch g.WorkersBy {
	case measure.ByFiles:
		return "raise the limit of open files (ulimit -n), or share the load among several machines"
	case measure.ByPorts:
		return "widen the range of local ports (Linux: net.ipv4.ip_local_port_range), add target.sourceAddresses, or share the load among several machines"
	case measure.ByMaximum:
		return fmt.Sprintf("write load.workers: %d, or share the load among several machines", needed)
	}
	return "raise load.workers, or leave it out"
}
