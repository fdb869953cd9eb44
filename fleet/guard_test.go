package fleet

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"mfaload/measure"
	"mfaload/scenario"
)

// second is a tick in which so many of 100 requests had no response.
func second(n int64, failed uint64) measure.Tick {
	return measure.Tick{Second: n, Counts: measure.Progress{Sent: 100, Clean: 100 - failed,
		Expected: 100 - failed, Failed: failed}}
}

// What ends the run is compared with the sums of all shards: here none of the two
// is beyond the limit of 10% for itself in every second of the window, and
// together they are.
func TestStopOnLooksAtAllShards(t *testing.T) {
	said, nowhere := &says{}, &nats.Conn{}
	c := &Coordinator{Say: said.say, Plan: Plan{Run: "r", Shards: 3, StopOn: []scenario.StopCondition{
		{Threshold: scenario.Threshold{Metric: scenario.ErrorRate, Limit: 0.1}, Window: 2 * time.Second}}}}
	r := newRun(c, nowhere, said.say)
	r.state.Phase = going
	for i := range r.shards {
		r.shards[i] = &shardWorker{shard: i, stage: running}
	}
	tell := func(shard int, ticks ...measure.Tick) {
		r.shards[shard].tell(ticks, r.second)
		r.addUp()
	}
	going := func(want int64) {
		t.Helper()
		if r.state.Stop != nil || r.second != want {
			t.Fatalf("the next second is %d, want %d; stopped: %v", r.second, want, r.state.Stop)
		}
	}
	tell(0, second(1, 0))
	tell(1, second(1, 12))
	going(1) // shard 2 did not tell
	r.shards[2].lost = true
	r.addUp()
	going(2)                              // a lost shard has nothing to tell
	tell(1, second(2, 12), second(3, 30)) // ahead of the other
	tell(0, second(1, 0), second(2, 0))   // and a second again
	going(3)                              // 24 of 400
	tell(0, second(2, 0), second(3, 20))  // 62 of 400
	stop := r.state.Stop
	if stop == nil || r.state.Phase != stopping || stop.At != 3*time.Second {
		t.Fatalf("it goes on: %+v", r.state)
	}
	if want := "15.5%, 62 of 400 requests"; stop.Observed != want {
		t.Errorf("observed is %q, want %q", stop.Observed, want)
	}
}

// What the machines themselves may have caused ends no run: one of two had no
// processor time to spare while requests failed.
func TestStopOnKnowsTheMachines(t *testing.T) {
	for _, busy := range []bool{false, true} {
		c := &Coordinator{Say: (&says{}).say, Plan: Plan{Run: "r", Shards: 2,
			StopOn: []scenario.StopCondition{
				{Threshold: scenario.Threshold{Metric: scenario.ErrorRate, Limit: 0.1},
					Window: 2 * time.Second}}}}
		r := newRun(c, &nats.Conn{}, c.Say)
		r.state.Phase = going
		for i := range r.shards {
			r.shards[i] = &shardWorker{shard: i, stage: running}
		}
		recorder := measure.NewRecorder(1, nil, 0)
		ticks := recorder.Ticks(true)
		for n := int64(1); n < 5; n++ {
			for range 100 {
				recorder.Record(0, &measure.Observation{Intended: time.Duration(n-1) * time.Second,
					Done: time.Duration(n) * time.Second, Failed: true, Label: "timeout"})
			}
			own := &measure.OwnPart{Workers: 100, From: int(n - 1),
				Profile: measure.LoadProfile{Due: []uint64{100}}}
			if busy {
				own.Seconds = []measure.OwnSecond{{Second: n - 1, Available: time.Second, CPU: time.Second}}
			}
			snapshot := &Snapshot{Ticks: []measure.Tick{ticks.Take(time.Duration(n) * time.Second)}, Own: own}
			for _, m := range r.shards {
				m.tell(snapshot.Ticks, r.second)
			}
			r.shards[1].tellOwn(snapshot.Own)
			r.addUp()
		}
		if stopped := r.state.Stop != nil; stopped == busy {
			t.Errorf("busy: %v, stopped: %+v", busy, r.state.Stop)
		}
	}
}
