// Package testkit makes observations, measurements and scenarios for tests. What is
// random in them has the seed that it is given.
package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
	"mfaload/measure/journal"
)

// Observations makes n observations of a few groups, labels and seconds.
func Observations(seed uint64, n int) []*measure.Observation {
	rng, transfers := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	labels := []string{"201 OTP_REQUIRED", "404 NOT_FOUND", "429 REQUEST_LIMITED"}
	var all []*measure.Observation
	for i := range n {
		intended := time.Duration(i) * 10 * time.Millisecond
		late := time.Duration(rng.ExpFloat64() * 1e5)
		o := &measure.Observation{
			Group: rng.IntN(3), Warmup: i < n/10, Intended: intended, Sent: intended + late,
			Done: intended + late + time.Duration(rng.ExpFloat64()*1e8), Own: late / 2,
			Label: labels[rng.IntN(len(labels))], AsExpected: rng.IntN(4) > 0,
		}
		o.RateLimited = o.Label == labels[2]
		o.Refused = o.RateLimited
		if rng.IntN(5) == 0 {
			o.Harmed = o.Own + time.Duration(rng.ExpFloat64()*1e7)
		}
		switch rng.IntN(10) {
		case 0:
			o.Failed, o.AsExpected, o.RateLimited, o.Label = true, false, false, "timeout"
			if rng.IntN(3) == 0 {
				o.Refused, o.Label = true, "connection refused"
			}
		case 1:
			o.Violations = []measure.RuleViolation{{Rule: "echo.user", Pointer: "/user/id", Fails: true,
				Got: fmt.Sprint(i)},
				{Rule: "field.unknown", Pointer: "/new"}}
			o.Example = func(bool) measure.Example {
				return measure.Example{UserID: fmt.Sprint(i), At: intended}
			}
		}
		transfer(transfers, o)
		o.Index = uint64(i)
		all = append(all, o)
	}
	return all
}

// MixedObservations are some that end in all ways, harmed and not, late and early.
func MixedObservations(rng *rand.Rand, n int) (all []*measure.Observation) {
	for range n {
		o := &measure.Observation{Group: rng.IntN(2), Intended: time.Duration(rng.Int64N(6e9)), Label: "201",
			AsExpected: rng.IntN(4) > 0}
		o.Own = time.Duration(rng.Int64N(3e6))
		o.Sent = o.Intended + o.Own + time.Duration(rng.Int64N(2))*time.Second
		o.Done = o.Sent + time.Duration(rng.Int64N(2e9))
		if o.Own >= measure.HarmFloor {
			o.Harmed = o.Own
		}
		if rng.IntN(4) == 0 {
			o.Harmed += time.Duration(rng.Int64N(int64(o.Done - o.Sent + 1)))
		}
		switch rng.IntN(8) {
		case 0:
			o.Label, o.Refused, o.RateLimited = "429", true, true
		case 1:
			o.Label, o.Failed, o.AsExpected = "timeout", true, false
		case 2:
			o.Label, o.Failed, o.AsExpected, o.Refused = "connection refused", true, false, true
		case 3:
			o.Label, o.Failed, o.AsExpected = measure.IdleClosed, true, false
		}
		all = append(all, o)
	}
	return all
}

// Observation makes one of a second that may have all that an observation can have.
func Observation(random *rand.Rand, second int) *measure.Observation {
	o := &measure.Observation{
		Group: random.IntN(3), Intended: time.Duration(second)*time.Second +
			time.Duration(random.Int64N(1e9)),
		Label:       []string{"201 OTP_REQUIRED", "503", "404 NOT_FOUND"}[random.IntN(3)],
		AsExpected:  random.IntN(4) > 0,
		RateLimited: random.IntN(9) == 0, Evaluated: []uint64{random.Uint64N(8)},
		Own: time.Duration(random.Int64N(1e6)) - 1e3,
	}
	o.Sent = o.Intended + time.Duration(random.Int64N(1e6))
	o.Done = o.Sent + time.Duration(random.Int64N(1e9))
	transfer(random, o)
	if o.Refused = o.RateLimited; random.IntN(5) == 0 {
		o.Harmed = time.Duration(1 + random.Int64N(1e8))
	}
	if random.IntN(5) == 0 {
		o.Failed, o.AsExpected, o.RateLimited, o.Evaluated, o.Label = true, false, false, nil, "timeout"
		return o
	}
	for range random.IntN(3) {
		o.Violations = append(o.Violations, measure.RuleViolation{Rule: "a",
			Pointer: fmt.Sprint("/", random.IntN(3)), Fails: random.IntN(2) == 0,
			Expected: "one", Got: fmt.Sprint("two ", random.IntN(100)), Counted: random.IntN(3) == 0})
	}
	o.Example = func(whole bool) measure.Example {
		e := measure.Example{UserID: "u", Status: 201, At: o.Sent}
		if whole {
			e.Answer = &measure.MaskedResponse{Headers: []string{"a: b"}, Body: "{}"}
		}
		return e
	}
	return o
}

