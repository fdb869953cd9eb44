package report

import (
	"fmt"
	"time"

	"mfaload/internal/number"
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
			number.Plain(100*LateShare), LateSends, number.Plain(Milliseconds(MaxOwnLateness)), number.Significant(Milliseconds(own.Percentile(99)))))
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
			100*used/available, number.Plain(number.Round(processors)), 100*waited/available))
	}
	if tooLate(g.Hiccups, measure.MaxHiccup) {
		doubts = append(doubts, fmt.Sprintf(
			"mfaload itself was held up: more than %s %% of its waits of 10 ms ended over %s ms late (p99 "+
				"%s ms), so responses were read late; use an idler machine, or fewer processors for what "+
				"runs next to it",
			number.Plain(100*LateShare), number.Plain(Milliseconds(measure.MaxHiccup)), number.Significant(Milliseconds(g.Hiccups.Percentile(99)))))
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
		Elapsed: number.Round(from.Elapsed.Seconds()), CPU: number.Round(from.CPU.Seconds()),
		CPUWait: number.Round(from.CPUWait.Seconds()), Cores: from.Cores, Platform: from.Platform,
		PeakRSS: number.Round(float64(from.PeakRSS) / 1e6), MaxGCPause: Milliseconds(from.MaxGCPause),
		BusyWorkersMax: from.BusyWorkersMax, Workers: from.Workers,
		AllBusy: number.Round(from.AllBusy.Seconds()), OwnLateness: TimesOf(own), Hiccups: TimesOf(from.Hiccups),
	}
	if from.AllBusy > 0 {
		g.WorkersNeeded = workersNeeded
	}
	return g
}
