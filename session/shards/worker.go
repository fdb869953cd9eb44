package shards

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/runner/schedule"
	"mfaload/session"
)

// Participant is this machine's part in a run that a coordinator leads. It takes part once.
type Participant struct {
	// Fleet says how to join, and what this machine is called. What reads the scenario is set here.
	Fleet fleet.Worker
	// JoinFile, where it is not empty, says where the server is. It is waited for.
	JoinFile string
	// File is the scenario's; empty for the coordinator's.
	File string
	// Loader reads the scenario, and the values of its variables.
	Loader *session.Loader
	// Pins are the hosts that the load may go to.
	Pins HostPins
	// Out is the results folder, as for [session.NewFolder].
	Out       string
	Overwrite bool
	// NameUser is how rows of requests know users, which has the worker keep them; nil for no rows.
	NameUser func(userID string) string
	// Tell prints a line for people.
	Tell func(format string, args ...any)

	inputs *session.Inputs
	folder atomic.Pointer[session.Folder] // once it has a shard
}

// Kept says what a worker that quits at once leaves of its shard.
func (w *Participant) Kept() string {
	if dir := w.folder.Load(); dir != nil {
		return dir.Kept()
	}
	return "nothing was measured yet"
}

// Folder is the results folder; nil before the worker has a shard.
func (w *Participant) Folder() *session.Folder { return w.folder.Load() }

// Close gives up the scenario.
func (w *Participant) Close() {
	if w.inputs != nil {
		_ = w.inputs.Scenario.Close()
	}
}

// Work takes part in the run; see [fleet.Worker.Work]. An error that is a [session.NotStartedError]
// says that this machine could not begin.
func (w *Participant) Work(ctx context.Context) error {
	w.Fleet.Load = w.load
	if w.JoinFile != "" {
		began := time.Now()
		join, err := awaitJoin(ctx, w.JoinFile, w.Fleet.Within)
		if err != nil {
			return err
		}
		w.Fleet.Join, w.Fleet.Within = join, w.Fleet.Within-time.Since(began)
	}
	return w.Fleet.Work(ctx)
}

