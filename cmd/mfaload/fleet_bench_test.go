//go:build fleettest && linux

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mfaload/fleet"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner"
	"mfaload/scenario"
)

// BenchmarkCoordinator leads 50 simulated workers of 500/s each and 20 groups for 20 s: how
// much of a core the coordinator takes while the run goes on. The bar is 10 %.
//
//	go test -tags fleettest ./cmd/mfaload -run '^$' -bench Coordinator -benchtime 1x
func BenchmarkCoordinator(b *testing.B) {
	const workers, groups, length = 50, 20, 20 * time.Second
	dir := b.TempDir()
	file := filepath.Join(dir, "s.yaml")
	text := "name: many\ntarget: {simulator: {}}\nload: {stages: [{rate: 25000/s, duration: 20s}]}\nusers:\n"
	for g := range groups {
		text += fmt.Sprintf("  - {name: g%d, ids: [", g)
		for u := range workers {
			text += fmt.Sprintf("788d4931-6936-43f2-82ff-178f57%03d%03d, ", g, u)
		}
		text += "]}\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := scenario.Read(file, os.LookupEnv)
	if err != nil {
		b.Fatal(err)
	}
	version, err := exec.Command(program(b), "version").Output()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		lead := exec.Command(program(b), "coordinate", "--shards", fmt.Sprint(workers), "--listen",
			"127.0.0.1:0", "--join-file", "join", "--out", "out", "--overwrite", "s.yaml")
		lead.Dir = dir
		said := &bytes.Buffer{}
		lead.Stderr, lead.Stdout = said, said
		_ = os.Remove(filepath.Join(dir, "join"))
		if err := lead.Start(); err != nil {
			b.Fatal(err)
		}
		var before, after time.Duration
		var once sync.Once
		join := awaitJoinFile(b, filepath.Join(dir, "join"))
		simulated := simulatedScenario{hash: s.Hash(), version: strings.Fields(string(version))[1],
			terms: report.TermsOf(s).Encode(), groups: groups,
			load: func(ctx context.Context, start time.Time) {
				pause(ctx, time.Until(start)+2*time.Second)
				once.Do(func() {
					before = cpuOf(b, lead.Process.Pid)
					pause(ctx, length-4*time.Second)
					after = cpuOf(b, lead.Process.Pid)
				})
				pause(ctx, time.Until(start.Add(length)))
			}}
		var all sync.WaitGroup
		for i := range workers {
			w := &fleet.Worker{Join: join, Version: strings.Fields(string(version))[1],
				Host: fmt.Sprint("simulated-", i), Shard: i, Within: time.Minute,
				Say: func(string, ...any) {}, Load: simulated.read}
			all.Go(func() {
				if err := w.Work(b.Context()); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
		if err := lead.Wait(); err != nil {
			b.Fatalf("%v\n%s", err, said)
		}
		b.ReportMetric(100*(after-before).Seconds()/(length-4*time.Second).Seconds(), "%core")
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func awaitJoinFile(b *testing.B, path string) *fleet.Join {
	for range 3000 {
		if data, err := os.ReadFile(path); err == nil {
			join, err := fleet.ParseJoin(data)
			if err != nil {
				b.Fatal(err)
			}
			return join
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("there is no join file")
	return nil
}

// simulatedScenario makes shards that send nothing and tell of many different times.
type simulatedScenario struct {
	offer         fleet.Offer
	hash, version string
	terms         []byte
	groups        int
	load          func(context.Context, time.Time)
}

// read is how a worker reads it.
func (s simulatedScenario) read(_ context.Context, offer fleet.Offer) (*fleet.WorkerScenario, error) {
	s.offer = offer
	return &fleet.WorkerScenario{Hash: s.hash, Shard: func(of measure.Shard) (fleet.ShardRun, error) {
		// of one group: a recorder of all groups for each of 50 workers would fill the memory
		r := measure.NewRecorder(1, nil, 0)
		return &simulatedShard{simulatedScenario: s, shard: of, recorder: r, soFar: r.Snapshots()}, nil
	}}, nil
}

type simulatedShard struct {
	simulatedScenario
	shard    measure.Shard
	recorder *measure.Recorder
	soFar    *measure.Snapshots
	n        int // requests so far
}

func (s *simulatedShard) Prepare(context.Context) error { return nil }

func (s *simulatedShard) Run(ctx context.Context, start runner.Start) (*measure.Measurement, error) {
	s.load(ctx, start.At)
	last := measure.NewRecorder(s.groups, []string{"rule"}, 0)
	for g := range s.groups {
		last.Record(0, &measure.Observation{Group: g, Label: "201", AsExpected: true,
			Done: time.Duration(g+1) * time.Millisecond})
	}
	m, err := last.Final()
	if err != nil {
		return nil, err
	}
	m.Shard = &s.shard
	m.Scenario, m.Hash, m.Version = s.offer.Scenario, s.hash, s.version
	m.Started, m.Terms = start.CalledAs, s.terms
	for g := range s.groups {
		m.Groups = append(m.Groups, fmt.Sprint("g", g))
		m.Main.Scheduled[g] = 1
	}
	return m, nil
}

func (s *simulatedShard) Snapshot() *fleet.Snapshot {
	for range 1000 { // 500 a second
		at := time.Duration(s.n) * 2 * time.Millisecond
		s.recorder.Record(0, &measure.Observation{Label: "201", AsExpected: true, Intended: at, Sent: at,
			Done: at + time.Duration(50_000+s.n*s.n%200_000)*time.Microsecond})
		s.n++
	}
	p := s.soFar.Take()
	p.Scheduled, p.Index = p.Response.Count(), s.shard.Index
	return &fleet.Snapshot{Progress: s.recorder.Progress(), Planned: 10_000,
		Elapsed: time.Duration(s.n) * 2 * time.Millisecond, SoFar: p}
}

func (s *simulatedShard) Keep(*measure.Measurement) error { return nil }
func (s *simulatedShard) Stop(measure.Stop)               {}
func (s *simulatedShard) Close()                          {}

// cpuOf is the processor time that a process used so far.
func cpuOf(b *testing.B, pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	sum := 0
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond
}
