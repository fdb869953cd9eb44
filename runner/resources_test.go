package runner_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mfaload/contract"
	"mfaload/internal/machine"
	"mfaload/measure"
	"mfaload/measure/journal"
	"mfaload/runner"
	"mfaload/runner/plan"
	"mfaload/scenario"
)

// scattered are response times of a log-normal distribution.
type scattered struct {
	mu     sync.Mutex
	random *rand.Rand
}

func (s *scattered) next() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(80e6 * math.Exp(0.6*s.random.NormFloat64()))
}

// late waits as a machine does, about a tenth of a millisecond too long.
func (s *scattered) late(ctx context.Context, until time.Time) {
	machine.TimerWait(ctx, until.Add(s.next()/1000))
}

// about fails where a need is not within a factor of what was measured.
func about(t *testing.T, name string, need uint64, measured int, factor float64) {
	t.Helper()
	t.Logf("%s: %d bytes, measured %d", name, need, measured)
	if n, m := float64(need), float64(measured); n > factor*m || n < m/factor {
		t.Errorf("%s: the need is %d bytes, measured were %d", name, need, measured)
	}
}

// What a plan says of the disk is, about, what a run takes. Requests are
// late as they are on a real machine, on a virtual clock.
func TestNeedIsWhatARunTakes(t *testing.T) {
	for _, test := range []struct {
		rate   scenario.Rate
		groups int
	}{{2, 1}, {40, 1}, {40, 8}, {400, 2}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				needOfARun(t, load(constant(test.rate, 30*time.Second)), test.groups)
			})
		})
	}
}

func needOfARun(t *testing.T, l scenario.Load, groups int) {
	t.Helper()
	l.Workers = 1000
	s := oneGroup(l)
	s.Groups = nil
	for g := range groups {
		s.Groups = append(s.Groups, scenario.Group{Name: fmt.Sprint("g", g), IDs: []string{"a", "b"},
			Weight: 1})
	}
	times := &scattered{random: rand.New(rand.NewPCG(1, 2))}
	op := &service{answer: func(ctx context.Context) error { return sleep(ctx, times.next()) }}
	file := &book{}
	r := runner.New(runner.Config{Scenario: s, Operation: &ruled{op}, Wait: times.late,
		Rules: make([]string, 60)})
	m, err := r.Run(t.Context(), runner.Start{Journal: journal.NewAppender(file, &measure.Measurement{})})
	if err != nil {
		t.Fatal(err)
	}
	need := plan.New(s, 0).Needs
	about(t, "journal", need.Journal, file.Len(), 1.7)
	about(t, "results", need.Results-2<<20, results(t, m), 1.7)
}

// results is how many bytes the files take that grow with the time of a run.
func results(t *testing.T, m *measure.Measurement) int {
	t.Helper()
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := m.HLog(&log); err != nil {
		t.Fatal(err)
	}
	return len(data) + log.Len()
}

// ruled evaluates some rules, as a contract does, and tells when the first byte was there.
type ruled struct{ *service }

func (r *ruled) Send(ctx context.Context, u scenario.User, ex *contract.Exchange) error {
	err := r.service.Send(ctx, u, ex)
	ex.Transfer.Connection, ex.Transfer.First = 1, time.Now()
	return err
}

func (r *ruled) Check(u scenario.User, ex *contract.Exchange, dst []contract.Violation) []contract.Violation {
	ex.Evaluated = append(ex.Evaluated[:0], 1<<59-1)
	return r.service.Check(u, ex, dst)
}

// Ten minutes at 2,000/s take what a plan says, and a day 144 times that.
func TestNeedOfASoak(t *testing.T) {
	const seconds, rate = 600, 2000
	times := &scattered{random: rand.New(rand.NewPCG(3, 4))}
	r := measure.NewRecorder(1, nil, 0)
	const different = 60 // more than what gzip sees at once
	for n := range different * rate {
		at := time.Duration(n) * time.Second / rate
		sent := at + time.Duration(50e3*times.random.ExpFloat64())
		first, body := times.next(), time.Duration(30e3*times.random.ExpFloat64())
		r.Record(0, &measure.Observation{Intended: at, Sent: sent, Done: sent + first + body,
			Label: "201 OTP_REQUIRED", AsExpected: true,
			RequestTransfer: measure.RequestTransfer{Connection: 1, FirstByte: first}})
	}
	short, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	var m measure.Measurement
	for n := range int64(seconds) {
		s := *short.Seconds.At(n % different)
		s.Second = n
		m.Seconds.Append(&s)
	}
	took := results(t, &m)
	planned := func(length time.Duration) plan.Resources {
		return plan.New(oneGroup(load(constant(rate, length))), 0).Needs
	}
	need, day := planned(seconds*time.Second), planned(24*time.Hour)
	about(t, "results", need.Results-2<<20, took, 1.5)
	about(t, "a day", day.Results-2<<20, 144*took, 1.5)
	about(t, "its journal", day.Journal, 24*3600*rate*27, 1.2)
	if day.Memory > 512<<20 {
		t.Errorf("a day takes %d bytes of memory", day.Memory)
	}
	if eight := plan.New(oneGroup(load(constant(rate, 24*time.Hour))),
		0).Resources(8); 5*eight.Journal > day.Journal {
		t.Errorf("one of eight shards takes %d bytes of journal, all of it %d", eight.Journal, day.Journal)
	}
}
