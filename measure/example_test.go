package measure_test

import (
	"fmt"
	"time"

	"mfaload/measure"
)

// A recorder adds up observations; the measurement is their sum. The second request
// was due after a second and sent half a second late: its response time counts
// from when it was due, its service time from when it was sent.
func ExampleRecorder() {
	r := measure.NewRecorder(1, nil, 0) // one group of users, no rules, no whole responses kept
	const ms = time.Millisecond
	for worker, o := range []measure.Observation{
		{Intended: 0, Sent: 0, Done: 80 * ms, Label: "201 OTP_REQUIRED", AsExpected: true},
		{Intended: 1000 * ms, Sent: 1500 * ms, Done: 1580 * ms, Label: "201 OTP_REQUIRED", AsExpected: true},
		{Intended: 2000 * ms, Sent: 2000 * ms, Done: 2010 * ms, Label: "503 not from the service"},
	} {
		r.Record(worker, &o)
	}
	m, err := r.Measurement()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range m.Main.Cells {
		fmt.Printf("%s: %d requests, response max %v, service max %v\n",
			c.Label, c.Response.Count(), c.Response.Max(), c.Service.Max())
	}
	// Output:
	// 201 OTP_REQUIRED: 2 requests, response max 580ms, service max 80ms
	// 503 not from the service: 1 requests, response max 10ms, service max 10ms
}
