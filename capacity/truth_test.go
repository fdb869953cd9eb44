package capacity_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"mfaload/capacity"
	"mfaload/scenario"
	"mfaload/simulator"
)

// system is a service of known capacity: what is searched, and what is true.
type system struct {
	name    string
	servers scenario.Servers
	limit   float64 // above it answers are 429; 0 is none
	poisson bool
	limits  []capacity.Criterion
	truth   float64 // requests a second
}

const mean = 20 * time.Millisecond

func percentile(p float64, over time.Duration) []capacity.Criterion {
	return []capacity.Criterion{
		{Name: fmt.Sprintf("response p%g <= %v", p, over), Group: -1, Metric: scenario.Response,
			Over: over.Seconds(), Allowed: 1 - p/100},
		{Name: "errorRate <= 0%", Group: -1, Metric: scenario.ErrorRate},
	}
}

// trial runs the system on a virtual clock.
func (sys *system) trial(seed uint64) capacity.RunTrial {
	return func(_ context.Context, a capacity.TrialSpec) (*capacity.Outcome, error) {
		random := rand.New(rand.NewPCG(seed, uint64(a.Number)))
		queue := simulator.NewServerQueue(sys.servers, random.Uint64())
		tokens, filled := sys.limit, time.Duration(0)
		o := &capacity.Outcome{Achieved: 1, Seconds: make([]capacity.TrialSecond, a.Length/time.Second)}
		o.Before = make([]capacity.TrialSecond, a.Warmup/time.Second)
		for _, seconds := range [][]capacity.TrialSecond{o.Before, o.Seconds} {
			for i := range seconds {
				seconds[i].Tallies = make([]capacity.Tally, len(sys.limits))
			}
		}
		position, times := 0.0, make([][]float64, len(sys.limits))
		for k := 0; ; k++ {
			if sys.poisson {
				position += random.ExpFloat64()
			} else {
				position = float64(k)
			}
			now := time.Duration(position / a.Rate * 1e9)
			if now >= a.Warmup+a.Length {
				o.Quantiles, o.Served = sys.quantiles(times), o.Served/a.Length.Seconds()
				return o, nil
			}
			took, refused := time.Millisecond, false
			if sys.limit > 0 {
				tokens = min(tokens+sys.limit*(now-filled).Seconds(), sys.limit)
				filled = now
				if refused = tokens < 1; !refused {
					tokens--
				}
			}
			if !refused {
				took = queue.Arrive(now) - now
			}
			sys.flow(a, o, now, now+took, refused)
			if now >= a.Warmup {
				sys.record(o, &o.Seconds[(now-a.Warmup)/time.Second], took, refused)
				for i := range times {
					times[i] = append(times[i], took.Seconds())
				}
			} else {
				sys.record(&capacity.Outcome{}, &o.Before[now/time.Second], took, refused)
			}
		}
	}
}

// inFlightFlow counts what was served in the judged part, and what it left behind.
func (sys *system) flow(a capacity.TrialSpec, o *capacity.Outcome, at, done time.Duration, refused bool) {
	end := a.Warmup + a.Length
	if done >= a.Warmup && done < end && !refused {
		o.Served++
	}
	if at >= a.Warmup {
		o.Backlog.Due++
	}
	if at < end && done >= end {
		o.Backlog.Unserved++
	}
	if at < a.Warmup && done >= a.Warmup {
		o.Backlog.Unserved--
	}
}

func (sys *system) record(o *capacity.Outcome, s *capacity.TrialSecond, took time.Duration, refused bool) {
	s.Sent++
	s.Response += took.Seconds()
	if refused {
		o.Refused++
	} else {
		s.Expected++
	}
	for i := range sys.limits {
		l, t := &sys.limits[i], &s.Tallies[i]
		if l.Metric != scenario.ErrorRate {
			t.Add(l, took, 1)
			continue
		}
		failed := 0.0
		if refused {
			failed = 1
		}
		t.Fail(1, failed)
	}
}

func (sys *system) quantiles(times [][]float64) (all []float64) {
	for i, l := range sys.limits {
		q := 0.0
		if l.Over > 0 {
			slices.Sort(times[i])
			n := float64(len(times[i]))
			q = times[i][max(int(math.Ceil((1-l.Allowed)*n))-1, 0)]
		}
		all = append(all, q)
	}
	return all
}

// erlang is M/M/c: ten servers of 20 ms, so 500 requests a second at most. A
// response is a service time after a wait that is none, or exponential.
func erlang(p float64, over time.Duration) system {
	const c = 10
	mu := 1 / mean.Seconds()
	beyond := func(rate float64) float64 { // P(response > over)
		wait, drain, t := erlangC(c, rate/mu), c*mu-rate, over.Seconds()
		served := math.Exp(-mu * t)
		// The wait's exponential convolved with the service's.
		both := (drain*served - mu*math.Exp(-drain*t)) / (drain - mu)
		return (1-wait)*served + wait*both
	}
	return system{name: fmt.Sprintf("M/M/%d, p%g <= %v", c, p, over), servers: scenario.Servers{Count: c,
		Time: scenario.Latency{Kind: "exponential", A: mean}},
		poisson: true, limits: percentile(p, over), truth: bisect(1, c*mu*(1-1e-9), 1-p/100, beyond)}
}

