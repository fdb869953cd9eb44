package samples_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session/samples"
)

// A run's samples, which are in the order of its responses, replay as its schedule was: each request at its
// time, in its order, for its user.
func TestSamplesReplayTheRun(t *testing.T) {
	const text = "name: s\ntarget: {simulator: {}}\nusers: [{name: x%s}, {name: y%s}]\nload: {%s}\n"
	dir := t.TempDir()
	read := func(ids, load string) *schedule.Schedule {
		x, y := "", ""
		if ids != "" {
			x, y = ", order: random, ids: ["+ids+"1, "+ids+"2, "+ids+"3]", ", weight: 2, ids: ["+ids+"4, "+
				ids+"5]"
		}
		s, err := scenario.Parse(dir+"/s.yaml", fmt.Appendf(nil, text, x, y, load), os.LookupEnv)
		if err == nil {
			err = s.ReadUsers(nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return schedule.New(s)
	}
	run := slices.Collect(read("00000000-0000-0000-0000-00000000000",
		"arrivals: poisson, stages: [{from: 100/s, to: 300/s, duration: 10s}]").All())
	rng := rand.New(rand.NewPCG(7, 7))
	var all []*measure.Observation
	for _, a := range run {
		o := randomObservation(rng, int(a.Index))
		o.Group, o.Intended, o.User, o.Sent, o.Done = a.User.Group, a.At, a.User.ID, a.At,
			a.At+time.Duration(1+rng.IntN(3e9))
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *measure.Observation) int { return int(a.Done - b.Done) })
	file := journalOf(t, all, measure.Shard{Count: 1})
	for _, name := range []string{"r.csv", "r.csv.gz", "r.ndjson", "r.ndjson.gz"} {
		format, err := samples.FormatOf(name)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := format.Write(&b, bytes.NewReader(file.Bytes())); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		replayed := slices.Collect(read("", "replay: {file: "+name+"}").All())
		if len(replayed) != len(run) {
			t.Fatalf("%s: %d arrivals, want %d", name, len(replayed), len(run))
		}
		for i, a := range replayed {
			if w := run[i]; a.At != w.At-run[0].At || a.User != w.User || a.Index != w.Index {
				t.Fatalf("%s: %+v, want %+v", name, a, w)
			}
		}
	}
}
