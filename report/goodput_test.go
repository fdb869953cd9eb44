package report_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/internal/testkit/noise"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

func goodputLimit(limit float64) scenario.Threshold {
	return scenario.Threshold{Metric: scenario.Goodput, Limit: limit, Written: "x"}
}

// The interval of goodput holds the goodput of a long run about as often as it says, of an open
// load and of a closed one.
func TestGoodputInterval(t *testing.T) {
	const runs = 60
	for _, closed := range []bool{false, true} {
		judge := func(seconds int, seed uint64) report.Threshold {
			s := noise.Find("b", seconds)
			s.GoodWithin = 70 * time.Millisecond // about 95% of the requests
			m := s.Run(rand.New(rand.NewPCG(seed, 80)), time.Unix(1_800_000_000, 0))
			terms := report.Terms{Thresholds: []scenario.Threshold{goodputLimit(90)}, Confidence: 0.95,
				Token: report.GivenToken}
			if closed {
				terms.Closed = &report.ClosedTerms{Users: 5}
			}
			m.Terms = terms.Encode()
			r, err := report.Judge(m)
			if err != nil {
				t.Fatal(err)
			}
			if g := r.Goodput; g == nil || g.Within != 70 || g.Rate != r.Thresholds[0].Observed {
				t.Fatalf("%+v, threshold %+v", g, r.Thresholds[0])
			}
			return r.Thresholds[0]
		}
		truth, held := judge(3000, 0).Observed, 0
		for seed := range uint64(runs) {
			if in := judge(60, 1+seed).Interval; in == nil {
				t.Fatal("no interval")
			} else if in.Low <= truth && truth <= in.High {
				held++
			}
		}
		if held < 52 {
			t.Errorf("closed %v: %d of %d intervals hold the truth of %v/s", closed, held, runs, truth)
		}
	}
}

// A measurement of a version that did not count good responses has no goodput, and judges none; a shard
// judges itself by its part of the limit.
func TestGoodputOfPartsAndEarlierVersions(t *testing.T) {
	m := noisy("a", 30)
	r := judgedWith(t, m, 0, goodputLimit(1))
	if th := r.Thresholds[0]; r.Goodput != nil || th.State != report.NoData {
		t.Errorf("%+v, %+v", r.Goodput, th)
	}
	s := noise.Find("a", 30)
	s.GoodWithin = time.Minute
	m = s.Run(rand.New(rand.NewPCG(3, 0)), time.Unix(1_800_000_000, 0))
	m.Shard = &measure.Shard{Run: "r", Index: 1, Count: 4}
	if th := judgedWith(t, m, 0, goodputLimit(4*99)).Thresholds[0]; th.State != report.Met || th.Limit != 99 {
		t.Errorf("%+v", th)
	}
}
