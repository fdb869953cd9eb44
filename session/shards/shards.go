// Package shards joins sessions and fleets: it packs what the workers of a run need to read the
// same scenario, runs a shard as a worker's part of that, and merges what the shards measured.
package shards

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mfaload/fleet"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session"
)

const maxIdentity = 1 << 20

// FleetRun is a run on many machines whose coordinator is this process.
type FleetRun struct {
	*session.Inputs
	Coordinator fleet.Coordinator
	bundle      *bundle
}

// NewFleetRun reads a scenario and finds what speaks against so many shards of it. What the loader
// reads from standard input is kept, for workers need it too.
func NewFleetRun(file string, loader *session.Loader, shards int, version string) (*FleetRun, error) {
	bundle, err := newBundle()
	if err != nil {
		return nil, err
	}
	loader.Stdin = io.TeeReader(loader.Stdin, bundle.stdin)
	r := &FleetRun{bundle: bundle}
	if r.Inputs, err = loader.Load(file); err != nil {
		bundle.close()
		return nil, err
	}
	s := r.Scenario
	err = schedule.CheckShard(s, measure.Shard{Run: "r", Index: 0, Count: shards})
	if err == nil {
		err = bundle.pack(s, loader)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	const most = 8 // times what a measurement is expected to have
	r.Coordinator = fleet.Coordinator{Say: loader.Say, Plan: fleet.Plan{
		MaxFinal: most * int64(min(session.Resources(s, shards).Results, math.MaxInt64/most)),
		Version:  version, Hash: s.Hash(), Scenario: s.Name, Shards: shards,
		Length: schedule.New(s).End(), Drain: s.Load.Drain, StopOn: s.Load.StopOn,
		Spread: tokenSpread(s, shards), Files: bundle.files, Withheld: bundle.withheld,
	}}
	return r, nil
}

// Dir is a folder for files of this process that is gone after the run.
func (r *FleetRun) Dir() string { return r.bundle.scratch.Dir }

// Close gives up the scenario and what was packed of it.
func (r *FleetRun) Close() {
	_ = r.Scenario.Close()
	r.bundle.close()
}

// RunName names a run that has a server of its own, and begins now.
func RunName() string { return time.Now().UTC().Format("20060102T150405Z") }

// Listen starts a server at HOST:PORT, with an identity that was made before or a new one where its
// file is empty, and writes what workers need to a join file, where that is named. Advertise says
// where workers reach the server; empty for the addresses of this machine. A server that can't be
// started is a [session.NotStartedError].
func (r *FleetRun) Listen(address string, advertise []string, identityFile, joinFile string) error {
	identity, err := readIdentity(identityFile)
	if err != nil {
		return err
	}
	r.Coordinator.Plan.Run = identity.Run
	if r.Coordinator.Embedded, err = fleet.Listen(address, identity); err != nil {
		return &session.NotStartedError{Err: err}
	}
	if joinFile == "" {
		return nil
	}
	if len(advertise) == 0 {
		advertise, err = fleet.Addresses(r.Coordinator.Embedded.Addr())
	}
	var join *fleet.Join
	if err == nil {
		join, err = identity.Join(advertise)
	}
	if err == nil {
		err = join.Write(joinFile)
	}
	if err != nil {
		r.Coordinator.Embedded.Close()
		return err
	}
	r.Coordinator.Say("workers join with %s, at %s", joinFile, strings.Join(advertise, ", "))
	return nil
}

func readIdentity(path string) (*fleet.Identity, error) {
	if path == "" {
		return fleet.NewIdentity(RunName())
	}
	data, err := disk.Read(path, maxIdentity)
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	var identity fleet.Identity
	if err := json.Unmarshal(data, &identity); err != nil || identity.Token == "" {
		return nil, fmt.Errorf("read the identity %s: it is none\n%s", path,
			text.Hint("'mfaload k8s' makes them"))
	}
	return &identity, nil
}

// Merge merges the measurements of the shards that delivered one, also where none did. Tolerated is
// the share of shards that may be lost without making the run inconclusive.
func (r *FleetRun) Merge(result *fleet.RunResult, tolerated float64) (*measure.Measurement, error) {
	var all []*measure.Measurement
	for _, m := range result.Parts {
		if m != nil {
			all = append(all, m)
		}
	}
	m, lost, err := mergeAlike(all)
	lost = append(lost, result.Lost...)
	slices.SortFunc(lost, measure.CompareLostShards)
	if err == nil && m == nil {
		plan := &r.Coordinator.Plan
		m, err = measure.NoMeasurement(r.unmeasured(result), plan.Run, plan.Shards, lost)
	}
	if err != nil {
		return nil, err
	}
	m.Merged.Lost, m.Merged.TolerateLost = lost, tolerated
	return m, nil
}

func (r *FleetRun) unmeasured(result *fleet.RunResult) *measure.Measurement {
	plan := &r.Coordinator.Plan
	m := &measure.Measurement{Scenario: plan.Scenario, Hash: plan.Hash, Version: plan.Version,
		Labels: plan.Labels, Started: result.Started, Parts: r.Parts,
		Terms: report.TermsOf(r.Scenario).Encode()}
	for _, g := range r.Scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	return m
}

// TokenFetches says how many tokens the workers of a run fetch; "" for none worth a word.
func TokenFetches(s *scenario.Scenario, shards int) string {
	if s.Target.ClientCredentials == nil || shards < 2 {
		return ""
	}
	return fmt.Sprintf("%d workers fetch a token each: %d fetches spread over %v before the start, and "+
		"each again when about four fifths of its token's life are over",
		shards, shards, tokenSpread(s, shards))
}

// tokenSpread is the time over which workers spread the fetching of tokens: ten
// a second, and at most half a minute.
func tokenSpread(s *scenario.Scenario, shards int) time.Duration {
	if s.Target.ClientCredentials == nil {
		return 0
	}
	return min(time.Duration(shards)*100*time.Millisecond, 30*time.Second)
}

// KeepInputs is an error if a folder that is to be replaced holds what is merged.
func KeepInputs(out string, files []session.ShardFile) error {
	folder := resolved(out)
	for _, f := range files {
		if rel, err := filepath.Rel(folder, resolved(f.Name)); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("--overwrite would remove %s, which is merged, from %s\n%s", f.Name, out,
				text.Hint("choose another folder with --out"))
		}
	}
	return nil
}

