package report

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"mfaload/internal/number"
	"mfaload/measure"
	"mfaload/scenario"
)

// Doubts says why a measurement allows no judgement of the service, whatever
// the thresholds: nothing where it does.
func Doubts(m *measure.Measurement) []string {
	j := assessment{measurement: m, report: &Report{Shards: shards(m.Merged)}}
	j.doubtGenerator()
	return j.doubts
}

func (j *assessment) doubtGenerator() {
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
			"mfaload itself was late: more than %s%% of the sends, and at least %d, by over %s ms (p99 %s "+
				"ms); use a machine with more or idler processors, a lower rate, or several machines",
			number.Plain(100*LateShare), LateSends, number.Plain(Milliseconds(MaxOwnLateness)),
			number.Significant(Milliseconds(own.Percentile(99)))))
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
			"mfaload itself was out of processor time: it used %.0f%% of %s processors and waited for "+
				"%.0f%%; use a larger or idler machine, a lower rate, or several machines",
			100*used/available, number.Significant(processors), 100*waited/available))
	}
	if tooLate(g.Hiccups, measure.MaxHiccup) {
		doubts = append(doubts, fmt.Sprintf(
			"mfaload itself was held up: more than %s%% of its waits of 10 ms ended over %s ms late (p99 "+
				"%s ms), so responses were read late; use an idler machine, or fewer processors for what "+
				"runs next to it",
			number.Plain(100*LateShare), number.Plain(Milliseconds(measure.MaxHiccup)),
			number.Significant(Milliseconds(g.Hiccups.Percentile(99)))))
	}
	return doubts
}

func tooLate(times *measure.Histogram, limit time.Duration) bool {
	n := float64(times.Count())
	late := max(LateShare*n, LateSends)
	return n > late && times.Percentile(100*(n-late)/n) > limit
}

func generator(from *measure.Generator, own *measure.Histogram, workersNeeded int) Generator {
	g := Generator{
		Elapsed: number.Round(from.Elapsed.Seconds()), CPU: number.Round(from.CPU.Seconds()),
		CPUWait: number.Round(from.CPUWait.Seconds()), Cores: from.Cores, Platform: from.Platform,
		Host:    from.Host,
		PeakRSS: number.Round(float64(from.PeakRSS) / 1e6), MaxGCPause: Milliseconds(from.MaxGCPause),
		BusyWorkersMax: from.BusyWorkersMax, Workers: from.Workers,
		AllBusy: number.Round(from.AllBusy.Seconds()), OwnLateness: TimesOf(own),
		Hiccups: TimesOf(from.Hiccups),
	}
	if from.AllBusy > 0 {
		g.WorkersNeeded = workersNeeded
	}
	return g
}

func ownLimitTexts(p *measure.Phase) (texts []string) {
	counts := map[string]uint64{}
	for _, w := range p.Withheld {
		counts[w.Reason] += w.Count
	}
	for _, reason := range measure.OwnLimits() {
		if n := counts[reason]; n > 0 {
			texts = append(texts, fmt.Sprintf("%s requests were not sent, %s: %s", number.Count(n), reason,
				ownLimitRemedies[reason]))
		}
	}
	return texts
}

