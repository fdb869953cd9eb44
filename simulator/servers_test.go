package simulator_test

import (
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/scenario"
	"mfaload/simulator"
)

// The mean wait of M/M/c and M/M/1 is known by Erlang's formula; M/D/1 waits
// half as long as M/M/1.
func TestQueueWaits(t *testing.T) {
	for _, test := range []struct {
		name  string
		count int
		kind  string
		load  float64
		want  float64 // mean wait, in times of the mean service
	}{
		{"M/M/1", 1, "exponential", 0.8, 4},
		{"M/D/1", 1, "constant", 0.8, 2},
		{"M/M/4", 4, "exponential", 0.8, erlangC(4, 3.2) / (4 - 3.2)},
	} {
		const mean = 10 * time.Millisecond
		q := simulator.NewServerQueue(scenario.Servers{Count: test.count,
			Time: scenario.Latency{Kind: test.kind, A: mean}}, 1)
		random := rand.New(rand.NewPCG(1, 1))
		now, sum, n := time.Duration(0), 0.0, 1_000_000
		for range n {
			now += time.Duration(random.ExpFloat64() * float64(mean) / (test.load * float64(test.count)))
			sum += float64(q.Arrive(now) - now)
		}
		if got := sum/float64(n)/float64(mean) - 1; math.Abs(got-test.want) > 0.05*test.want {
			t.Errorf("%s: the mean wait is %.3f of a service, want %.3f", test.name, got, test.want)
		}
	}
}

// erlangC is the share of requests that wait, of an offered load in servers.
func erlangC(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	return b / (1 - a/float64(c)*(1-b))
}

func TestQueueSlowsDown(t *testing.T) {
	q := simulator.NewServerQueue(scenario.Servers{Time: scenario.Latency{Kind: "constant",
		A: 100 * time.Millisecond}, Contention: 0.1, Coherency: 0.01}, 1)
	for n, want := range []time.Duration{100, 112, 126, 142} { // 1 + 0.1·(N−1) + 0.01·N·(N−1)
		if got := q.Arrive(0); got != want*time.Millisecond {
			t.Errorf("one of %d requests takes %v, want %v", n+1, got, want*time.Millisecond)
		}
	}
}

func TestQueueCollapses(t *testing.T) {
	servers := scenario.Servers{Count: 10,
		Time:     scenario.Latency{Kind: "constant", A: 100 * time.Millisecond},
		Collapse: &scenario.Collapse{At: 0.9, After: 5 * time.Second, Slower: 4}}
	for _, test := range []struct {
		rate      int
		collapses time.Duration // 0 is never
	}{{89, 0}, {90, 5 * time.Second}, {95, 5 * time.Second}} {
		q := simulator.NewServerQueue(servers, 1)
		for i := range 60 * test.rate {
			now := time.Duration(i) * time.Second / time.Duration(test.rate)
			took := q.Arrive(now) - now
			if slow := took > 100*time.Millisecond; slow != (test.collapses > 0 && now >= test.collapses) {
				t.Errorf("at %d/s, after %v: slow is %v", test.rate, now, slow)
				break
			}
		}
		later := time.Hour
		if took := q.Arrive(later) - later; took != 100*time.Millisecond {
			t.Errorf("at %d/s: after a pause a response takes %v", test.rate, took)
		}
	}
}

// A simulator with one server answers one request after the other, and what the
// rate limit refuses does not wait.
func TestServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulator(t,
			scenario.Simulator{Servers: &scenario.Servers{Count: 1,
				Time: scenario.Latency{Kind: "constant", A: time.Second}},
				Limit: &scenario.Limit{Rate: 1e-6, Burst: 2, RetryAfter: time.Second}})
		before := time.Now()
		took := make(chan [2]int, 3)
		for range 3 {
			go func() {
				a := post(s, forUser(user), nil)
				took <- [2]int{a.Code, int(time.Since(before) / time.Second)}
			}()
		}
		got := map[[2]int]int{}
		for range 3 {
			got[<-took]++
		}
		for _, want := range [][2]int{{http.StatusTooManyRequests, 0}, {http.StatusCreated, 1},
			{http.StatusCreated, 2}} {
			if got[want] != 1 {
				t.Errorf("status and seconds: %v, want one of each of 429 0, 201 1, 201 2", got)
			}
		}
	})
}

func TestServersThatCantBe(t *testing.T) {
	for _, servers := range []scenario.Servers{
		{Count: 1},
		{Time: scenario.Latency{Kind: "constant", A: time.Second},
			Collapse: &scenario.Collapse{At: 1, After: time.Second, Slower: 2}},
	} {
		if _, err := simulator.New(scenario.Target{Simulator: &scenario.Simulator{
			Servers: &servers}}); err == nil {
			t.Errorf("%+v was taken", servers)
		}
	}
}
