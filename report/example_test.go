package report_test

import (
	"fmt"
	"time"

	"mfaload/measure"
	"mfaload/report"
	"mfaload/scenario"
)

// Judge is a pure function of a measurement. What the scenario demands travels in
// the measurement as its terms, so a run can be judged where its scenario is not.
func ExampleJudge() {
	recorder := measure.NewRecorder(1, nil, 0)
	for i := range 100 {
		due := time.Duration(i) * 10 * time.Millisecond
		recorder.Record(0, &measure.Observation{
			Intended: due, Sent: due, Done: due + time.Duration(i+1)*time.Millisecond, // 1 to 100 ms
			Label: "201 OTP_REQUIRED", AsExpected: true,
		})
	}
	m, err := recorder.Measurement()
	if err != nil {
		fmt.Println(err)
		return
	}
	// What the runner knows, and observations do not tell.
	m.Groups, m.Main.Scheduled, m.Main.Planned = []string{"email"}, []uint64{100}, time.Second
	m.Terms = report.TermsOf(&scenario.Scenario{Thresholds: []scenario.Threshold{
		{Metric: scenario.Response, Stat: "p95", Quantile: 95, Limit: 0.080, Written: "80ms"},
		{Metric: scenario.ErrorRate, Limit: 0, Written: "0%"},
	}}).Encode()

	r, err := report.Judge(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Verdict)
	for _, t := range r.Thresholds {
		fmt.Printf("%s: %s (%v %s)\n", t.Expression, t.State, t.Observed, t.Unit)
	}
	// Output:
	// fail
	// response p95 <= 80ms: missed (95.027 ms)
	// errorRate <= 0%: met (0 %)
}
