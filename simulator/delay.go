package simulator

import (
	"math"
	"net/http"
	"time"
)

// delay waits for the answer's latency and for the end of a stall. It returns
// false when the client gave up meanwhile.
func (s *Simulator) delay(r *http.Request) bool {
	s.mu.Lock()
	now := time.Now()
	if s.first.IsZero() {
		s.first = now
	}
	latency := s.config.Latency.draw(s.random.NormFloat64)
	first := s.first
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
func (s *Simulator) stalled(since time.Duration) (longest time.Duration) {
	for _, st := range s.config.Stalls {
		if into := since % st.Every; since >= st.Every && into < st.For {
			longest = max(longest, st.For-into)
		}
	}
	return longest
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// draw returns a latency; normal returns standard normal numbers.
func (l Latency) draw(normal func() float64) time.Duration {
	switch l.Kind {
	case "constant":
		return l.A
	case "normal":
		return max(l.A+time.Duration(normal()*float64(l.B)), 0)
	case "lognormal":
		sigma := math.Log(float64(l.B)/float64(l.A)) / z99
		return time.Duration(float64(l.A) * math.Exp(sigma*normal()))
	}
	return 0
}
