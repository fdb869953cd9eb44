package measure

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// OwnSecond is what mfaload's own load was in a second of a run. Only those
// seconds are kept in which there was much of it: see [OwnSecond.Notable].
type OwnSecond struct {
	// Second counts from the start of the run.
	Second int64 `json:"second"`
	// Available is the processor time that there was: of the processors that the
	// process may run on, or of its quota where that is less.
	Available time.Duration `json:"available_ns"`
	// CPU is the processor time that the process used, CPUWait how long its threads
	// were ready to run and waited for a processor, summed up.
	CPU     time.Duration `json:"cpu_ns"`
	CPUWait time.Duration `json:"cpu_wait_ns,omitempty"`
	// Throttled is how long the quota kept it from running.
	Throttled time.Duration `json:"throttled_ns,omitempty"`
	// Frozen is how long it stood still, for whatever reason.
	Frozen time.Duration `json:"frozen_ns,omitempty"`
	// Hiccup is the 95th percentile of the second's hiccups: see
	// [Generator.Hiccups].
	Hiccup time.Duration `json:"hiccup_p95_ns,omitempty"`
}

// Notable says whether a second is worth keeping: half of the processor time was
// used or waited for, it was throttled or stood still, or hiccups were above a
// millisecond.
func (s *OwnSecond) Notable() bool {
	return 2*(s.CPU+s.CPUWait) >= s.Available || s.Throttled > 0 || s.Frozen > 0 ||
		s.Hiccup >= time.Millisecond
}

// used is the share of the available time that was used or waited for.
func (s *OwnSecond) used() float64 {
	if s.Available <= 0 {
		return 0
	}
	return float64(s.CPU+s.CPUWait) / float64(s.Available)
}

// mergeOwnSeconds keeps of each second the machine that was busiest in it; of
// freezes, throttling and hiccups the worst.
func mergeOwnSeconds(a, b []OwnSecond) []OwnSecond {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b OwnSecond) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(b.used(), a.used()),
			cmp.Compare(b.Available, a.Available), cmp.Compare(b.CPU, a.CPU))
	})
	merged := all[:0]
	for _, s := range all {
		n := len(merged)
		if n == 0 || merged[n-1].Second != s.Second {
			merged = append(merged, s)
			continue
		}
		to := &merged[n-1]
		to.Throttled, to.Frozen, to.Hiccup = max(to.Throttled, s.Throttled), max(to.Frozen, s.Frozen),
			max(to.Hiccup, s.Hiccup)
	}
	return slices.Clip(merged)
}

func checkOwnSeconds(seconds []OwnSecond) error {
	last := int64(-1)
	for _, s := range seconds {
		if s.Second <= last || s.Second > maxSecond ||
			min(s.Available, s.CPU, s.CPUWait, s.Throttled, s.Frozen, s.Hiccup) < 0 {
			return errors.New("the generator's seconds are not in order, or negative")
		}
		last = s.Second
	}
	return nil
}

// Generator is what mfaload measured of itself.
type Generator struct {
	// CPU is the processor time that the process used during the run.
	CPU time.Duration `json:"cpu_ns"`
	// CPUWait is how long its threads were ready to run and waited for a
	// processor, summed up; 0 where the system does not tell.
	CPUWait time.Duration `json:"cpu_wait_ns"`
	// Platform is system and architecture, such as "linux/amd64".
	Platform string `json:"platform,omitempty"`
	// Host is the machine's name; "" where the system does not tell.
	Host string `json:"host,omitempty"`
	// Cores is how many processors it could use.
	Cores int `json:"cores"`
	// Processors is how many it had, a fraction where it has a quota; 0 in
	// measurements of versions without it.
	Processors float64 `json:"processors,omitempty"`
	// Seconds are those in which mfaload itself was busy or stood still, in order.
	Seconds []OwnSecond `json:"seconds,omitempty"`
	// Elapsed is how long the run took, the draining included.
	Elapsed time.Duration `json:"elapsed_ns"`
	// PeakRSS is the largest resident memory of the process, in bytes; 0 where
	// the system does not tell.
	PeakRSS uint64 `json:"peak_rss_bytes"`
	// MaxGCPause is the longest pause of the garbage collector in the run.
	MaxGCPause time.Duration `json:"gc_pause_max_ns"`
	// Hiccups is how late a wait of 10 ms ended that did nothing else, again and
	// again through the run: what any request may have been delayed by mfaload
	// and the machine it runs on.
	Hiccups *Histogram `json:"hiccups"`
	// BusyWorkersMax is the most requests in flight at once, of Workers. WorkersBy
	// says what that number is from: one of [ByScenario] and its like, "" in
	// measurements of versions without it.
	BusyWorkersMax int    `json:"busy_workers_max"`
	Workers        int    `json:"workers"`
	WorkersBy      string `json:"workers_by,omitempty"`
	// AllBusy is how long arrivals waited because all workers were busy.
	AllBusy time.Duration `json:"all_busy_ns"`
}

// What the most requests in flight are from.
const (
	// ByScenario: load.workers, or the users of a closed load.
	ByScenario = "load.workers"
	// ByFiles and ByPorts: the limit of open files, and that of local ports.
	ByFiles = "open files"
	ByPorts = "local ports"
	// ByMaximum: the most that there are where the scenario has no number.
	ByMaximum = "maximum"
)

// add makes the generator that of several shards: what it used is added up; of
// what tells how well it kept up, the worst counts.
func (g *Generator) add(o *Generator) {
	g.CPU += o.CPU
	g.CPUWait += o.CPUWait
	g.Cores += o.Cores
	g.Processors += o.Processors
	g.Seconds = mergeOwnSeconds(g.Seconds, o.Seconds)
	g.Platform, g.Host = joinNames(g.Platform, o.Platform), joinNames(g.Host, o.Host)
	g.Workers += o.Workers
	if g.WorkersBy == "" || o.WorkersBy != "" && o.WorkersBy < g.WorkersBy {
		g.WorkersBy = o.WorkersBy
	}
	g.Elapsed = max(g.Elapsed, o.Elapsed)
	g.PeakRSS = max(g.PeakRSS, o.PeakRSS)
	g.MaxGCPause = max(g.MaxGCPause, o.MaxGCPause)
	g.BusyWorkersMax = max(g.BusyWorkersMax, o.BusyWorkersMax)
	g.AllBusy = max(g.AllBusy, o.AllBusy)
	g.Hiccups.Merge(o.Hiccups)
}

func joinNames(a, b string) string {
	all := slices.Concat(strings.Split(a, ", "), strings.Split(b, ", "))
	slices.Sort(all)
	return strings.TrimPrefix(strings.Join(slices.Compact(all), ", "), ", ")
}
