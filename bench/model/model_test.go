package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mfaload/bench/model"
)

// An M/M/1 queue's response time is exponential with rate μ−λ.
func TestQueueAgainstTheory(t *testing.T) {
	const mean, load, n = time.Millisecond, 0.5, 2_000_000
	m, err := model.Parse("queue:exponential,1ms")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	var at time.Duration
	times := make([]float64, n)
	for i := range times {
		at += time.Duration(random.ExpFloat64() * float64(mean) / load)
		times[i] = float64(m(at) - at)
	}
	slices.Sort(times)
	for _, p := range []float64{0.5, 0.9, 0.99} {
		want := -math.Log(1-p) * float64(mean) / (1 - load)
		if got := times[int(p*n)]; math.Abs(got/want-1) > 0.02 {
			t.Errorf("p%g: %.3f ms, theory says %.3f ms", 100*p, got/1e6, want/1e6)
		}
	}
}

func TestModels(t *testing.T) {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	for _, test := range []struct {
		text     string
		at, done []time.Duration
	}{
		{"none", []time.Duration{0, ms(3)}, []time.Duration{0, ms(3)}},
		{"constant:5ms", []time.Duration{0, ms(3)}, []time.Duration{ms(5), ms(8)}},
		{"stall:1ms,1s,200ms", []time.Duration{0, ms(399.5), ms(500), ms(1450)}, []time.Duration{ms(1),
			ms(600), ms(600), ms(1600)}},
		{"queue:constant,2ms", []time.Duration{0, ms(1), ms(9)}, []time.Duration{ms(2), ms(4), ms(11)}},
	} {
		m, err := model.Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range test.at {
			if got := m(at); got != test.done[i] {
				t.Errorf("%s: asked at %v, done at %v, want %v", test.text, at, got, test.done[i])
			}
		}
	}
	for _, bad := range []string{"", "constant", "constant:5", "bimodal:1ms,2ms", "queue:often,1ms",
		"none:1"} {
		if _, err := model.Parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