// transfer makes up how an observation went over the network.
func transfer(random *rand.Rand, o *measure.Observation) {
	o.Index = random.Uint64N(1e6)
	if random.IntN(9) == 0 {
		return // nothing is known
	}
	part := func() time.Duration { return time.Duration(random.Int64N(int64(max(o.Done-o.Sent, 0))/4 + 1)) }
	o.Connection, o.Age = random.Uint64N(50), time.Duration(random.IntN(1e6))*time.Millisecond
	o.Bytes = random.Uint64N(4096)
	if random.IntN(4) == 0 {
		o.Dial, o.Handshake = part(), part()
	}
	if random.IntN(9) == 0 {
		o.Waited = max(o.Sent-o.Intended, 0) / 2
	}
	if random.IntN(9) == 0 {
		o.Network = part()
	}
	if random.IntN(9) == 0 {
		o.Service = 1 + part()
	}
	if named := random.IntN(3); named > 0 {
		o.Names = func() (string, string, string) { return fmt.Sprint("c", o.Index), "t", "s" }
	}
	if random.IntN(9) > 0 {
		o.FirstByte = o.Dial + o.Handshake + part()
	}
}

// Labels are of all kinds that may ever be recorded: more than are kept apart, of
// responses and failures alike, and some that are no text.
func Labels() []string {
	all := []string{"201 OTP_REQUIRED", "429 REQUEST_LIMITED", "timeout", "other", "", "\xff", "\xf0\x9f",
		"\uffff", "<a&b>", "\u2028"}
	for i := range 40 {
		all = append(all, fmt.Sprintf("%d CODE", 600-i))
	}
	return all
}

