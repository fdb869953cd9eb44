// Package fleet makes many machines one load run, over NATS. A coordinator
// publishes the plan, workers claim a shard of the schedule each, all begin at
// one time, and the coordinator gets one measurement from every shard.
//
// What is broadcast is a state and never an event: it is said again every half
// a second, so that a message that is lost is made up for by the next one.
// Who was silent for longer than a limit is out of the run for good: a worker that heard
// nothing for three seconds, or stood still itself, stops its load, and the coordinator takes
// nothing of a shard any more that it has named as lost.
//
// Nothing is kept on the server. The coordinator alone gives out shards, hands out the files,
// and takes in the measurements, each within a bound.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

// protocol is the version of what coordinator and workers say to each other.
const protocol = 2

// Times that the two ends count on.
const (
	// beatEvery is how often each end says how it is.
	beatEvery = 500 * time.Millisecond
	// snapshotEvery is how often a worker says how far it has come.
	snapshotEvery = 2 * time.Second
	// silence is how long a worker hears nothing, or stands still, before it stops its load;
	// missing how long it is not heard of before it is out, so that it is named within 3 s.
	silence = 3 * time.Second
	missing = 2500 * time.Millisecond
	// startLead is the time from arming to the start, and margin how long before it
	// all must be armed.
	startLead = 2 * time.Second
	margin    = 500 * time.Millisecond
)

// Plan is what a coordinator wants to be run.
type Plan struct {
	// Run names the run: see [CheckRun].
	Run string
	// Version of mfaload, and the hash of the scenario: workers must have the
	// same ones.
	Version, Hash string
	// Scenario is the scenario's name.
	Scenario string
	// Labels are what the run was given to be found by.
	Labels measure.RunLabels
	// Shards is how many parts there are, from 1 to 1000.
	Shards int
	// Answers is how many whole answers are kept of each group of violations.
	Answers int
	// Length is the time from the start to the end of the schedule; 0 is not known. Drain is
	// how long requests in flight are waited for after it. A worker whose load goes on for
	// longer is told to stop, and is then lost.
	Length, Drain time.Duration
	// StopOn are the conditions that end the run; they are held against the sums
	// of all shards.
	StopOn []scenario.StopCondition
	// MaxFinal is how many bytes the packed measurement of a shard may have: several times
	// what it is expected to. Less than 256 MiB stands for that.
	MaxFinal int64
	// Spread is the time over which the workers spread what they do before the
	// start, such as fetching tokens.
	Spread time.Duration
	// Files are what workers need. Where there is no file of the scenario, Withheld says
	// why its text does not travel, and workers must have it.
	Files    []PlanFile
	Withheld string
}

func (p *Plan) maxFinal() int64 { return max(p.MaxFinal, minFinal) }

// PlanFile is a file that travels to the workers.
type PlanFile struct {
	// Name is what the worker calls it, a relative path with slashes.
	Name string
	// Path is where the coordinator reads it.
	Path string
}

// Offer is what a worker is asked to take part in.
type Offer struct {
	// Run and Scenario are the names of both.
	Run, Scenario string
	// Labels are what the run was given to be found by.
	Labels measure.RunLabels
	// Answers is how many whole answers are kept of each group of violations.
	Answers int
	// Dir holds the files that came from the coordinator, of these names. It is gone
	// after the run.
	Dir   string
	Files []string
	// Withheld says why the scenario is not among them; empty where it is.
	Withheld string
}

// WorkerScenario is a scenario as a worker read it.
type WorkerScenario struct {
	// Hash is that of the scenario, for the coordinator to compare.
	Hash string
	// SnapshotEvery is how often a snapshot is wanted; 0 for every 2 s.
	SnapshotEvery time.Duration
	// Shard makes a shard of it.
	Shard func(measure.Shard) (ShardRun, error)
}

// ShardRun is a worker's shard of a run.
type ShardRun interface {
	// Prepare does what can fail before the start: tokens, a first look at the
	// target.
	Prepare(context.Context) error
	// Run sends the shard's requests from start.At on, a time of the worker's own clock,
	// until the context ends. What sends has to ask start.MaySend before each request, and
	// to stop as if it was interrupted once that says no.
	Run(ctx context.Context, start runner.Start) (*measure.Measurement, error)
	// Stop ends the load, as failed, for a reason that the coordinator found. It
	// may be called more than once, and before and after Run.
	Stop(measure.Stop)
	// Snapshot says how far it has come. It is called by one goroutine while
	// Run runs, and after it.
	Snapshot() (*Snapshot, error)
	// Keep writes down what was measured, before it travels.
	Keep(*measure.Measurement) error
	// Close gives up what it holds.
	Close()
}

// Errors that callers tell apart.
var (
	// ErrMismatch says that a worker has another version or another scenario
	// than the coordinator.
	ErrMismatch = errors.New("not the same run")
	// ErrNotStarted says that nothing was sent.
	ErrNotStarted = errors.New("not started")
	// ErrCutOff says that a worker measured something that is not in the
	// coordinator's result.
	ErrCutOff = errors.New("cut off from the run")
)

var runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,47}$`)

// CheckRun says whether a text can name a run.
func CheckRun(name string) error {
	if !runName.MatchString(name) {
		return fmt.Errorf("%.60q is no name of a run: write letters, digits, _ and -, at most 48", name)
	}
	return nil
}
