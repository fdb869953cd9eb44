package capacity_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/capacity"
)

// A search that was broken off after any trial ends as if it had not been, and
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
		if len(found.Trials) != n || n > 0 && found.Took > whole.Took || n == len(whole.Trials) && (found.Low != whole.Low || found.High != whole.High || found.Confidence != whole.Confidence) {
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
	if !long.Settled || len(long.Trials) <= len(short.Trials) || long.Low > sys.truth || long.High < sys.truth || long.Took > o.Budget {
		t.Errorf("%v to %v after %d and %d trials: %s", long.Low, long.High, len(short.Trials), len(long.Trials), long.Why)
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
