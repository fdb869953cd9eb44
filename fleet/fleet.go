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
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"mfaload/measure"
	"mfaload/runner"
	"mfaload/scenario"
)

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
	// Version of mfaload, and the scenario's hash: workers must have the same.
	Version, Hash string
	// Scenario is the scenario's name.
	Scenario string
	// Labels are what the run was given to be found by.
	Labels measure.RunLabels
	// Shards is how many parts there are, from 1 to 1000.
	Shards int
	// Responses is how many whole responses are kept of each group of violations.
	Answers int
	// Length is the time from the start to the end of the schedule; 0 is not known. Drain is
	// how long requests in flight are waited for after it. A worker whose load goes on for
	// longer is told to stop, and is then lost.
	Length, Drain time.Duration
	// StopOn end the run; they are compared with the sums of all shards.
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
	// Responses is how many whole responses are kept of each group of violations.
	Answers int
	// Dir holds the coordinator's files, of these names, until the run is over.
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
	// Prepare does what can fail before the start: tokens, a look at the target.
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
	Snapshot() *Snapshot
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
		return fmt.Errorf("%.60q is not a run name: write letters, digits, _ and -, at most 48", name)
	}
	return nil
}

// message is what travels. Who has the run's token may send anything: what would
// have the other end run out of memory, or write what is no text, is refused.
type message interface {
	hello | planMessage | fileChunk | claim | grant | offer | receipt | runState | beat
	check() error
}

// What messages have at most, in bytes and entries. All senders keep to it.
const (
	maxMessage = 1 << 20
	maxText    = 4000
	maxHost    = 255
	maxFiles   = 4096
	maxCount   = 1 << 48
	maxSpread  = time.Hour
	// maxFilesSize bounds what all files of a run take on a worker's disk, minFinal what the
	// packed measurement of one shard may take of the coordinator's in any case.
	maxFilesSize = 1 << 30
	minFinal     = 256 << 20
)

func tidy(text string) string { return cut(text, maxText) }

func cut(text string, limit int) string {
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.Join(strings.Fields(text), " "))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
	}
	return text
}

var (
	errText = errors.New("a text is too long, or holds control characters")
	errSize = errors.New("a number is out of range")
)

func plain(limit int, all ...string) bool {
	return !slices.ContainsFunc(all, func(text string) bool {
		return len(text) > limit ||
			strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
	})
}

func (h hello) check() error {
	if !plain(maxHost, h.Version, h.Host) {
		return errText
	}
	return nil
}

// check lets the plan of another protocol pass: the worker then says so.
func (p planMessage) check() error {
	switch {
	case !plain(maxHost, p.Version, p.Scenario, p.Hash, p.Epoch) || !plain(maxText, p.Withheld):
		return errText
	case p.Protocol != protocol:
		return nil
	case p.Shards < 1 || p.Shards > measure.MaxShards || p.Answers < 0 || p.Answers > measure.Instances ||
		p.Spread < 0 || p.Spread > maxSpread || len(p.Files) > maxFiles:
		return errSize
	}
	if err := p.Labels.Check(); err != nil {
		return err
	}
	var size int64
	for _, f := range p.Files {
		if size += f.Size; f.Size < 0 || size < 0 || size > maxFilesSize {
			return fmt.Errorf("its files have more than %d MiB", maxFilesSize>>20)
		}
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != 32 ||
			!filepath.IsLocal(filepath.FromSlash(f.Name)) || !plain(maxText, f.Name) {
			return errors.New("a file has no name or checksum that could be")
		}
	}
	return nil
}

func (s runState) check() error {
	if !plain(maxText, s.Why) || !plain(maxHost, s.Epoch) ||
		s.Stop != nil && !plain(maxText, s.Stop.Condition, s.Stop.Observed) {
		return errText
	}
	if !slices.Contains([]runPhase{gathering, arming, going, stopping, cancelled, done}, s.Phase) {
		return errors.New("it has an unknown phase")
	}
	if len(s.Out) > measure.MaxShards {
		return errSize
	}
	return nil
}

func (b beat) check() error {
	switch {
	case !plain(maxHost, b.Host) || !plain(maxText, b.Why):
		return errText
	case !slices.Contains([]workerStage{refused, claimed, ready, armed, running, delivering, delivered,
		gone, left}, b.Stage):
		return errors.New("it has an unknown stage")
	case b.Shard < AnyShard || b.Shard >= measure.MaxShards || b.RoundTrip < 0 || b.RoundTrip > time.Hour:
		return errSize
	case b.Snapshot != nil && !b.Snapshot.sound():
		return errors.New("its figures do not add up")
	}
	return nil
}

func (p fileChunk) check() error {
	if p.File < 0 || p.File >= maxFiles || p.Offset < 0 || p.Offset > maxFilesSize {
		return errSize
	}
	return nil
}

func (c claim) check() error {
	switch {
	case !plain(maxHost, c.Host, c.Hash):
		return errText
	case c.Shard < AnyShard || c.Shard >= measure.MaxShards:
		return errSize
	}
	return nil
}

func (g grant) check() error {
	switch {
	case !plain(maxText, g.Refused):
		return errText
	case g.Shard < AnyShard || g.Shard >= measure.MaxShards:
		return errSize
	}
	return nil
}

func (o offer) check() error {
	switch {
	case !plain(maxHost, o.SHA256):
		return errText
	case o.Size < 1 || o.Offset < 0 || o.Offset > o.Size:
		return errSize
	}
	return nil
}

func (r receipt) check() error {
	switch {
	case !plain(maxText, r.Refused):
		return errText
	case r.Next < 0 || r.Next > maxCount:
		return errSize
	}
	return nil
}
