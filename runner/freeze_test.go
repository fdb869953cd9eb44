package runner

import (
	"sync"
	"testing"
	"time"
)

const msec = time.Millisecond

// beats is a probe that ran at these times, in milliseconds.
func beats(f *freezes, at ...int) {
	for _, ms := range at {
		f.run(f.start.Add(time.Duration(ms)*msec), 0)
	}
}

// What mfaload stood still for is known of a request that ends before the probe has
// run again as of one that ends after it, and only what was within the request.
func TestFreezeWithinARequest(t *testing.T) {
	for _, test := range []struct {
		name     string
		beats    []int
		from, to int
		want     int
	}{
		{"none", []int{10, 20, 30, 40}, 15, 38, 0},
		{"a late beat", []int{10, 20, 48}, 15, 48, 0},
		{"all of it", []int{10, 20, 520}, 15, 520, 500},
		{"the request was sent in it", []int{10, 20, 520}, 300, 520, 220},
		{"the response came long after", []int{10, 20, 520, 530, 540, 550}, 15, 550, 500},
		{"it was over before", []int{10, 20, 520, 530, 540, 550}, 521, 550, 0},
		{"two of them", []int{10, 20, 520, 530, 630, 640}, 15, 640, 600},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFreezes(time.Now())
			n := len(test.beats)
			from, to := time.Duration(test.from)*msec, time.Duration(test.to)*msec
			beats(f, test.beats[:n-1]...)
			if got := f.within(from, to, f.start.Add(to)); got != time.Duration(test.want)*msec {
				t.Errorf("before the probe ran again: %v", got)
			}
			beats(f, test.beats[n-1])
			if got := f.within(from, to, f.start.Add(to)); got != time.Duration(test.want)*msec {
				t.Errorf("after the probe ran: %v", got)
			}
		})
	}
}

// While a machine is suspended the monotonic clock stands still. What was in flight
// then is harmed from end to end, whoever sees it first.
func TestSuspendedMachine(t *testing.T) {
	f := newFreezes(time.Now())
	beats(f, 10, 20)
	// A clock that was set on is what a suspended one looks like.
	f.ahead.Store(-int64(time.Hour))
	now := f.start.Add(25 * msec)
	if got := f.within(15*msec, 25*msec, now); got != 10*msec {
		t.Errorf("before the probe ran: %v", got)
	}
	f.run(now, 0)
	if got := f.within(15*msec, 300*msec, f.start.Add(30*msec)); got != 285*msec {
		t.Errorf("after the probe ran: %v", got)
	}
	if got := f.within(26*msec, 30*msec, f.start.Add(30*msec)); got != 0 {
		t.Errorf("of a later request: %v", got)
	}
}

// Freezes are remembered within a bound, the last ones.
func TestManyFreezes(t *testing.T) {
	f := newFreezes(time.Now())
	var all sync.WaitGroup
	all.Go(func() {
		for n := range 3 * maxFreezes {
			beats(f, 100*n)
		}
	})
	for range 4 {
		all.Go(func() {
			for n := range 1000 {
				to := time.Duration(n) * 100 * msec
				if got := f.within(to-50*msec, to, f.start.Add(to)); got > 50*msec {
					t.Errorf("%v of 50ms", got)
					return
				}
			}
		})
	}
	all.Wait()
	if n := len(f.all); n > maxFreezes || n < maxFreezes/2 {
		t.Errorf("%d are remembered", n)
	}
	last := time.Duration(3*maxFreezes-1) * 100 * msec
	if got := f.within(last-time.Second, last, f.start.Add(last)); got != time.Second {
		t.Errorf("the last second: %v", got)
	}
}
