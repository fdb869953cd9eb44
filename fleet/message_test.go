package fleet

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
)

// testBeat is a beat with all that one may have.
func testBeat() beat {
	return beat{Host: "machine-1", Shard: 3, Stage: running, Offset: -time.Second,
		RoundTrip: time.Millisecond,
		Snapshot:  snapshot(shardOf(3, 8), 1)}
}

func testPlan() planMessage {
	return planMessage{Protocol: protocol, Version: testVersion, Scenario: "s", Hash: testHash, Shards: 8,
		Spread: time.Second,
		Files:  []fileRef{{"scenario/s.yaml", 10, strings.Repeat("0a", 32)}}}
}

// What comes over the network and would have somebody run out of memory, panic, or
// write what moves a terminal's cursor, is refused.
func TestHostileMessages(t *testing.T) {
	bentPlan := func(bend func(*planMessage)) []byte { p := testPlan(); bend(&p); return encode(p) }
	bentBeat := func(bend func(*beat)) []byte { b := testBeat(); bend(&b); return encode(b) }
	plans := map[string][]byte{
		"no shards":             bentPlan(func(p *planMessage) { p.Shards = 0 }),
		"billions of shards":    bentPlan(func(p *planMessage) { p.Shards = 1 << 40 }),
		"a spread before now":   bentPlan(func(p *planMessage) { p.Spread = -2 }),
		"a spread of years":     bentPlan(func(p *planMessage) { p.Spread = 1 << 62 }),
		"billions of responses": bentPlan(func(p *planMessage) { p.Answers = 1 << 40 }),
		"many files":            bentPlan(func(p *planMessage) { p.Files = make([]fileRef, 5000) }),
		"a file elsewhere":      bentPlan(func(p *planMessage) { p.Files[0].Name = "../s.yaml" }),
		"a file of terabytes":   bentPlan(func(p *planMessage) { p.Files[0].Size = 1 << 40 }),
		"a file below 0":        bentPlan(func(p *planMessage) { p.Files[0].Size = -1 }),
		"no checksum":           bentPlan(func(p *planMessage) { p.Files[0].SHA256 = "" }),
		"a terminal's codes":    bentPlan(func(p *planMessage) { p.Scenario = "\x1b[2J" }),
		"a label of two lines":  bentPlan(func(p *planMessage) { p.Labels = measure.RunLabels{"a": "b\n"} }),
		"a megabyte":            bentPlan(func(p *planMessage) { p.Withheld = strings.Repeat("x", 1<<20) }),
	}
	for name, data := range plans {
		if p, err := decode[planMessage](data); err == nil {
			t.Errorf("a plan with %s is taken: %.100v", name, p)
		}
	}
	beats := map[string][]byte{
		"a shard before the first": bentBeat(func(b *beat) { b.Shard = -2 }),
		"a shard of none":          bentBeat(func(b *beat) { b.Shard = 1 << 40 }),
		"an unknown stage":         bentBeat(func(b *beat) { b.Stage = "asleep" }),
		"a host of lines":          bentBeat(func(b *beat) { b.Host = "a\nmfaload: lost: shard 0" }),
		"a host that is long":      bentBeat(func(b *beat) { b.Host = strings.Repeat("x", 1000) }),
		"a reason with codes":      bentBeat(func(b *beat) { b.Why = "\x1b[2J" }),
		"a round trip before now":  bentBeat(func(b *beat) { b.RoundTrip = -1 }),
		"more clean than sent":     bentBeat(func(b *beat) { b.Snapshot.Progress.Clean = 2 }),
		"no part":                  bentBeat(func(b *beat) { b.Snapshot.SoFar = nil }),
		"seconds without figures": bentBeat(func(b *beat) {
			b.Snapshot.Ticks = []measure.Tick{{Seconds: []*measure.Second{{}}}}
		}),
		"a part before the start": bentBeat(func(b *beat) { b.Snapshot.Own = &measure.OwnPart{From: -1} }),
		"a part of many seconds": bentBeat(func(b *beat) {
			b.Snapshot.Own = &measure.OwnPart{Profile: measure.LoadProfile{Due: make([]uint64, 1000)}}
		}),
		"many seconds": bentBeat(func(b *beat) { b.Snapshot.Ticks = make([]measure.Tick, 100) }),
	}
	for name, data := range beats {
		if b, err := decode[beat](data); err == nil {
			t.Errorf("a beat with %s is taken: %.100v", name, b)
		}
	}
	for name, data := range map[string][]byte{"plan": encode(testPlan()), "beat": encode(testBeat())} {
		if _, err := decode[planMessage](data); name == "plan" && err != nil {
			t.Error(err)
		}
		if _, err := decode[beat](data); name == "beat" && err != nil {
			t.Error(err)
		}
	}
}

var update = flag.Bool("update", false, "write testdata/messages.txt again")

