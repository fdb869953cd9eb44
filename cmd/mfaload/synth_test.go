package main_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// synth makes the results folder of a run that was never run, as nobody waits
// for minutes in a test: synth DIR [KEY=NUMBER]... Keys: seed; scale, of all
// times; seconds; rate; start, in hours; load, another one; header, share of the
// answers that have one more; late, in ms, of the generator; shard and shards, where
// it is one of several; took, in ms, of every request; limit, in ms, of the p95.
func synth(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: synth dir [key=number...]")
	}
	with := map[string]float64{"seed": 1, "scale": 1, "seconds": 120, "rate": 100}
	for _, a := range args[1:] {
		key, value, _ := strings.Cut(a, "=")
		x, err := strconv.ParseFloat(value, 64)
		ts.Check(err)
		with[key] = x
	}
	m, err := synthesize(with)
	ts.Check(err)
	r, err := report.Judge(m)
	ts.Check(err)
	ts.Check(keepResults(ts.MkAbs(args[0]), r, m))
}

// calm is [calmDown]: calm DIR
func calm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: calm dir")
	}
	ts.Check(calmDown(ts.MkAbs(args[0])))
}

// calmDown makes the results of a run those of a machine that had time for it, for
// tests of something else.
func calmDown(dir string) error {
	packed, err := os.ReadFile(filepath.Join(dir, "measurement.json.gz"))
	if err != nil {
		return err
	}
	m, err := measure.Unpack(packed)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		return err
	}
	before, err := report.Decode(text)
	if err != nil {
		return err
	}
	m.Main.LastSent, m.Generator.CPUWait = min(m.Main.LastSent, m.Main.Start+m.Main.Planned), 0
	m.Generator.Seconds = nil
	for _, h := range []**measure.Histogram{&m.Main.Own, &m.Generator.Hiccups} {
		n := (*h).Count()
		*h = measure.NewSparse()
		for range n {
			(*h).Record(time.Millisecond)
		}
	}
	r, err := report.Judge(m)
	if err != nil {
		return err
	}
	if before.Baseline != nil {
		before.Baseline.Alone, r = r.Verdict, before
	}
	return keepResults(dir, r, m)
}

func keepResults(dir string, r *report.Report, m *measure.Measurement) error {
	packed, err := m.Pack()
	if err != nil {
		return err
	}
	text, err := r.Sealed(sha256.Sum256(packed))
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "measurement.json.gz"),
		packed, 0o600),
		os.WriteFile(filepath.Join(dir, "report.json"), text, 0o600))
}

func synthesize(with map[string]float64) (*measure.Measurement, error) {
	random := rand.New(rand.NewPCG(uint64(with["seed"]), 7))
	recorder := measure.NewRecorder(2, nil, 0)
	var shapes measure.Shapes
	seconds, rate := int(with["seconds"]), int(with["rate"])
	scheduled := []uint64{0, 0}
	var profile measure.LoadProfile
	level := 0.0
	for i := range seconds * rate {
		at := time.Duration(i) * time.Second / time.Duration(rate)
		if i%rate == 0 {
			level = 0.5*level + 0.01*random.NormFloat64()
		}
		group := i % 2
		took := 0.05 * with["scale"] * math.Exp(level+0.15*random.NormFloat64()) * float64(1+group)
		if with["took"] > 0 {
			took = with["took"] / 1000
		}
		own := time.Duration(with["late"] * 1e6)
		recorder.Record(0, &measure.Observation{Group: group, Intended: at, Sent: at + own, Own: own,
			Done:  at + own + time.Duration(took*1e9),
			Label: "201 OTP_REQUIRED", AsExpected: true})
		scheduled[group]++
		profile.Add(at, false)
		if i%10 == 0 {
			facts := []string{"header Content-Type", "/id is string"}
			if random.Float64() < with["header"] {
				facts = append(facts, "header X-New")
			}
			shapes.Learn("201 OTP_REQUIRED", facts)
		}
	}
	m, err := recorder.Measurement()
	if err != nil {
		return nil, err
	}
	m.Scenario, m.Hash, m.Version, m.Groups = "synth", fmt.Sprintf("hash-%v",
		with["load"]), "test", []string{"email", "sms"}
	m.Started = time.Date(2026, 11, 1, 0, 0, int(with["seed"]), 0,
		time.UTC).Add(time.Duration(with["start"]) * time.Hour)
	m.Main.Scheduled, m.Profile, m.Shapes = scheduled, profile, shapes
	m.Main.Planned = time.Duration(seconds) * time.Second
	if with["shards"] > 0 {
		m.Shard = &measure.Shard{Run: "synth", Index: int(with["shard"]), Count: int(with["shards"])}
	}
	m.Parts = map[string]string{"load": fmt.Sprint(with["load"]), "users": "u", "contract": "c"}
	of := &scenario.Scenario{}
	if ms := with["limit"]; ms > 0 {
		of.Thresholds = []scenario.Threshold{{Metric: scenario.Response, Stat: "p95", Quantile: 95,
			Limit: ms / 1000, Written: fmt.Sprintf("%gms", ms)}}
	}
	m.Terms = report.TermsOf(of).Encode()
	m.Generator.Cores, m.Generator.Elapsed, m.Generator.Workers = 2, m.Main.Planned, 10
	return m, nil
}