// awaitJoin reads the join file. It is waited for: coordinator and workers are
// started at the same time.
func awaitJoin(ctx context.Context, path string, within time.Duration) (*fleet.Join, error) {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		data, err := disk.Read(path, maxIdentity)
		if err == nil {
			j, err := fleet.ParseJoin(data)
			if err != nil {
				return nil, fmt.Errorf("read the join file %s: %w\n%s", path, err,
					text.Hint("take the one that 'mfaload coordinate --join-file' wrote"))
			}
			return j, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read the join file: %w", err)
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%w: there is no join file %s: is the coordinator up, with --join-file?",
				fleet.ErrNotStarted, path)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (w *Participant) load(_ context.Context, offer fleet.Offer) (*fleet.WorkerScenario, error) {
	inputs, err := w.unpack(offer)
	if err != nil {
		return nil, err
	}
	w.inputs = inputs
	read := &fleet.WorkerScenario{Hash: inputs.Scenario.Hash(),
		Shard: func(of measure.Shard) (fleet.ShardRun, error) { return w.newShardRun(offer, of) }}
	if len(inputs.Scenario.Load.StopOn) > 0 {
		read.SnapshotEvery = time.Second
	}
	return read, nil
}

func (w *Participant) newShardRun(offer fleet.Offer, of measure.Shard) (fleet.ShardRun, error) {
	s := w.inputs.Scenario
	if err := schedule.CheckShard(s, of); err != nil {
		return nil, err
	}
	if err := session.EnoughDescriptors(s); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s-%s-%dof%d", s.Name, offer.Run, of.Index, of.Count)
	dir, err := session.NewFolder(name, w.Out, w.Overwrite)
	if err != nil {
		return nil, err
	}
	w.folder.Store(dir)
	dir.Describe(s, session.Provenance{Version: w.Fleet.Version, Labels: offer.Labels,
		Parts: w.inputs.Parts, Terms: report.TermsOf(s).Encode()}, session.Formats{})
	session.WarnOfDisk(dir, session.Resources(s, of.Count), w.Tell)
	dir.KeepJournal = w.NameUser != nil
	if err := dir.Clear(); err != nil {
		return nil, err
	}
	return &workerShard{worker: w, inputs: w.inputs, dir: dir, shard: of, answers: offer.Answers}, nil
}

type workerShard struct {
	worker  *Participant
	inputs  *session.Inputs
	dir     *session.Folder
	shard   measure.Shard
	answers int // whole ones to keep, of each group of violations
	stop    func()
	session *session.Session
	soFar   func() *measure.Part
	guard   *runner.Guard  // the coordinator's conditions
	ticks   *measure.Ticks // nil where nothing ends the run
	lately  []measure.Tick
	second  int64 // of the last one
}

// Prepare gets the token and looks at the target.
func (p *workerShard) Prepare(ctx context.Context) error {
	s := p.inputs.Scenario
	op, stop, err := session.Operation(s, p.inputs.Contract)
	if err != nil {
		return err
	}
	p.stop = stop
	if err := op.Preflight(ctx); err != nil {
		return err
	}
	// Unguarded, because the coordinator judges all shards together.
	config := runner.Config{Scenario: s, SaveAnswers: p.answers, Shard: &p.shard, Unguarded: true,
		NameUser: p.worker.NameUser}
	p.session = session.New(config, op, p.dir, p.worker.Tell)
	r := p.session.Runner
	p.soFar = r.Snapshots()
	if len(s.Load.StopOn) > 0 {
		p.guard = runner.NewGuard(s.Load.StopOn)
		p.ticks = r.Ticks(p.guard.Requests())
	}
	return nil
}

// Run sends the shard's requests.
func (p *workerShard) Run(ctx context.Context, start runner.Start) (*measure.Measurement, error) {
	defer session.KeepHeapSmall(p.worker.Loader.Lookup)()
	return p.session.Run(ctx, start)
}

// Snapshot says how far the run has come.
func (p *workerShard) Snapshot() *fleet.Snapshot {
	r, soFar := p.session.Runner, p.soFar()
	now := r.Progress()
	s := &fleet.Snapshot{Elapsed: now.Elapsed, Progress: now.Progress, InFlight: now.InFlight,
		Planned: r.Schedule().Due(), SoFar: soFar}
	if p.ticks == nil {
		return s
	}
	if second := int64(now.Elapsed.Round(time.Second) / time.Second); second > p.second {
		p.second, p.lately = second, fleet.Keep(p.lately, p.ticks.Take(now.Elapsed))
	}
	if s.Ticks = p.lately; p.guard.Requests() {
		s.Own = r.Own(fleet.OwnFrom(now.Elapsed))
	}
	return s
}

// Stop ends the load for a reason that the coordinator found.
func (p *workerShard) Stop(why measure.Stop) {
	if p.session != nil {
		p.session.Runner.Stop(why)
	}
}

// Keep writes the shard's own results.
func (p *workerShard) Keep(m *measure.Measurement) error {
	r, err := report.Judge(m)
	if err != nil {
		return err
	}
	if err := p.dir.Write(r, m, session.Formats{}); err != nil {
		return err
	}
	p.worker.Fleet.Say("what was measured is in %s", filepath.Join(p.dir.Path(), session.MeasurementFile))
	return nil
}

// Close ends the simulator, if there is one.
func (p *workerShard) Close() {
	if p.stop != nil {
		p.stop()
	}
}

// Processes are the workers of a run whose shards are processes of this machine.
type Processes struct {
	all    []*exec.Cmd
	failed chan error
	ended  sync.WaitGroup
	say    func(format string, args ...any)
}

// StartProcesses starts 'PROGRAM worker' for each shard, with results folders in a folder, and has
// the coordinator hear of those that fail. They are no part of this process's group: an interrupt
// from the keyboard is the coordinator's alone. Flags are more for all of them. The error is a
// [session.NotStartedError].
func StartProcesses(c *fleet.Coordinator, program, scenarioFile, joinFile, folder string,
	flags ...string) (*Processes, error) {
	p := &Processes{failed: make(chan error, c.Plan.Shards), say: c.Say}
	c.Fail = p.failed
	for i := range c.Plan.Shards {
		index := strconv.Itoa(i)
		// #nosec G204 -- mfaload itself, with names of its own
		child := exec.Command(program, slices.Concat([]string{"worker", "--quiet", "--join-file", joinFile,
			"--shard", index, "--start-within", "2m", "--out", filepath.Join(folder, index), "--overwrite"},
			flags, []string{scenarioFile})...)
		ownProcessGroup(child)
		said, err := child.StderrPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			p.End()
			return nil, &session.NotStartedError{Err: fmt.Errorf("start worker %d: %w", i, err)}
		}
		p.all = append(p.all, child)
		p.ended.Go(func() { p.wait(i, child, said) })
	}
	return p, nil
}

// wait passes on what a worker says, and that it ended in an unusual way.
func (p *Processes) wait(i int, child *exec.Cmd, said io.Reader) {
	last := ""
	for lines := bufio.NewScanner(said); lines.Scan(); {
		text := strings.TrimPrefix(lines.Text(), "mfaload: ")
		if !strings.HasPrefix(text, " ") {
			last = text
		}
		p.say("worker %d: %s", i, text)
	}
	_, _ = io.Copy(io.Discard, said) // after a line that is too long
	if err := child.Wait(); err != nil {
		p.failed <- fmt.Errorf("worker %d ended: %s", i, strings.TrimPrefix(strings.Join([]string{last,
			err.Error()}, ": "), ": "))
	}
}

// End waits for the workers, who leave by themselves. One that does not within
// 10 s is killed.
func (p *Processes) End() {
	kill := time.AfterFunc(10*time.Second, func() {
		for _, child := range p.all {
			_ = child.Process.Kill()
		}
	})
	p.ended.Wait()
	kill.Stop()
}
