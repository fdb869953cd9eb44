package capacity_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/capacity"
	"mfaload/scenario"
)

func searched(t *testing.T, sys system, change func(*capacity.SearchOptions)) *capacity.SearchResult {
	t.Helper()
	o := sys.options(1)
	change(&o)
	f, err := capacity.Search(context.Background(), o, sys.trial(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range f.Trials {
		if tr.Rate > float64(o.MaxRate)*(1+1e-9) {
			t.Errorf("trial %d goes to %v/s, and the highest rate is %v", tr.Number, tr.Rate, o.MaxRate)
		}
	}
	if f.Took > o.Budget {
		t.Errorf("it took %v of %v", f.Took, o.Budget)
	}
	return f
}

// With stopOn429 nothing goes beyond the lowest rate that was refused, and the
// limit is found nevertheless.
func TestStopOn429(t *testing.T) {
	f := searched(t, refusing(), func(o *capacity.SearchOptions) { o.StopOn429 = true })
	refused := 0
	for _, tr := range f.Trials {
		if tr.Refused > 0 {
			refused++
		}
	}
	if refused != 1 || f.LimitedBy != capacity.LimitedByRefusals || f.Low > 200 || f.High < 200 ||
		f.High/f.Low > 1.06 {
		t.Errorf("%d trials were refused; limited by %s, %v to %v", refused, f.LimitedBy, f.Low, f.High)
	}
}

// A service that does more than may be tried is not said to have a limit.
func TestHighestRateHolds(t *testing.T) {
	f := searched(t, refusing(), func(o *capacity.SearchOptions) { o.MaxRate, o.StartRate = 100, 10 })
	if f.Low != 100 || f.High != 0 || f.LimitedBy != capacity.LimitedByMaxRate || !f.Settled {
		t.Errorf("%+v", f)
	}
}

// A service that does not even take the first rate: the search goes down.
func TestStartsTooHigh(t *testing.T) {
	f := searched(t, refusing(), func(o *capacity.SearchOptions) { o.MaxRate, o.StartRate = 2000, 1000 })
	if f.Low > 200 || f.High < 200 || f.Low < 150 {
		t.Errorf("%v to %v: %s", f.Low, f.High, f.Why)
	}
}

// Without a threshold of times the queue itself has to show that the rate is too
// high: percentiles pass in every trial.
func TestBacklog(t *testing.T) {
	sys := crommelin(95, 60*time.Millisecond)
	sys.limits = []capacity.Criterion{{Name: "response p95 <= 1h", Group: -1, Metric: scenario.Response,
		Over: 3600, Allowed: 0.05}}
	sys.truth = 500
	f := searched(t, sys, func(o *capacity.SearchOptions) {})
	if f.LimitedBy != capacity.LimitedByBacklog || f.Low > 510 || f.High < 490 {
		t.Errorf("limited by %s, %v to %v", f.LimitedBy, f.Low, f.High)
	}
}

// A generator that can't keep up is not a limit of the service.
func TestGeneratorIsNoBreak(t *testing.T) {
	sys := refusing()
	try := sys.trial(1)
	o := sys.options(1)
	o.MaxRate, o.StartRate = 1000, 10
	f, err := capacity.Search(context.Background(), o, func(ctx context.Context, a capacity.TrialSpec) (
		*capacity.Outcome, error) {
		out, err := try(ctx, a)
		if a.Rate > 150 {
			out.Doubts = []string{"mfaload itself was late"}
		}
		return out, err
	})
	if err != nil || f.LimitedBy != capacity.LimitedByGenerator || f.High != 0 || f.Low < 130 ||
		f.Low > 150 || f.Settled {
		t.Errorf("%v: limited by %s, %v to %v, settled %v", err, f.LimitedBy, f.Low, f.High, f.Settled)
	}
}

// What was found so far comes with the interruption.
func TestInterrupted(t *testing.T) {
	sys := refusing()
	try := sys.trial(1)
	gone := errors.New("gone")
	f, err := capacity.Search(context.Background(), sys.options(1), func(ctx context.Context,
		a capacity.TrialSpec) (*capacity.Outcome, error) {
		if a.Number == 4 {
			return nil, gone
		}
		return try(ctx, a)
	})
	if !errors.Is(err, gone) || len(f.Trials) != 3 || f.Low != f.Trials[1].Rate && f.Low != f.Trials[2].Rate {
		t.Errorf("%v: %+v", err, f)
	}
}

func TestNeeded(t *testing.T) {
	for _, test := range []struct {
		p, rate float64
		want    time.Duration
	}{{95, 100, 10 * time.Second}, {99, 100, 50 * time.Second}, {99.9, 100, 500 * time.Second},
		{99, 3, 1667 * time.Second}} {
		if got := capacity.LengthNeeded(percentile(test.p, time.Second), test.rate); got != test.want {
			t.Errorf("p%v at %v/s needs %v, want %v", test.p, test.rate, got, test.want)
		}
	}
}

func TestBudgetEnds(t *testing.T) {
	sys := erlang(95, 150*time.Millisecond)
	f := searched(t, sys, func(o *capacity.SearchOptions) { o.Budget = 3 * time.Minute })
	if f.Settled || f.Why != "the budget of 3m0s was used" || f.Low > sys.truth || f.High < sys.truth {
		t.Errorf("%v to %v: %s", f.Low, f.High, f.Why)
	}
	f = searched(t, sys, func(o *capacity.SearchOptions) { o.MaxRequests = 10_000 })
	sent := 0.0
	for _, tr := range f.Trials {
		for _, s := range tr.Seconds {
			sent += s.Sent
		}
	}
	if sent > 10_000 || math.Abs(f.Confidence-0.5) > 0.5 {
		t.Errorf("%v requests: %s", sent, f.Why)
	}
}

// A service that responses as it likes: whatever a search makes of it, it stays
// within its bounds and says an interval or none.
func TestNonsense(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		sys := erlang(99, 300*time.Millisecond)
		o := sys.options(seed)
		f, err := capacity.Search(context.Background(), o, func(_ context.Context, a capacity.TrialSpec) (
			*capacity.Outcome, error) {
			return nonsense(random, a, o.Limits), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range f.Trials {
			if !(tr.Rate > 0 && tr.Rate <= float64(o.MaxRate)*(1+1e-9)) || tr.Length <= 0 {
				t.Errorf("seed %d: trial %d: %v/s for %v, at most %v/s", seed, tr.Number, tr.Rate, tr.Length,
					o.MaxRate)
			}
		}
		if len(f.Trials) > o.Trials || f.Took > o.Budget || !(f.Confidence >= 0 && f.Confidence <= 1) ||
			f.Why == "" ||
			!(f.Low >= 0 && f.High >= 0) || f.High > 0 && f.High <= f.Low {
			t.Errorf("seed %d: %d trials, %v, %v to %v with %v: %q", seed, len(f.Trials), f.Took, f.Low,
				f.High, f.Confidence, f.Why)
		}
	}
}

// nonsense is a trial whose times have nothing to do with its rate.
func nonsense(random *rand.Rand, a capacity.TrialSpec, limits []capacity.Criterion) *capacity.Outcome {
	o := &capacity.Outcome{Achieved: 1, Quantiles: make([]float64, len(limits))}
	scale, sent := limits[0].Over*math.Exp(2*random.NormFloat64()), math.Round(a.Rate)
	o.Quantiles[0] = scale
	for range a.Length / time.Second {
		s := capacity.TrialSecond{Sent: sent, Expected: sent, Tallies: make([]capacity.Tally, len(limits))}
		for range 20 {
			took := scale * math.Exp(random.NormFloat64()-2)
			s.Response += took * sent / 20
			s.Tallies[0].Add(&limits[0], time.Duration(took*1e9), sent/20)
		}
		s.Tallies[1].Fail(sent, 0)
		o.Seconds = append(o.Seconds, s)
	}
	if random.IntN(10) == 0 {
		o.Doubts = []string{"it was late"}
	}
	return o
}

// A search that was interrupted after any trial ends as if it had not been, and
// what it says in between is what it would have said.
func TestGoesOn(t *testing.T) {
	sys := refusing()
	o := sys.options(1)
	o.Budget, o.Trials = 8*time.Minute, 8
	whole, err := capacity.Search(context.Background(), o, sys.trial(1))
	if err != nil {
		t.Fatal(err)
	}
	for n := len(whole.Trials); n >= 0; n -= 3 {
		o.Recorded = whole.Trials[:n]
		again, err := capacity.Search(context.Background(), o, sys.trial(1))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole, again); diff != "" {
			t.Errorf("after %d trials: %s", n, diff)
		}
		found := capacity.Summarize(o, whole.Trials[:n])
		if len(found.Trials) != n || n > 0 && found.Took > whole.Took || n == len(whole.Trials) &&
			(found.Low != whole.Low || found.High != whole.High || found.Confidence != whole.Confidence) {
			t.Errorf("after %d trials: %+v", n, found)
		}
	}
}

// What ran out of its budget goes on with a larger one.
func TestGoesOnWithMore(t *testing.T) {
	sys := crommelin(95, 60*time.Millisecond)
	o := sys.options(1)
	o.Budget = 8 * time.Minute
	short, err := capacity.Search(context.Background(), o, sys.trial(1))
	if err != nil || short.Settled {
		t.Fatalf("settled %v: %v", short.Settled, err)
	}
	o.Budget, o.Trials, o.Recorded = 2*time.Hour, 30, short.Trials
	long, err := capacity.Search(context.Background(), o, sys.trial(1))
	if err != nil {
		t.Fatal(err)
	}
	if !long.Settled || len(long.Trials) <= len(short.Trials) || long.Low > sys.truth ||
		long.High < sys.truth || long.Took > o.Budget {
		t.Errorf("%v to %v after %d and %d trials: %s", long.Low, long.High, len(short.Trials),
			len(long.Trials), long.Why)
	}
}

// A trial that was stopped is no evidence, however it went so far.
func TestStoppedTrialCountsForNothing(t *testing.T) {
	sys := refusing()
	a := capacity.TrialSpec{Number: 1, Rate: 400, Length: 30 * time.Second}
	o, err := sys.trial(1)(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	if whole := capacity.Judge(a, o, sys.limits); whole.Verdict != capacity.Break {
		t.Fatalf("%+v", whole)
	}
	o.Interrupted = true
	if cut := capacity.Judge(a, o, sys.limits); cut.Verdict != capacity.Inconclusive || cut.Broken != 0.5 {
		t.Errorf("%s with %v", cut.Verdict, cut.Broken)
	}
}