// TestMessagesAreFrozen holds the bytes of every kind of message to those of an
// earlier version: coordinator and workers may be of two. With -update they are
// written again.
func TestMessagesAreFrozen(t *testing.T) {
	start := time.Date(2026, 11, 30, 21, 0, 0, 5, time.UTC)
	long := testBeat()
	long.Why, long.Snapshot = "why", snapshot(shardOf(3, 8), 20)
	long.Snapshot.Elapsed, long.Snapshot.InFlight = time.Second, 2
	long.Snapshot.Ticks = []measure.Tick{{Second: 1, Seconds: []*measure.Second{{}}}}
	long.Snapshot.Own = &measure.OwnPart{From: 1, Profile: measure.LoadProfile{Due: []uint64{1, 2}}}
	whole := testPlan()
	whole.Epoch, whole.Answers, whole.Withheld = "epoch", 2, "why"
	whole.Labels = measure.RunLabels{"commit": "4f2a1c", "branch": "main"}
	stop := &measure.Stop{At: time.Second, Condition: "condition", Observed: "observed", Early: true,
		OfTimes: true}
	var text strings.Builder
	for _, m := range []struct {
		kind    string
		message any
	}{
		{"hello", hello{protocol, testVersion, "machine-1"}}, {"plan", testPlan()}, {"plan", whole},
		{"piece", fileChunk{1, 1 << 19}}, {"claim", claim{AnyShard, "machine-1", testHash}},
		{"grant", grant{3, ""}}, {"grant", grant{-1, "all are taken"}},
		{"offer", offer{1 << 20, strings.Repeat("0a", 32), 1 << 19}},
		{"receipt", receipt{Next: 1 << 19}}, {"receipt", receipt{Wait: true}},
		{"receipt", receipt{Stored: true}},
		{"receipt", receipt{Refused: "why"}}, {"beat", testBeat()}, {"beat", long},
		{"state", runState{Phase: going, Epoch: "epoch", Start: start, Stop: &measure.Stop{}}},
		{"state", runState{Phase: stopping, Epoch: "epoch", Start: start, Why: "why", Stop: stop,
			Out: []int{1, 2}}},
		{"phases", []runPhase{gathering, arming, going, stopping, cancelled, done}},
		{"stages", []workerStage{refused, claimed, ready, armed, running, delivering, delivered, gone, left}},
		{"protocol", protocol},
	} {
		fmt.Fprintf(&text, "%s %s\n", m.kind, encode(m.message))
	}
	const file = "testdata/messages.txt"
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text.String(), "\n")); diff != "" {
		t.Errorf("messages have other bytes than %s (-want +got):\n%s", file, diff)
	}
}

// What coordinator and workers say to each other: whatever is taken has sizes
// that nobody runs out of memory with, and is said again the same.
func FuzzMessage(f *testing.F) {
	for kind, message := range []any{testPlan(), testBeat(), hello{protocol, testVersion, "machine-1"},
		runState{Phase: going, Start: time.Unix(1e9, 0), Stop: &measure.Stop{}},
		claim{AnyShard, "machine-1", testHash}, grant{3, ""}, offer{1 << 20, strings.Repeat("0a", 32),
			1 << 19}, receipt{Next: 1 << 19}, fileChunk{1, 1 << 19}} {
		f.Add(uint8(kind), encode(message))
	}
	f.Add(uint8(0), []byte(`{"shards":1e18,"spread_ns":-9223372036854775808}`))
	f.Add(uint8(1), []byte(`{"snapshot":{"ticks":[{},{}]}}`))
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		switch kind % 9 {
		case 0:
			if p, ok := taken[planMessage](t, data); ok && p.Protocol == protocol &&
				(p.Shards < 1 || p.Shards > measure.MaxShards || p.Spread < 0 || len(p.Files) > maxFiles) {
				t.Errorf("%s is taken for a plan", data)
			}
		case 1:
			if b, ok := taken[beat](t, data); ok {
				m := &shardWorker{}
				if s := b.Snapshot; s != nil {
					m.tell(s.Ticks, 1)
					m.tellOwn(s.Own)
					sum := SnapshotSum{Response: measure.NewHistogram()}
					sum.add(s)
				}
				if len(m.ticks) > ticksKept || len(b.Host) > maxHost {
					t.Errorf("%s is taken for a beat", data)
				}
			}
		case 2:
			taken[hello](t, data)
		case 3:
			taken[runState](t, data)
		case 4:
			taken[claim](t, data)
		case 5:
			taken[grant](t, data)
		case 6:
			if o, ok := taken[offer](t, data); ok && o.Offset > o.Size {
				t.Errorf("%s is taken for an offer", data)
			}
		case 7:
			taken[receipt](t, data)
		case 8:
			taken[fileChunk](t, data)
		}
	})
}

// taken decodes a message, and again what is made of it.
func taken[T message](t *testing.T, data []byte) (T, bool) {
	m, err := decode[T](data)
	if err != nil {
		return m, false
	}
	if again, err := decode[T](encode(m)); err != nil {
		t.Errorf("%s is taken, and then not: %v, %v", data, again, err)
	}
	return m, true
}
