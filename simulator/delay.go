package simulator

import (
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"mfaload/scenario"
)

// delay waits for the servers, for the response's latency and for the end of a
// stall. What is refused does not wait for servers. It returns false when the
// client gave up meanwhile.
func (s *Environment) delay(r *http.Request, refused bool) bool {
	s.mu.Lock()
	now := time.Now() // under the lock: the queue takes arrivals in the order of their times
	if s.first.IsZero() {
		s.first = now
	}
	latency := draw(s.config.Latency, s.random)
	first := s.first
	if s.queue != nil && !refused {
		arrived := now.Sub(first)
		latency += s.queue.Arrive(arrived) - arrived
	}
	s.mu.Unlock()
	for wait := latency; ; {
		if wait > 0 && !sleep(r, wait) {
			return false
		}
		if wait = s.stalled(time.Since(first)); wait == 0 {
			return true
		}
	}
}

func sleep(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// stalled is how much longer a stall lasts; 0 where there is none.
func (s *Environment) stalled(since time.Duration) (longest time.Duration) {
	for _, st := range s.config.Stalls {
		if into := since % st.Every; since >= st.Every && into < st.For {
			longest = max(longest, st.For-into)
		}
	}
	return longest
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// draw returns a latency.
func draw(l scenario.Latency, random *rand.Rand) time.Duration {
	switch l.Kind {
	case "constant":
		return l.A
	case "normal":
		return max(l.A+time.Duration(random.NormFloat64()*float64(l.B)), 0)
	case "lognormal":
		sigma := math.Log(float64(l.B)/float64(l.A)) / z99
		return time.Duration(float64(l.A) * math.Exp(sigma*random.NormFloat64()))
	case "exponential":
		return time.Duration(float64(l.A) * random.ExpFloat64())
	}
	return 0
}

// mean is the mean of the latencies, as if none were cut off at zero.
func mean(l scenario.Latency) time.Duration {
	if l.Kind == "lognormal" {
		sigma := math.Log(float64(l.B)/float64(l.A)) / z99
		return time.Duration(float64(l.A) * math.Exp(sigma*sigma/2))
	}
	return l.A
}
