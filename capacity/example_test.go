package capacity_test

import (
	"context"
	"fmt"
	"time"

	"mfaload/capacity"
	"mfaload/scenario"
)

// A search is a loop over trials, and knows nothing of how a rate is tried: mfaload
// gives it a function that runs the scenario, a test one that computes. This service
// takes 10 ms up to 200 requests a second, and 300 ms above.
func ExampleSearch() {
	limits := []capacity.Criterion{
		{Name: "response p95 <= 100ms", Group: -1, Metric: scenario.Response, Over: 0.1, Allowed: 0.05},
	}
	try := func(_ context.Context, a capacity.TrialSpec) (*capacity.Outcome, error) {
		took := 10 * time.Millisecond
		if a.Rate > 200 {
			took = 300 * time.Millisecond
		}
		o := &capacity.Outcome{Achieved: 1, Quantiles: []float64{took.Seconds()}}
		for range int(a.Length.Seconds()) {
			s := capacity.TrialSecond{Sent: a.Rate, Expected: a.Rate, Response: a.Rate * took.Seconds()}
			s.Tallies = make([]capacity.Tally, len(limits))
			s.Tallies[0].Add(&limits[0], took, a.Rate)
			o.Seconds = append(o.Seconds, s)
		}
		return o, nil
	}
	found, err := capacity.Search(context.Background(), capacity.SearchOptions{
		Limits: limits,
		Capacity: scenario.Capacity{
			MaxRate: 1000, StartRate: 50, Width: 0.05, Confidence: 0.95,
			Trial: 30 * time.Second, Budget: time.Hour, Trials: 15,
		},
	}, try)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, limited by %s\n", found.Interval(), found.LimitedBy)
	// Output:
	// between 200/s and 204.2/s, limited by response p95 <= 100ms
}
