// Package session measures a scenario: it joins the operation, the runner, the journal
// and the results folder, for a run, for a trial of a search and for a worker of a
// fleet alike.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/internal/machine"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/measure"
	"mfaload/pingone"
	"mfaload/runner"
	"mfaload/runner/plan"
	"mfaload/scenario"
)

// Provenance says what a measurement is of, beyond what a runner knows.
type Provenance struct {
	Version string
	// Labels are what the run was given to be found by.
	Labels measure.RunLabels
	// Parts identify what runs must have in common to be compared, by name.
	Parts map[string]string
	// Terms are what the measurement is judged by; see [report.Terms].
	Terms json.RawMessage
}

func (p *Provenance) stamp(m *measure.Measurement) {
	m.Version, m.Labels, m.Parts, m.Terms = p.Version, p.Labels, p.Parts, p.Terms
}

// Session is one run of a scenario, or of a part of one, in this process.
type Session struct {
	// Runner sends the requests.
	Runner  *runner.Runner
	sampler *shapeSampler
	folder  *Folder
	tell    func(format string, args ...any)
}

// New prepares a run whose journal is kept in a results folder. It sets the operation and
// the rules of the config. Tell prints a line for the person who started it.
func New(c runner.Config, op *pingone.Operation, folder *Folder,
	tell func(format string, args ...any)) *Session {
	sampled := &shapeSampler{Operation: op}
	c.Operation = sampled
	for _, rule := range op.Contract().Rules() {
		c.Rules = append(c.Rules, rule.Name)
	}
	for _, rule := range op.StepRules() {
		c.StepRules = append(c.StepRules, rule.Name)
	}
	return &Session{Runner: runner.New(c), sampler: sampled, folder: folder, tell: tell}
}

// Run sends the requests and returns what was measured, with its provenance; see
// [runner.Runner.Run]. It sets the journal of the start.
func (s *Session) Run(ctx context.Context, how runner.Start) (*measure.Measurement, error) {
	about := &s.folder.Provenance
	about.Labels = about.Labels.Hide(s.sampler.Hide)
	journal, failed, closeJournal := s.folder.journal(s.tell)
	defer closeJournal()
	how.Journal, how.JournalFailed = journal, failed
	m, err := s.Runner.Run(ctx, how)
	if err != nil {
		return nil, err
	}
	m.Shapes = s.sampler.shapes
	about.stamp(m)
	return m, nil
}

// maxSamples bounds the responses of a second whose shape is looked at: it costs
// about 50 µs each.
const maxSamples = 20

// shapeSampler is an operation that keeps what a sample of its responses looked like,
// so that two runs can be compared in that too.
type shapeSampler struct {
	*pingone.Operation
	seen, second, taken atomic.Int64

	mu     sync.Mutex
	shapes measure.Shapes
}

// Check judges a response and may learn its shape, when no time is measured.
func (s *shapeSampler) Check(u scenario.User, ex *contract.Exchange,
	dst []contract.Violation) []contract.Violation {
	dst = s.Operation.Check(u, ex, dst)
	if s.wanted(ex) {
		facts := contract.ShapeFacts(ex, s.Hide)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shapes.Learn(strings.Clone(ex.Label), facts)
	}
	return dst
}

// Follow implements [runner.FlowOperation].
func (s *shapeSampler) Follow(ex *contract.Exchange) runner.FollowedTransaction {
	if t := s.Operation.Follow(ex); t != nil {
		return t
	}
	return nil
}

// wanted takes every response while there are few, and one in eight of many. Users
// are asked in turn, so that every eighth would always be the same ones': the
// number is scrambled.
func (s *shapeSampler) wanted(ex *contract.Exchange) bool {
	n := uint64(s.seen.Add(1))
	if n > 200 && n*0x9E3779B97F4A7C15>>61 != 0 {
		return false
	}
	if now := ex.Received.Unix(); s.second.Swap(now) != now {
		s.taken.Store(0)
	}
	return s.taken.Add(1) <= maxSamples
}

// spareDescriptors are the files that a run opens in addition to its connections: those
// of the results, of users, of the live view, and those of the runtime.
const spareDescriptors = 32 + live.MaxConnections

// connections is how many connections a run may have open at once, on both ends
// where it is its own target. Where the scenario has no number of workers they are
// as many as there is room for: it needs one.
func connections(s *scenario.Scenario) uint64 {
	n, most := max(uint64(s.Load.Workers), 1), uint64(s.Target.Connections.Max)
	switch {
	case s.Target.Protocol == scenario.HTTP2:
		n = max(most, 1)
	case most > 0:
		n = min(n, most)
	}
	if s.Target.Simulator != nil {
		n *= 2
	}
	return n
}

