package report

import (
	"fmt"
	"iter"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
)

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
	shorts := m.Generator.ShortSeconds()
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
		"mfaload itself was out of processor time in %d of the %d seconds of the peak: %s of their %s "+
			"requests were sent over %s ms late, or not at all; use a machine with more or idler "+
			"processors, a lower rate, or several machines",
		inPeak, seconds, number.Count(late), number.Count(all), number.Plain(Milliseconds(MaxOwnLateness)))}
}

// judgedSeconds yields how many arrivals were due in each second of the judged part.
func judgedSeconds(m *measure.Measurement) iter.Seq2[int64, uint64] {
	return func(yield func(int64, uint64) bool) {
		for second, n := range m.Profile.Due {
			if time.Duration(second+1)*time.Second > m.Main.Start && !yield(int64(second), n) {
				return
			}
		}
	}
}

// lateIn counts the requests of a second that were sent late, or not at all.
func lateIn(m *measure.Measurement, second int64) uint64 {
	late := m.UnsentIn(second)
	if s := m.Seconds.At(second); s != nil {
		late += s.Lateness.Beyond(MaxOwnLateness)
	}
	return late
}

// workersRemarks say where arrivals waited because all workers that there may be
// were in flight, and the load needs more of them.
func (j *judgement) workersRemarks() (remarks []string) {
	say := func(of string, g *Generator, remedy string) {
		if g.WorkersNeeded > g.Workers {
			remarks = append(remarks, fmt.Sprintf(
				"%sall %s workers were in flight for %s s while arrivals waited; the load needs about %s "+
					"(arrival rate × service time); %s",
				of, number.Count(uint64(g.Workers)), number.Significant(g.AllBusy), number.Count(uint64(g.WorkersNeeded)), remedy))
		}
	}
	if m := j.measurement; m.Merged == nil {
		if j.excused != "" && len(j.doubtful().Capped) > 0 {
			return nil // the threshold's reason says it
		}
		say("", &j.report.Generator, workersRemedy(&m.Generator, j.report.Generator.WorkersNeeded))
		return remarks
	}
	remedies := map[int]string{}
	for _, p := range j.measurement.Merged.Parts {
		remedies[p.Index] = workersRemedy(&p.Generator, shardWorkers(p))
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
		return "widen the range of local ports (Linux: net.ipv4.ip_local_port_range), add " +
			"target.sourceAddresses, or share the load among several machines"
	case measure.ByMaximum:
		return fmt.Sprintf("write load.workers: %d, or share the load among several machines", needed)
	}
	return "raise load.workers, or leave it out"
}