// bisect is the highest rate at which no more than a share is beyond.
func bisect(low, high, share float64, beyond func(rate float64) float64) float64 {
	for range 30 {
		if middle := (low + high) / 2; beyond(middle) > share {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}

// crommelin is M/D/c, by the distribution of the wait that Franx gave:
// A simple solution for the M/D/c waiting time distribution, 2001.
func crommelin(p float64, over time.Duration) system {
	const c = 10
	d := mean.Seconds()
	beyond := func(rate float64) float64 {
		atMost := queueLengths(c, rate*d)
		k := math.Floor((over.Seconds()-d)/d) + 1
		left := rate * (k*d - (over.Seconds() - d))
		sum, term := 0.0, math.Exp(-left)
		for j := range int(k) * c {
			sum += term * atMost(int(k)*c-1-j)
			term *= left / float64(j+1)
		}
		return 1 - sum
	}
	return system{name: fmt.Sprintf("M/D/%d, p%g <= %v", c, p, over), servers: scenario.Servers{Count: c,
		Time: scenario.Latency{Kind: "constant", A: mean}},
		poisson: true, limits: percentile(p, over), truth: bisect(0.7*c/d, 0.99*c/d, 1-p/100, beyond)}
}

// queueLengths returns how likely it is that at most m requests wait, of c
// servers with constant times and an offered load in servers: the number in the
// system is that of a service time before, less c, and the arrivals since.
func queueLengths(c int, load float64) func(m int) float64 {
	const states = 1000
	arrivals := []float64{math.Exp(-load)}
	for k := 1; k < 80; k++ {
		arrivals = append(arrivals, arrivals[k-1]*load/float64(k))
	}
	p := make([]float64, states)
	p[0] = 1
	for range 600 {
		next := make([]float64, states)
		for n, probability := range p {
			if probability < 1e-15 {
				continue
			}
			for k, a := range arrivals {
				next[min(max(n-c, 0)+k, states-1)] += probability * a
			}
		}
		p = next
	}
	for n := 1; n < states; n++ {
		p[n] += p[n-1]
	}
	return func(m int) float64 { return p[min(m+c, states-1)] }
}

// refusing is a token bucket of a second.
func refusing() system {
	return system{name: "429 above 200/s", servers: scenario.Servers{Time: scenario.Latency{Kind: "constant",
		A: mean}}, limit: 200,
		limits: percentile(95, 150*time.Millisecond), truth: 200}
}

// slowing is the Universal Scalability Law without retrograde: evenly spaced
// requests take S(N) = S(1)·(1 + σ(N−1)), with N in flight. N is the rate times
// that, rounded up; the last N that is fast enough gives the rate.
func slowing() system {
	const sigma, over = 0.01, 30.1
	one := mean.Seconds() * 1000
	n := math.Floor((over/one-1)/sigma) + 1
	return system{name: "USL, σ = 1 %, p95 <= 30.1ms",
		servers: scenario.Servers{Time: scenario.Latency{Kind: "constant", A: mean}, Contention: sigma},
		limits:  percentile(95, 30100*time.Microsecond), truth: n / (one * (1 + sigma*(n-1))) * 1000}
}

// leaking collapses after 20 s at 90 % of its rate.
func leaking() system {
	return system{name: "leak: collapses after 20 s at 90 %", servers: scenario.Servers{Count: 10,
		Time:     scenario.Latency{Kind: "exponential", A: mean},
		Collapse: &scenario.Collapse{At: 0.9, After: 20 * time.Second, Slower: 4}}, limits: percentile(95,
		300*time.Millisecond), truth: 450}
}

// general is M/G/10: log-normal times with a mean of 19.6 ms and a coefficient
// of variation of 1.29. There is no formula: the truth is that of 40 million
// requests, 23 hours, at each rate of a bisection.
func general(p float64, over time.Duration, truth float64) system {
	return system{name: fmt.Sprintf("M/G/10, p%g <= %v", p, over), poisson: true, limits: percentile(p, over),
		truth: truth,
		servers: scenario.Servers{Count: 10, Time: scenario.Latency{Kind: "lognormal",
			A: 12 * time.Millisecond, B: 120 * time.Millisecond}}}
}

// stepping gets a fifth slower at a rate and no slower above it: its times lie
// on no line.
func stepping() system {
	return system{name: "step: a fifth slower from 750/s", servers: scenario.Servers{Count: 50,
		Time:     scenario.Latency{Kind: "exponential", A: mean},
		Collapse: &scenario.Collapse{At: 0.3, After: 2 * time.Second, Slower: 1.2}}, limits: percentile(95,
		66*time.Millisecond), truth: 750}
}

// erlangC is the share of requests that wait, of an offered load in servers.
func erlangC(c int, a float64) float64 {
	b := 1.0
	for k := 1; k <= c; k++ {
		b = a * b / (float64(k) + a*b)
	}
	return b / (1 - a/float64(c)*(1-b))
}
