package measure_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"mfaload/internal/testkit"
	"mfaload/measure"
)

// All of a response time has a cause, whatever is known of it.
func TestTimeSpentAddsUp(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 9))
	for i := range 300 {
		o := testkit.Observation(random, i)
		o.Refused, o.Warmup, o.RateLimited = false, false, false
		r := measure.NewRecorder(3, nil, 0)
		r.Record(0, o)
		m, err := r.Measurement()
		if err != nil {
			t.Fatal(err)
		}
		b := m.Main.Breakdown
		if o.Connection == 0 && o.Dial == 0 && o.FirstByte == 0 {
			if b != nil {
				t.Errorf("nothing is known of %+v, and there is a breakdown", o.RequestTransfer)
			}
			continue
		}
		response := o.Done - o.Intended
		if got := b.Slowest[0].Spent.Total(); got != response || b.Rows[0].Spent.Total() != response {
			t.Errorf("%v of %v: %+v", got, response, o)
		}
		row := b.Rows[0].Bucket
		if from, to := measure.BucketFrom(row), measure.BucketFrom(row+1); response < from || response >= to {
			t.Errorf("%v is in the row from %v up to %v", response, from, to)
		}
	}
}

// What is said of the slow requests is beyond what typical ones take.
func TestSlowSummary(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	r := measure.NewRecorder(1, nil, 0)
	for i := range 1000 {
		o := &measure.Observation{Index: uint64(i), Done: 200 * ms, Label: "201",
			RequestTransfer: measure.RequestTransfer{Connection: 1, FirstByte: 200 * ms}}
		if i%200 == 0 { // 5 of 1000
			o.Done, o.FirstByte, o.Network = 500*ms, 500*ms, 225*ms
		}
		r.Record(i, o)
	}
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	slow := m.Main.Breakdown.Above(99.5)
	if slow.Requests != 5 || slow.From > 500*ms || slow.From < 490*ms ||
		slow.Excess[measure.ByNetwork] != 5*225*ms || slow.Excess[measure.ByService] != 5*75*ms {
		t.Errorf("%+v", slow)
	}
	slowest := m.Main.Breakdown.Slowest
	if len(slowest) != measure.MaxSlowest || slowest[0].Index != 0 || slowest[4].Index != 800 ||
		slowest[0].Cause(slow.Typical) != measure.ByNetwork || slowest[5].Response != 200*ms {
		t.Errorf("%+v", slowest)
	}
}