func resolved(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// Merge merges measurements of files. The error names the files that can't be merged.
func Merge(files []session.ShardFile) (*measure.Measurement, error) {
	var all []*measure.Measurement
	for _, f := range files {
		all = append(all, f.Measurement)
	}
	m, err := measure.Merge(all)
	var misfits *measure.MergeError
	if !errors.As(err, &misfits) {
		return m, err
	}
	texts := []string{}
	for _, misfit := range misfits.Conflicts {
		line := files[misfit.Measurement].Name + ": " + misfit.Why
		if misfit.Twin >= 0 {
			line += ", also in " + files[misfit.Twin].Name
		}
		texts = append(texts, line)
	}
	texts = append(texts, "name the files of one run, each shard once; two machines that were "+
		"the same shard sent more than the scenario says: repeat the run")
	return nil, fmt.Errorf("these can't be merged, and nothing was\n%s",
		text.Hint("%s", strings.Join(texts, "\n")))
}

// mergeAlike merges measurements that are of one run; those that do not fit the others are lost.
// It returns nil where there is none.
func mergeAlike(all []*measure.Measurement) (m *measure.Measurement, lost []measure.LostShard, err error) {
	for len(all) > 0 {
		m, err = measure.Merge(all)
		var misfits *measure.MergeError
		if !errors.As(err, &misfits) {
			return m, lost, err
		}
		odd := map[int]bool{}
		for _, misfit := range misfits.Conflicts {
			if shard := all[misfit.Measurement].Shard; shard != nil && !odd[misfit.Measurement] {
				lost = append(lost, measure.LostShard{Index: shard.Index,
					Why: "its measurement does not fit those of the others: " + misfit.Why})
			}
			odd[misfit.Measurement] = true
		}
		var rest []*measure.Measurement
		for i, one := range all {
			if !odd[i] {
				rest = append(rest, one)
			}
		}
		all = rest
	}
	return nil, lost, nil
}
