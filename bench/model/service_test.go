package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mfaload/bench/model"
)

// A patient service does what its places can, and serves what it could not later.
func TestPatient(t *testing.T) {
	s := model.NewPatient(4, 20*time.Millisecond)
	for k := range 3200 { // 640/s for 5 s
		at := time.Duration(k) * time.Second / 640
		done, refused := s.Arrive(at)
		if want := at + 20*time.Millisecond; refused || done < want ||
			done < time.Duration(k/4+1)*20*time.Millisecond {
			t.Fatalf("request %d: %v, refused %v", k, done, refused)
		}
		if k == 3199 && (done < 15900*time.Millisecond || done > 16100*time.Millisecond) {
			t.Errorf("the last one is done at %v, and the places do 200/s", done)
		}
	}
}

// A strained one takes twice as long after an overload, and less as time goes by.
func TestStrained(t *testing.T) {
	const place = 20 * time.Millisecond
	s := model.NewStrained(1, place, time.Second, time.Minute)
	took := func(at time.Duration) time.Duration {
		done, _ := s.Arrive(at)
		return done - at
	}
	if d := took(0); d != place {
		t.Errorf("at first %v", d)
	}
	for range 60 {
		took(time.Second)
	}
	for at, want := range map[time.Duration]time.Duration{31 * time.Second: 30 * time.Millisecond,
		46 * time.Second: 25 * time.Millisecond} {
		s := model.NewStrained(1, place, time.Second, time.Minute)
		for range 53 { // the last one waits for 1.02 s
			s.Arrive(time.Second)
		}
		done, _ := s.Arrive(at)
		if got := done - at; got < want-time.Millisecond || got > want+time.Millisecond {
			t.Errorf("at %v it takes %v, want %v", at, got, want)
		}
	}
	if d := took(10 * time.Minute); d != place {
		t.Errorf("ten minutes later %v", d)
	}
}

// A pool refuses what its queue has no room for: by theory at 94 % of its capacity
// 0.1 %, and a p95 of 198 ms.
func TestPool(t *testing.T) {
	s, random := model.NewPool(8, 30*time.Millisecond, 64, 1), rand.New(rand.NewPCG(1, 2))
	at, refusals := 0.0, 0
	const n = 1_000_000
	var times []float64
	for range n {
		at += random.ExpFloat64() / 250.9
		arrived := time.Duration(at * 1e9)
		done, refused := s.Arrive(arrived)
		if refused {
			refusals++
			continue
		}
		times = append(times, (done - arrived).Seconds())
	}
	slices.Sort(times)
	if p95, share := times[len(times)*95/100], float64(refusals)/n; math.Abs(p95-0.2) > 0.02 ||
		share < 0.0004 || share > 0.002 {
		t.Errorf("p95 %.3f s, %.4f refused", p95, share)
	}
	full := model.NewPool(1, time.Second, 2, 1)
	for k, want := range []bool{false, false, false, true} {
		if _, refused := full.Arrive(0); refused != want {
			t.Errorf("request %d at once: refused %v", k+1, refused)
		}
	}
}