var ownLimitRemedies = map[string]string{
	measure.NoToken: "the token had expired, and the token endpoint gave no new one; check " +
		"clientCredentials and the token endpoint, " +
		"or keep accessTokenFile up to date",
	measure.NoSource: "this machine has no such address; correct target.sourceAddresses or " +
		"target.ipVersion, or give the machine the address",
	measure.NoPorts: "widen the range of local ports (Linux: net.ipv4.ip_local_port_range), add " +
		"target.sourceAddresses, lower load.workers, " +
		"or share the load among several machines",
	measure.NoDescriptors: "raise the limit of open files (ulimit -n, and fs.file-max for the whole " +
		"system), lower load.workers, " +
		"or share the load among several machines",
	measure.NoMemory: "the system had no memory for another socket (Windows: or no local port); lower " +
		"load.workers, " +
		"or use a machine with more memory, or several",
	measure.NotPermitted: "a packet filter of this machine, or what confines mfaload, refused the " +
		"connection; let it connect to the target",
	measure.NetworkDown: "bring the network interface up and run again",
	measure.NotLoopback: "the target's name led to another machine; set target.ownerAgreed once the owner " +
		"agreed to the load",
	measure.NoLedger: "the ledger could not count them; make room for it, or choose another folder with " +
		"--ledger",
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
func (j *assessment) workersRemarks() (remarks []string) {
	say := func(of string, g *Generator, remedy string) {
		if g.WorkersNeeded > g.Workers {
			remarks = append(remarks, fmt.Sprintf(
				"%sall %s workers were in flight for %s s while arrivals waited; the load needs about %s "+
					"(arrival rate × service time); %s",
				of, number.Count(uint64(g.Workers)), number.Significant(g.AllBusy),
				number.Count(uint64(g.WorkersNeeded)), remedy))
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
	return "raise load.workers, or remove it"
}

func (j *assessment) doubtful() *measure.DoubtfulSeconds {
	if j.seconds == nil {
		j.seconds = j.findDoubtful()
	}
	return j.seconds
}

// excuse says why a threshold may be missed for mfaload's own sake only.
func (j *assessment) excuse(t scenario.Threshold) string {
	var why []string
	s := j.of(t)
	if n := j.harmed(j.groupOf(t)); n > 0 {
		why = append(why, fmt.Sprintf("%s requests were sent late by mfaload itself, or were in flight "+
			"while it stood still", number.Count(n)))
	}
	if n := s.Own; n > 0 {
		why = append(why, fmt.Sprintf("mfaload could not send %s arrivals", number.Count(n)))
	}
	if n := j.lostArrivals(); n > 0 {
		why = append(why, fmt.Sprintf("about %s arrivals were those of lost shards", number.Count(n)))
	}
	d := j.doubtful()
	if n := len(d.Short); n > 0 {
		why = append(why, fmt.Sprintf("mfaload was out of processor time in %d seconds", n))
	}
	if n := len(d.Capped); n > 0 {
		g := &j.measurement.Generator
		why = append(why, fmt.Sprintf("all %s workers were in flight in %s seconds, and the load needs "+
			"about %s: %s",
			number.Count(uint64(g.Workers)), number.Count(uint64(n)), number.Count(uint64(d.Needed)),
			workersRemedy(g, d.Needed)))
	}
	if late := j.measurement.Main.Own.Max(); t.Metric == scenario.AchievedRate && late >= measure.HarmFloor {
		why = append(why, fmt.Sprintf("mfaload itself was late, by up to %s ms; use an idler machine, "+
			"or run longer", number.Significant(Milliseconds(late))))
	}
	if d.All {
		why = append(why, "mfaload itself was short of processor time through the run")
	}
	return harmedBy + strings.Join(why, "; ")
}

const harmedBy = "it may be met without what mfaload itself did: "

// unclearText says why a threshold is neither met nor missed; what the reason of an
// earlier one has said, it does not say again.
func (j *assessment) unclearText(t Threshold) string {
	if strings.HasPrefix(t.Why, harmedBy) {
		rest, same := strings.CutPrefix(t.Why, j.excused)
		switch {
		case j.excused == "":
			j.excused = t.Why
		case same:
			t.Why = "as above" + rest
		}
	}
	return t.Text()
}

func (j *assessment) harmed(group int) (n uint64) {
	for _, c := range j.measurement.Main.Cells {
		if c.Harmed != nil && (group < 0 || c.Group == group) {
			n += c.Harmed.Response.Count()
		}
	}
	return n
}

// lostArrivals is how many arrivals were due, at most, on shards that are lost.
func (j *assessment) lostArrivals() uint64 {
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
func (j *assessment) findDoubtful() *measure.DoubtfulSeconds {
	m := j.measurement
	d := m.Doubtful()
	d.All = unclear(&m.Generator)
	if m.Merged != nil {
		d.All = false
		for _, p := range m.Merged.Parts {
			d.All = d.All || unclear(&p.Generator)
		}
	}
	return d
}

// unclear says that a generator was short of processor time, and nobody knows when.
func unclear(g *measure.Generator) bool {
	return !bySecond(g) && len(doubtsOf(g, measure.NewSparse())) > 0 // late sends are known one by one
}
