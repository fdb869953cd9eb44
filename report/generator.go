package report

import (
	"fmt"
	"time"

	"mfaload/measure"
)

// doubtGenerator doubts a run whose generator could not keep its schedule.
func (j *judgement) doubtGenerator() {
	j.doubts = append(j.doubts, ownLimitTexts(&j.measurement.Main)...)
	before := len(j.doubts)
	j.doubtShards()
	if len(j.doubts) == before { // those of single shards say more
		j.doubts = append(j.doubts, doubtsOf(&j.measurement.Generator, j.measurement.Main.Own)...)
	}
	if len(j.doubts) == before { // the whole run says more than its peak
		j.doubts = append(j.doubts, peakTexts(j.measurement)...)
	}
}

// doubtsOf says why a generator did not offer the load that was planned.
func doubtsOf(g *measure.Generator, own *measure.Histogram) []string {
	doubts := []string{}
	if tooLate(own, MaxOwnLateness) {
		doubts = append(doubts, fmt.Sprintf(
			"mfaload itself was late: more than %s %% of the sends, and at least %d, by over %s ms (p99 %s "+
				"ms); use a machine with more or idler processors, a lower rate, or several machines",
			trim(100*LateShare), LateSends, trim(ms(MaxOwnLateness)), significant(ms(own.Percentile(99)))))
	}
	processors := g.Processors
	if !bySecond(g) {
		processors = float64(g.Cores)
	}
	available := g.Elapsed.Seconds() * processors
	used, needed := g.CPU.Seconds(), g.CPU.Seconds()
	waited := g.CPUWait.Seconds()
	if g.Hiccups.Percentile(99) > measure.FeltHiccup {
		needed += waited
	}
	if available > 0 && needed > measure.MaxCPU*available {
		doubts = append(doubts, fmt.Sprintf(
			"mfaload itself was out of processor time: it used %.0f %% of %s processors and waited for "+
				"%.0f %%; use a larger or idler machine, a lower rate, or several machines",
			100*used/available, trim(round(processors)), 100*waited/available))
	}
	if tooLate(g.Hiccups, measure.MaxHiccup) {
		doubts = append(doubts, fmt.Sprintf(
			"mfaload itself was held up: more than %s %% of its waits of 10 ms ended over %s ms late (p99 "+
				"%s ms), so responses were read late; use an idler machine, or fewer processors for what "+
				"runs next to it",
			trim(100*LateShare), trim(ms(measure.MaxHiccup)), significant(ms(g.Hiccups.Percentile(99)))))
	}
	return doubts
}

// tooLate says whether too many of the times are above a limit.
func tooLate(times *measure.Histogram, limit time.Duration) bool {
	n := float64(times.Count())
	late := max(LateShare*n, LateSends)
	return n > late && times.Percentile(100*(n-late)/n) > limit
}

func generator(from *measure.Generator, own *measure.Histogram, workersNeeded int) Generator {
	g := Generator{
		Elapsed: round(from.Elapsed.Seconds()), CPU: round(from.CPU.Seconds()),
		CPUWait: round(from.CPUWait.Seconds()), Cores: from.Cores, Platform: from.Platform,
		PeakRSS: round(float64(from.PeakRSS) / 1e6), MaxGCPause: ms(from.MaxGCPause),
		BusyWorkersMax: from.BusyWorkersMax, Workers: from.Workers,
		AllBusy: round(from.AllBusy.Seconds()), OwnLateness: times(own), Hiccups: times(from.Hiccups),
	}
	if from.AllBusy > 0 {
		g.WorkersNeeded = workersNeeded
	}
	return g
}
