package plan

import (
	"math"

	"mfaload/measure"
)

// Resources are about how much memory and disk a run takes, in bytes: of one process, or of
// the coordinator of several. What the constants are from is in docs/performance.md.
type Resources struct {
	// Memory is that of the process, its results being made included.
	Memory uint64 `json:"memory_bytes"`
	// Journal is what the results folder holds while the run lasts, Results what is
	// left in it: for a moment both are there.
	Journal uint64 `json:"journal_bytes"`
	Results uint64 `json:"results_bytes"`
	// Temporary is what the folder of temporary files holds while results are made.
	Temporary uint64 `json:"temporary_bytes"`
}

// Folder is the most that the results folder holds.
func (n *Resources) Folder() uint64 { return n.Journal + n.Results }

// What a process takes in any case: the program, the rules over the run, seconds that
// are in memory, and buffers.
const baseMemory = 110 << 20

// Share says how many processes share the run.
func (p *RunPlan) Share(shards int) {
	p.Shards, p.Coordinator = max(shards, 1), nil
	p.Needs = p.Resources(p.Shards)
	if p.Shards > 1 {
		coordinator := p.CoordinatorResources(p.Shards)
		p.Coordinator = &coordinator
	}
}

// Resources returns what one of several shards of a planned run takes.
func (p *RunPlan) Resources(shards int) Resources {
	share := float64(max(shards, 1))
	seconds, rate := p.Duration, float64(p.Requests)/max(p.Duration, 1)/share
	groups := float64(len(p.Groups))
	n := Resources{Memory: baseMemory, Results: 2 << 20}
	// Each second has a state of the run, and ends that are written out once.
	n.Journal = toBytes(float64(p.Requests)/share*15 + seconds*(2100+25*groups+45*min(rate, groups)))
	packed, spilled := 3*packedTimes(rate), 3*spilledTimes(rate)
	if groups > 1 {
		for _, g := range p.Groups {
			of := float64(g.Requests) / max(p.Duration, 1) / share
			packed, spilled = packed+2*packedTimes(of), spilled+2*spilledTimes(of)
		}
	}
	logged := 2*60*math.Pow(max(rate, 1), 0.44) + 250 // latency.hlog, and series.csv where it is wanted
	n.Results += toBytes(seconds * (packed + logged))
	if n.Temporary = toBytes(seconds * spilled); n.Temporary < measure.HeldSeconds {
		n.Temporary = 0
	}
	// Two kinds of responses of each group, recorded by two stripes.
	n.Memory += toBytes(groups * 2 * 2 * 0.6 * (1 << 20))
	n.Memory += toBytes(float64(p.inFlight())/share*16*(1<<10) + seconds*perSecond)
	return n
}

// perSecond is what each second of a run takes of memory, while results are made.
const perSecond = 400

// inFlight is the most requests that are in flight, a stall included.
func (p *RunPlan) inFlight() int {
	if w := &p.Workers; !p.Closed && w.Workers > 0 {
		return min(max(w.Stalled, w.Needed), w.Workers)
	} else if !p.Closed {
		return max(w.Stalled, w.Needed)
	}
	return p.Workers.Workers
}

// CoordinatorResources returns what the coordinator of a planned run takes: it holds
// what each shard measured, and makes the results of all.
func (p *RunPlan) CoordinatorResources(shards int) Resources {
	of, all := p.Resources(shards), p.Resources(1)
	held := min(toBytes(p.Duration*3*spilledTimes(float64(p.Requests)/max(p.Duration, 1)/float64(shards))),
		measure.HeldSeconds)
	n := Resources{Results: all.Results, Temporary: uint64(shards)*of.Temporary + all.Temporary +
		min(uint64(shards), 8)*of.Results}
	n.Memory = baseMemory + uint64(shards)*(held+toBytes(p.Duration*perSecond/4)) +
		toBytes(p.Duration*perSecond)
	return n
}

// packedTimes is how many bytes of measurement.json.gz the times of so many requests
// in a second take, spilledTimes how many of a temporary file: fewer for each, the more
// there are.
func packedTimes(requests float64) float64 {
	return 45 * min(requests, 1) * math.Pow(max(requests, 1), 0.43)
}

func spilledTimes(requests float64) float64 {
	return min(requests, 1) * (20 + 9*math.Pow(max(requests, 1), 0.67))
}

func toBytes(n float64) uint64 { return uint64(min(max(n, 0), math.MaxInt64)) }