// EnoughDescriptors finds a run that would come to its limit of open files in the
// middle: its requests would fail, and not for the service's fault. Others run at the same
// time in this process. The error is a [NotStartedError].
func EnoughDescriptors(s *scenario.Scenario, others ...*scenario.Scenario) error {
	limit, known := machine.MaxFiles()
	connected := connections(s)
	for _, other := range others {
		connected += connections(other)
	}
	needed := connected + spareDescriptors
	if !known || needed <= limit {
		return nil
	}
	remedy := fmt.Sprintf("raise the limit, for example with 'ulimit -n %d'", needed)
	what, key, n := "workers", "load.workers", s.Load.Workers
	if most := s.Target.Connections.Max; most > 0 && (most < n || s.Target.Protocol == scenario.HTTP2) {
		what, key, n = "connections", "target.connections", most
	}
	if limit > 2*spareDescriptors && (what == "connections" || s.Target.Protocol != scenario.HTTP2) {
		remedy += fmt.Sprintf(", or lower %s to at most %d", key,
			uint64(n)*(limit-spareDescriptors)/connected)
	}
	return &NotStartedError{fmt.Errorf("not started: %d %s take up to %d open files, and "+
		"this process may have %d\n%s", n, what, needed, limit, text.Hint("%s", remedy))}
}

// WarnOfDisk says that a run has less room than it needs, about. It is no reason to
// refuse the run: the need is an estimate, room may come while it lasts, and a run goes
// on without its journal.
func WarnOfDisk(dir *Folder, need *plan.Resources, tell func(format string, args ...any)) {
	for _, place := range []struct {
		name, path string
		need       uint64
		without    string
	}{
		{"the results folder", dir.Path(), need.Folder(), "choose another one with --out; without it the " +
			"journal ends early, or results can't be written"},
		{"the folder of temporary files", os.TempDir(), need.Temporary,
			"set TMPDIR to another one; without it the seconds of the run stay in memory"},
	} {
		if free, known := machine.FreeDisk(place.path); known && free < place.need {
			tell("mfaload: the run needs about %s in %s %s, and %s are free: make room, or %s\n",
				number.Bytes(place.need), place.name, place.path, number.Bytes(free), place.without)
		}
	}
}

// Plan returns the plan of a scenario, with when its token ends; see [plan.New].
func Plan(s *scenario.Scenario, latency time.Duration) *plan.RunPlan {
	p := plan.New(s, latency)
	if at, known := pingone.TokenEnds(&s.Target); known {
		p.TokenEnds = &at
	}
	return p
}

// PlanHere is [Plan] with the workers that this machine allows.
func PlanHere(s *scenario.Scenario, latency time.Duration) *plan.RunPlan {
	p := Plan(s, latency)
	p.Bind(runner.WorkersBound(s, 1))
	return p
}

// Resources are what one of several processes on machines like this one needs that share a run.
func Resources(s *scenario.Scenario, shards int) *plan.Resources {
	p := PlanHere(s, 0)
	p.Share(shards)
	return &p.Needs
}

// garbageShare is how much garbage may lie on the heap, in percent of what is in
// use. A run keeps tens of megabytes and makes hardly any garbage, so looking
// for it early costs next to nothing, and saves half of the memory.
const garbageShare = 15

// KeepHeapSmall has garbage looked for early, until the returned function is called;
// not where GOGC says when.
func KeepHeapSmall(lookup func(string) (string, bool)) (restore func()) {
	if set, _ := lookup("GOGC"); set != "" {
		return func() {}
	}
	before := debug.SetGCPercent(garbageShare)
	return func() { debug.SetGCPercent(before) }
}

// The files and folders that a search for capacity keeps in its results folder, next
// to the results folders of its trials.
const (
	// SearchFile says with what a search was begun. It is locked while the search lasts.
	SearchFile   = "search.json"
	CapacityFile = "capacity.json"
	CapacityPage = "capacity.html"
	TrialsFolder = "trials"
	SoakFolder   = "soak"
	// TrialFile says what a trial is. It is written before the first request of the
	// trial, and again when all that it measured is safe: a trial that was interrupted
	// in between is no evidence, but its users were asked.
	TrialFile = "trial.json"
)

// LockSearch keeps others from a search until the file is closed.
func LockSearch(path string) (*os.File, error) {
	file := filepath.Join(path, SearchFile)
	if info, err := os.Stat(file); err == nil && (!info.Mode().IsRegular() || info.Size() > MaxRecord) {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes: mfaload did not write it", file,
			MaxRecord)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := disk.Lock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: the search is running in another process\n%s", path,
			text.Hint("wait until it ends, or stop it"))
	}
	return f, nil
}

// HoldsSearch says whether a folder has a search.
func HoldsSearch(path string) bool {
	for _, name := range []string{CapacityFile, SearchFile} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return true
		}
	}
	return false
}

func (f *Folder) clearSearch() error {
	names := []string{TrialsFolder, CapacityFile, CapacityPage, SearchFile}
	soaks, err := fs.Glob(os.DirFS(f.path), SoakFolder+"*/"+TrialFile)
	for _, name := range soaks {
		names = append(names, filepath.Dir(name))
	}
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(f.path, name)))
	}
	return err
}
