package schedule_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"mfaload/measure"
	"mfaload/runner/schedule"
	"mfaload/scenario"
)

func userID(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

// replaying reads a scenario that replays a recording; it says what is wrong with it. Keys are those of the
// load and of the replay, groups those of the users.
func replaying(t testing.TB, recording, keys, load, groups string) (*scenario.Scenario, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rows.csv"), []byte(recording), 0o600); err != nil {
		t.Fatal(err)
	}
	if groups == "" {
		groups = "[{name: a}]"
	}
	s, err := scenario.Parse(filepath.Join(dir, "s.yaml"), []byte("name: s\ntarget: {simulator: "+
		"{}}\nusers: "+groups+
		"\nload: {"+load+" replay: {file: rows.csv, "+keys+"}}\n"), os.LookupEnv)
	if err == nil {
		t.Cleanup(func() { s.Close() })
		err = s.ReadUsers(nil)
	}
	return s, err
}

func mustReplay(t testing.TB, recording, keys, load, groups string) *scenario.Scenario {
	t.Helper()
	s, err := replaying(t, recording, keys, load, groups)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rowsAt is a recording with a user of its own in each row, numbered from 0.
func rowsAt(column string, times ...string) string {
	text := column + ",userID\n"
	for i, at := range times {
		text += at + "," + userID(i) + "\n"
	}
	return text
}

func TestReplayLiterals(t *testing.T) {
	three := rowsAt("seconds", "100", "100.25", "101.000000001")
	day := func(times ...string) string { return rowsAt("time", times...) }
	for _, test := range []struct {
		name, recording, keys, load string
		at                          []time.Duration
		users                       []int
		end                         time.Duration
	}{
		{"own speed", three, "", "", []time.Duration{0, 250 * ms, 1000000001}, []int{0, 1, 2},
			2 * time.Second},
		{"faster", three, "speed: 1.5", "", []time.Duration{0, 166666667, 666666667}, []int{0, 1, 2},
			1333333333},
		{"a tenth", three, "speed: 0.1x", "", []time.Duration{0, 2500 * ms, 10000000010}, []int{0, 1, 2},
			20 * time.Second},
		{"milliseconds", rowsAt("milliseconds", "1.5", "2.000001"), "", "", []time.Duration{0, 500001},
			[]int{0, 1},
			time.Second},
		{"twice", three, "loop: 2", "", []time.Duration{0, 250 * ms, 1000000001, 2 * time.Second, 2250 * ms,
			3000000001}, []int{0, 1, 2, 0, 1, 2}, 4 * time.Second},
		{"equal times keep their order", rowsAt("seconds", "5", "5", "5"), "", "", []time.Duration{0, 0, 0},
			[]int{0, 1, 2}, time.Second},
		{"late rows find their places", rowsAt("seconds", "2", "1", "2", "1"), "", "",
			[]time.Duration{0, 0, time.Second, time.Second}, []int{1, 3, 0, 2}, 2 * time.Second},
		{"a cut by durations", rowsAt("seconds", "0", "1", "2", "3"), "from: 500ms, to: 3s, loop: 2", "",
			[]time.Duration{500 * ms, 1500 * ms, 3 * time.Second, 4 * time.Second}, []int{1, 2, 1, 2},
			5 * time.Second},
		{"a cut at speed", rowsAt("seconds", "0", "1", "2", "3"), "from: 1s, to: 3s, speed: 2", "",
			[]time.Duration{0, 500 * ms}, []int{1, 2}, time.Second},
		{"to after the end", three, "to: 1h", "", []time.Duration{0, 250 * ms, 1000000001}, []int{0, 1, 2},
			2 * time.Second},
		{"half", rowsAt("seconds", "0", "1", "2", "3", "4"), "", "rateFactor: 50%,",
			[]time.Duration{0, 2 * time.Second, 4 * time.Second}, []int{0, 2, 4}, 5 * time.Second},
		{"30%", rowsAt("seconds", "0", "1", "2", "3", "4", "5", "6"), "", "rateFactor: 30%,",
			[]time.Duration{0, 3 * time.Second, 6 * time.Second}, []int{0, 3, 6}, 7 * time.Second},
		{"three times", rowsAt("seconds", "0", "3"), "", "rateFactor: 300%,",
			[]time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 3333333333, 3666666666},
			[]int{0, 0, 0, 1, 1, 1}, 4 * time.Second},
		{"a warm-up sends the first once more", rowsAt("seconds", "0", "1", "2"), "", "warmup: 1500ms,",
			[]time.Duration{0, time.Second, 1500 * ms, 2500 * ms, 3500 * ms}, []int{0, 1, 0, 1, 2},
			4500 * ms},
		{"a cap", three, "loop: 3", "maxRequests: 4,", []time.Duration{0, 250 * ms, 1000000001,
			2 * time.Second},
			[]int{0, 1, 2, 0}, 2250 * ms},
		// Clocks that go forward at two, and back at three, lose and gain nothing.
		{"clocks go forward", day("2026-03-29T01:59:59.5+01:00", "2026-03-29T03:00:00+02:00"), "", "",
			[]time.Duration{0, 500 * ms}, []int{0, 1}, time.Second},
		{"clocks go back", day("2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00",
			"2026-10-25T02:30:00+01:00"),
			"speed: 60", "", []time.Duration{0, 30 * time.Second, 60 * time.Second}, []int{0, 1, 2},
			60016666667},
		{"a time of day by the rows' clock", day("2026-03-29T01:00:00+01:00", "2026-03-29T03:30:00+02:00",
			"2026-03-29T04:00:00+02:00", "2026-03-29T04:30:00+02:00"), "from: 03:30, to: 04:30, speed: 60",
			"",
			[]time.Duration{0, 30 * time.Second}, []int{1, 2}, time.Minute},
		{"a time of the next day", day("2026-03-01T23:00:00Z", "2026-03-02T00:30:00Z",
			"2026-03-02T01:00:00Z"),
			"from: 00:29:59, to: 00:59", "", []time.Duration{time.Second}, []int{1},
			29*time.Minute + time.Second},
		{"an instant", day("2026-03-01T23:00:00Z", "2026-03-01T23:00:01Z", "2026-03-01T23:00:02Z"),
			"from: 2026-03-02T00:00:00.5+01:00", "", []time.Duration{500 * ms, 1500 * ms}, []int{1, 2},
			2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			sch := schedule.New(mustReplay(t, test.recording, test.keys, test.load, ""))
			var at []time.Duration
			var users []string
			for a := range sch.All() {
				at, users = append(at, a.At), append(users, a.User.ID)
			}
			var want []string
			for _, n := range test.users {
				want = append(want, userID(n))
			}
			if diff := cmp.Diff(test.at, at); diff != "" {
				t.Error("times: " + diff)
			}
			if diff := cmp.Diff(want, users); diff != "" {
				t.Error("users: " + diff)
			}
			if sch.End() != test.end || sch.Count() != uint64(len(at)) {
				t.Errorf("%d arrivals until %v, want %d until %v", sch.Count(), sch.End(), len(at), test.end)
			}
			counted := uint64(0)
			for _, s := range sch.StageCounts() {
				counted += s.Requests
			}
			if counted != uint64(len(at)) {
				t.Errorf("the stages have %d", counted)
			}
		})
	}
}

