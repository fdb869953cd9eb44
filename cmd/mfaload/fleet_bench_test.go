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
		var all sync.WaitGroup
		for i := range workers {
			w := &fleet.Worker{Join: join, Version: strings.Fields(string(version))[1],
				Host: fmt.Sprint("simulated-", i), Shard: i, Within: time.Minute, Say: func(string,
					...any) {
				},
				Load: simulatedPart(s.Hash(), strings.Fields(string(version))[1], report.TermsOf(s).Encode(),
					groups, func(ctx context.Context, start time.Time) {
						pause(ctx, time.Until(start)+2*time.Second)
						once.Do(func() {
							before = cpuOf(b, lead.Process.Pid)
							pause(ctx, length-4*time.Second)
							after = cpuOf(b, lead.Process.Pid)
						})
						pause(ctx, time.Until(start.Add(length)))
					})}
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

// simulatedPart is a shard that sends nothing and tells of many different times.
func simulatedPart(hash, version string, terms []byte, groups int,
	load func(context.Context, time.Time)) func(context.Context, fleet.Offer) (*fleet.Loaded, error) {
	return func(_ context.Context, offer fleet.Offer) (*fleet.Loaded, error) {
		return &fleet.Loaded{Hash: hash, Part: func(of fleet.Shard) (*fleet.Part, error) {
			// of one group: a recorder of all groups for each of 50 workers would fill the memory
			r := measure.NewRecorder(1, nil, 0)
			soFar, n := r.Snapshots(), 0
			more := func() {
				for range 1000 { // 500 a second
					at := time.Duration(n) * 2 * time.Millisecond
					r.Record(0, &measure.Observation{Label: "201", AsExpected: true, Intended: at, Sent: at,
						Done: at + time.Duration(50_000+n*n%200_000)*time.Microsecond})
					n++
				}
			}
			return &fleet.Part{
				Prepare: func(context.Context) error { return nil },
				Run: func(ctx context.Context, start, startedAs time.Time) (*measure.Measurement, error) {
					load(ctx, start)
					last := measure.NewRecorder(groups, []string{"rule"}, 0)
					for g := range groups {
						last.Record(0, &measure.Observation{Group: g, Label: "201", AsExpected: true,
							Done: time.Duration(g+1) * time.Millisecond})
					}
					m, err := last.Final()
					if err != nil {
						return nil, err
					}
					m.Shard = &measure.Shard{Run: offer.Run, Index: of.Index, Count: of.Count}
					m.Scenario, m.Hash, m.Version, m.Started, m.Terms = offer.Scenario, hash, version, startedAs, terms
					for g := range groups {
						m.Groups = append(m.Groups, fmt.Sprint("g", g))
						m.Main.Scheduled[g] = 1
					}
					return m, nil
				},
				Stop: func(measure.Stop) {},
				Snapshot: func() (*fleet.Snapshot, error) {
					more()
					p, err := soFar.Take()
					p.Scheduled, p.Index = p.Response.Count(), of.Index
					return &fleet.Snapshot{Progress: r.Progress(), Planned: 10_000,
						Elapsed: time.Duration(n) * 2 * time.Millisecond, SoFar: p}, err
				},
				Keep: func(*measure.Measurement) error { return nil }, Close: func() {},
			}, nil
		}}, nil
	}
}

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