// RunLabels are labels that a run may have; nil at times.
func RunLabels(random *rand.Rand) (labels measure.RunLabels) {
	values := []string{"", "4f2a1c", `"quoted" \`, "a=b, c", "<b>|`x`", "日本 ünï\U0001F512",
		strings.Repeat("é", 200)}
	for i := range random.IntN(measure.MaxRunLabels + 1) {
		key := fmt.Sprintf("k%d.%d", i, random.IntN(9))
		labels = labels.With(measure.RunLabels{key: values[random.IntN(len(values))]})
	}
	return labels
}

// LateObservation makes a request that ends about now. It may have been intended long ago,
// or be recorded before the requests of earlier seconds.
func LateObservation(random *rand.Rand, labels []string, groups int, now time.Duration) *measure.Observation {
	back := []time.Duration{0, time.Second, 5 * time.Second, time.Minute, 2 * time.Hour}[random.IntN(5)]
	o := &measure.Observation{
		Group: random.IntN(groups), Warmup: random.IntN(5) == 0, Label: labels[random.IntN(len(labels))],
		Intended:  max(now-time.Duration(random.Int64N(int64(back)+int64(time.Second))), 0),
		Own:       time.Duration(random.Int64N(1e6)) - 1e3,
		Evaluated: []uint64{random.Uint64N(8)},
	}
	o.Sent = o.Intended + time.Duration(random.Int64N(int64(now-o.Intended)+1)) -
		time.Duration(random.Int64N(1e3))
	o.Done = max(now, o.Sent)
	transfer(random, o)
	switch random.IntN(4) {
	case 0:
		o.Failed, o.Disconnected, o.Evaluated = true, random.IntN(2) == 0, nil
		return o
	case 1:
		o.RateLimited = true
	}
	o.AsExpected = random.IntN(3) > 0
	for range random.IntN(3) {
		o.Violations = append(o.Violations,
			measure.RuleViolation{Rule: []string{"a", "b", "\xfe"}[random.IntN(3)],
				Pointer: labels[random.IntN(len(labels))],
				Fails:   random.IntN(2) == 0, Expected: "one", Got: labels[random.IntN(len(labels))],
				Counted: random.IntN(3) == 0})
	}
	return o
}

// Histograms compares histograms and seconds by what they count.
var Histograms = cmp.Options{
	cmp.Comparer(func(a, b *measure.Histogram) bool {
		if a == nil || b == nil {
			return a == b
		}
		return a.Equal(b)
	}),
	cmp.Transformer("all", Seconds),
}

// Lines is the measurement in JSON, with a line for each member.
func Lines(t testing.TB, m *measure.Measurement) string {
	t.Helper()
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), ",", ",\n")
}

// Seconds is all seconds at once.
func Seconds(l measure.Seconds) []*measure.Second { return slices.Collect(l.All()) }

// Final is the recorder's measurement at the end of a run.
func Final(t testing.TB, r *measure.Recorder) *measure.Measurement {
	t.Helper()
	m, err := r.Final()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// MemoryFile is a journal's file. It is full at some size.
type MemoryFile struct {
	bytes.Buffer
	Size  int // 0 for one that is never full
	Syncs int
}

// ErrFull is what writing to a full file returns.
var ErrFull = errors.New("no space left")

// Write implements [journal.File].
func (p *MemoryFile) Write(b []byte) (int, error) {
	if p.Size > 0 && p.Len()+len(b) > p.Size {
		n, _ := p.Buffer.Write(b[:p.Size-p.Len()])
		return n, ErrFull
	}
	return p.Buffer.Write(b)
}

// ReadAt implements [journal.File].
func (p *MemoryFile) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(p.Bytes()).ReadAt(b, at)
}

// Sync implements [journal.File].
func (p *MemoryFile) Sync() error { p.Syncs++; return nil }

// Journaled records a run of some seconds, with all that a run can have, and writes
// it down second by second. End returns what a run has at its end.
func Journaled(t testing.TB, seed uint64, seconds, workers int,
	file journal.File) (end func() *measure.Measurement, frames []int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	rules := []string{"a", "b", "c"}
	r := measure.NewRecorder(3, rules, 2)
	j := journal.NewAppender(file, &measure.Measurement{Version: "v1", Terms: []byte(`{"x":1}`),
		Parts: map[string]string{"p": "q"}})
	end = func() *measure.Measurement {
		m, err := r.Final()
		if err != nil {
			t.Fatal(err)
		}
		j.AddSeconds(m)
		return m
	}
	scheduled, due, withheld := []uint64{0, 0, 0}, []uint64{}, []uint64{}
	state := func(second int) *journal.State {
		d := &measure.Measurement{Schema: measure.Schema, Scenario: "story", Hash: "h",
			Started: time.Unix(1e9, 0).UTC(), Groups: []string{"x", "y", "z"}}
		d.Main.Scheduled, d.Warmup.Scheduled = append([]uint64{}, scheduled...), []uint64{0, 0, 0}
		d.Main.Planned = time.Duration(second) * time.Second
		from := max(second-1, 0)
		d.Profile.Due = append([]uint64{}, due[min(from, len(due)):]...)
		d.Profile.Withheld = append([]uint64{}, withheld[min(from, len(withheld)):]...)
		d.Main.Withheld = []measure.Withheld{{Group: 2, Reason: measure.Paused,
			Count: uint64(len(withheld)+2) / 3}}
		d.Generator = measure.Generator{Cores: 2, Elapsed: d.Main.Planned}
		return &journal.State{Described: d, DueFrom: min(from, len(due)),
			Elapsed: time.Duration(second+1) * time.Second, Hiccups: []time.Duration{time.Duration(second)}}
	}
	first := state(0)
	first.Described.Profile.Stages = []measure.StageSpan{{Name: "steady", End: time.Hour}}
	failed := j.Begin(r, nil, first) != nil
	for second := range seconds {
		due = append(due, 0)
		if second%3 == 0 { // in the others nothing was withheld
			withheld = append(append(withheld, make([]uint64, second-len(withheld))...), 1)
			scheduled[2]++
			due[second]++
		}
		for range 20 + random.IntN(20) {
			o := Observation(random, second)
			scheduled[o.Group]++
			due[second]++
			r.Record(random.IntN(workers), o)
		}
		r.RecordConnection(false, measure.OpenedConnection{Dial: time.Millisecond,
			Handshake: time.Duration(random.IntN(3)), Secure: random.IntN(3) > 0,
			Protocol:  []string{"", measure.HTTP1, measure.HTTP2}[random.IntN(3)],
			Successor: random.IntN(2) > 0})
		r.RecordWait(second%2 == 0, time.Duration(1+random.IntN(1e6)))
		if failed { // and the run goes on
			if again := j.Append(nil); !errors.Is(again, ErrFull) {
				t.Errorf("then %v", again)
			}
			continue
		}
		failed = j.Append(func() *journal.State { return state(second + 1) }) != nil
		if p, ok := file.(*MemoryFile); ok {
			frames = append(frames, p.Len())
		}
	}
	return end, frames
}