// randomRecording has times that are not in order, bursts, and users who come again.
func randomRecording(rng *rand.Rand, rows, users int) string {
	var b strings.Builder
	b.WriteString("milliseconds,userID,group\n")
	for i := range rows {
		user := rng.IntN(users)
		fmt.Fprintf(&b, "%d,%s,%s\n", 3*i/2+rng.IntN(400), userID(user), []string{"a", "b"}[user%2])
	}
	return b.String()
}

const twoGroups = "[{name: a}, {name: b}]"

// The shards of a replay send each arrival of the whole once, for its user; so do two sides that alternate.
func TestReplayIsShared(t *testing.T) {
	s := mustReplay(t, randomRecording(rand.New(rand.NewPCG(1, 2)), 5000, 90), "speed: 2, loop: 2",
		"warmup: 1s,",
		twoGroups)
	whole := slices.Collect(schedule.New(s).All())
	for i := range whole {
		if i > 0 && whole[i].At < whole[i-1].At || whole[i].Index != uint64(i) {
			t.Fatal("not in order: ", whole[i])
		}
		whole[i].Turn = 0 // counts on each shard
	}
	same := func(what string, parts ...*schedule.Schedule) {
		var all []schedule.Arrival
		for _, p := range parts {
			own := slices.Collect(p.All())
			if p.Count() != uint64(len(own)) {
				t.Errorf("%s: %d arrivals, %d counted", what, len(own), p.Count())
			}
			all = append(all, own...)
		}
		slices.SortFunc(all, func(a, b schedule.Arrival) int { return int(a.Index) - int(b.Index) })
		for i := range all {
			all[i].Turn = 0
		}
		if diff := cmp.Diff(whole, all); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	var shards []*schedule.Schedule
	for i := range 3 {
		of := measure.Shard{Run: "r", Index: i, Count: 3}
		if err := schedule.CheckShard(s, of); err != nil {
			t.Fatal(err)
		}
		shards = append(shards, schedule.NewShard(s, &of))
	}
	same("shards", shards...)
	same("sides", schedule.New(s).Alternate(0), schedule.New(s).Alternate(1))
}

// Rows without a user take the next one of their group, whose own rules hold.
func TestReplayWithoutUsers(t *testing.T) {
	s := mustReplay(t, "seconds,group\n0,a\n1,b\n2,a\n3,\n4,b\n", "", "",
		"[{name: a, ids: ["+userID(1)+", "+userID(2)+"]}, {name: b, ids: ["+userID(3)+"], order: once}]")
	var got []string
	for a := range schedule.New(s).All() {
		got = append(got, strings.TrimPrefix(a.User.ID, "00000000-0000-0000-0000-00000000000")+a.Withheld)
	}
	if diff := cmp.Diff([]string{"1", "3", "2", "1", measure.RanOut}, got); diff != "" {
		t.Error(diff)
	}
}

// Demand counts as who looks at every arrival does; of a run over several days never less.
func TestReplayDemand(t *testing.T) {
	for _, test := range []struct {
		keys, load string
		exact      bool
	}{
		{"loop: 3", "", true}, {"", "maxRequests: 700,", true}, {"loop: 2", "warmup: 1s,", true},
		{"speed: 0.001", "", false}, {"speed: 0.001, loop: 3", "warmup: 10m,", false},
		{"speed: 0.0045, loop: 17", "", false},
	} {
		s := mustReplay(t, randomRecording(rand.New(rand.NewPCG(3, 4)), 900, 7), test.keys, test.load,
			twoGroups)
		want := make([]schedule.GroupDemand, 2)
		times := map[scenario.User][]time.Duration{}
		for a := range schedule.New(s).All() {
			of := &want[a.User.Group]
			of.Requests++
			own := append(times[a.User], a.At)
			times[a.User] = own
			of.PerUser = max(of.PerUser, uint64(len(own)))
			from, _ := slices.BinarySearch(own, a.At-24*time.Hour+1)
			of.PerUserWithin = max(of.PerUserWithin, uint64(len(own)-from))
		}
		got := schedule.New(s).Demand(24 * time.Hour)
		for i := range got {
			w, g := want[i], got[i]
			if g.Requests != w.Requests || g.PerUser != w.PerUser || g.PerUserWithin < w.PerUserWithin ||
				g.Within > g.Requests ||
				test.exact && g.PerUserWithin != w.PerUserWithin || g.PerUserWithin > 2*w.PerUserWithin+2 {
				t.Errorf("%s %s: group %d: %+v, want %+v", test.keys, test.load, i, g, w)
			}
		}
	}
}

// Rates are those of the recording second by second, and gzip changes nothing.
func TestReplayRates(t *testing.T) {
	text := rowsAt("seconds", "0", "0.1", "0.2", "2", "2.5")
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	s, zipped := mustReplay(t, text, "loop: 2", "", ""), mustReplay(t, packed.String(), "loop: 2", "", "")
	if s.Hash() != zipped.Hash() {
		t.Error("compressed, it is another load")
	}
	sch := schedule.New(s)
	if sch.Peak() != 3 || sch.Rate(500*ms) != 3 || sch.Rate(1500*ms) != 0 || sch.Rate(2500*ms) != 2 ||
		sch.Upto(3*time.Second) != 5 || sch.Upto(6*time.Second) != 10 ||
		sch.MeanRate(0, 6*time.Second) != 10./6 {
		t.Errorf("peak %v, rates %v %v %v, upto %v %v", sch.Peak(), sch.Rate(500*ms), sch.Rate(1500*ms),
			sch.Rate(2500*ms), sch.Upto(3*time.Second), sch.Upto(6*time.Second))
	}
	if p, ok := sch.Place(4 * time.Second); !ok || p.Name != "replay rows.csv" || p.Cycle != 2 {
		t.Errorf("%+v", p)
	}
}
