package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfaload/measure"
)

// Shard is one of several machines that a run was shared among.
type Shard struct {
	// Counts from 0.
	Index int `json:"shard"`
	// Why nothing of it is in the report's other figures. What stands next to it was known
	// of it at last.
	Lost string `json:"lost,omitempty" schema:"minLength=1"`
	// Why it makes the run inconclusive.
	Doubts []string `json:"doubts"`
	// ShardFigures are nil where nothing is known of a lost shard.
	*ShardFigures
}

// ShardFigures are what was counted and timed on one machine.
type ShardFigures struct {
	Interrupted bool `json:"interrupted,omitempty"`
	// Set where the scenario ended it early.
	Stopped   *Stopped  `json:"stopped,omitempty"`
	Requests  Requests  `json:"requests"`
	Response  Times     `json:"response_ms"`
	Service   Times     `json:"service_ms"`
	Generator Generator `json:"generator"`
}

// OneShard says that a report is of one shard only.
type OneShard struct {
	Index int `json:"index"`
	Count int `json:"count" schema:"minimum=1"`
}

func shards(m *measure.Merged) (all []Shard) {
	if m == nil {
		return nil
	}
	for _, p := range m.Parts {
		all = append(all,
			Shard{Index: p.Index, Doubts: doubtsOf(&p.Generator, p.Own), ShardFigures: shardFigures(p)})
	}
	for _, i := range m.Missing() {
		lost := Shard{Index: i, Lost: "nothing of it was received", Doubts: []string{}}
		for _, l := range m.Lost {
			if l.Index == i {
				lost.Lost = l.Why
				if l.Last != nil {
					lost.ShardFigures = shardFigures(l.Last)
				}
			}
		}
		all = append(all, lost)
	}
	slices.SortFunc(all, func(a, b Shard) int { return a.Index - b.Index })
	return all
}

func shardFigures(p *measure.Part) *ShardFigures {
	sent := p.Sent()
	response, service := p.Waits(false), p.Waits(true)
	f := &ShardFigures{
		Interrupted: p.Interrupted,
		Requests: Requests{Scheduled: p.Scheduled, Sent: sent, Answered: p.Answered, AsExpected: p.Clean,
			Unexpected: p.Answered - p.Clean - p.Violating,
			Violating:  p.Violating, RateLimited: p.RateLimited, Failed: p.Failed,
			Unsent: p.Scheduled - sent},
		Response: waits(&response), Service: waits(&service),
		Generator: generator(&p.Generator, p.Own, shardWorkers(p)),
	}
	if p.Stopped != nil {
		f.Stopped = newStopped(p.Stopped)
	}
	return f
}

// stoppedShards says which shards the scenario ended, and why: each is ended by
// what it saw itself. It is empty where nobody knows of which shard it was.
func (j *assessment) stoppedShards() (texts []string) {
	m := j.measurement.Merged
	if m == nil {
		return nil
	}
	for _, p := range m.Parts {
		switch {
		case p.Stopped == nil:
		case len(texts) < maxNamed:
			texts = append(texts, fmt.Sprintf("shard %d %s", p.Index, stopText(p.Stopped)))
		case len(texts) == maxNamed:
			texts = append(texts, "more shards stopped: see report.json")
		}
	}
	return texts
}

func (j *assessment) lostTooMany() bool {
	m := j.measurement.Merged
	return m != nil && float64(len(m.Missing())) > m.TolerateLost*float64(m.Count)
}

// workersNeeded is Little's law.
func workersNeeded(scheduled uint64, planned time.Duration, service *measure.Histogram) int {
	return int(math.Ceil(ratio(scheduled, planned.Seconds()) * service.Mean().Seconds()))
}

// shardWorkers is that of a shard. What was refused took no worker for long.
func shardWorkers(p *measure.Part) int {
	busy := p.Service.Sum()
	if p.Failures != nil {
		busy += p.Failures.Service.Sum()
	}
	return int(math.Ceil(ratio(p.Scheduled, p.Planned.Seconds()) * busy / float64(max(p.Sent(), 1))))
}

// doubtShards doubts a run of which shards are lost, or whose generators could
// not keep their schedules on some of the machines: the others do not make up
// for them.
func (j *assessment) doubtShards() {
	m := j.measurement.Merged
	if m == nil {
		return
	}
	if lost := lostTexts(m); len(lost) > 0 {
		if !j.lostTooMany() {
			j.report.Degraded = true
			lost[0] = "degraded: " + lost[0]
			j.report.Reasons = append(j.report.Reasons, lost...)
		} else {
			j.doubts = append(j.doubts, lost...)
		}
	}
	for _, s := range j.report.Shards {
		for _, d := range s.Doubts {
			j.doubts = append(j.doubts, fmt.Sprintf("shard %d: %s", s.Index, d))
		}
	}
}

const maxNamed = 8

// lastTold bounds what the service saw of a lost shard beyond its last figures:
// workers tell them every 2 s, and stop their load once they hear nothing for 3 s.
const lastTold = "the last figures of a lost shard are up to 2 s old: its worker sent up to 2 s of its " +
	"load more, up to 5 s if it was cut off or stood still, and what was in flight"

func lostTexts(m *measure.Merged) (texts []string) {
	missing := m.Missing()
	if len(missing) == 0 {
		return nil
	}
	texts = append(texts,
		fmt.Sprintf("%d of %d shards %s lost, and what they sent is in no figure: %s", len(missing), m.Count,
			isAre(len(missing)), indices(missing)))
	if slices.ContainsFunc(m.Lost, func(l measure.LostShard) bool { return l.Last != nil }) {
		texts = append(texts, lastTold)
	}
	for i, l := range m.Lost {
		switch {
		case i == maxNamed:
			return append(texts, fmt.Sprintf("%d more in report.json", len(m.Lost)-maxNamed))
		case l.Index < 0:
			texts = append(texts, l.Why)
		default:
			texts = append(texts, fmt.Sprintf("shard %d: %s", l.Index, l.Why))
		}
	}
	return texts
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func indices(list []int) string {
	var texts []string
	for i, n := range list {
		if i == maxNamed {
			texts = append(texts, "…")
			break
		}
		texts = append(texts, strconv.Itoa(n))
	}
	if len(list) == 1 {
		return "shard " + texts[0]
	}
	return "shards " + strings.Join(texts, ", ")
}

func (j *assessment) interruptedText() string {
	m := j.measurement
	if m.Merged != nil {
		var stopped []int
		for _, p := range m.Merged.Parts {
			if p.Interrupted {
				stopped = append(stopped, p.Index)
			}
		}
		if len(stopped) < len(m.Merged.Parts) {
			return fmt.Sprintf("%s of %d stopped before the end of the schedule: only what was due by then "+
				"is counted of them", indices(stopped), m.Merged.Count)
		}
	}
	return fmt.Sprintf("stopped %.1f s into the schedule: only what was due by then is counted",
		lasted(m).Seconds())
}

func (j *assessment) oneShard() {
	if of := j.measurement.Shard; of != nil {
		j.report.Shard = &OneShard{of.Index, of.Count}
		j.report.Reasons = append(j.report.Reasons, fmt.Sprintf(
			"this is shard %d of %d of the run %s, judged alone: the run's verdict is that of 'mfaload "+
				"merge' over all of them", of.Index, of.Count, of.Run))
	}
}

func runOf(m *measure.Measurement) string {
	switch {
	case m.Shard != nil:
		return m.Shard.Run
	case m.Merged != nil:
		return m.Merged.Run
	}
	return ""
}
