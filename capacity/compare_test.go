package capacity_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"mfaload/capacity"
	"mfaload/internal/schemagen"
	"mfaload/internal/schematest"
)

var update = flag.Bool("update", false, "write comparison.schema.json again")

func between(low, high, confidence float64) capacity.RateInterval {
	r := capacity.RateInterval{Confidence: confidence}
	if low > 0 {
		r.Low = &low
	}
	if high > 0 {
		r.High = &high
	}
	return r
}

func found(rate capacity.RateInterval) *capacity.Result {
	return &capacity.Result{Schema: capacity.Schema, Complete: true, Rate: rate,
		LimitedBy:  "response p95 <= 150ms",
		Thresholds: []capacity.ThresholdRate{{Limit: "response p95 <= 150ms", RateInterval: rate}},
		Trials:     []capacity.TrialRow{{Limits: []capacity.TrialLimit{{Limit: "response p95 <= 150ms"}}}}}
}

func TestCompare(t *testing.T) {
	base := between(440, 460, 0.95)
	for _, c := range []struct {
		name      string
		base, new capacity.RateInterval
		want      capacity.ChangeVerdict
		low, high float64 // %; 0 is none
	}{
		{"the same", base, base, capacity.NoChange, -3.1, 3.2},
		{"a fifth less", base, between(350, 370, 0.95), capacity.WentDown, -22.8, -17.1},
		{"a fifth more", base, between(530, 550, 0.95), capacity.WentUp, 16.6, 23.5},
		{"a bit less, within the margin", base, between(432, 452, 0.95), capacity.NoChange, -4.8, 1.4},
		{"wide", base, between(300, 600, 0.95), capacity.UnclearChange, -33.4, 33.5},
		{"hardly sure", base, between(440, 460, 0.6), capacity.NoChange, -5.5, 5.8},
		{"not sure at all", base, between(440, 460, 0.3), capacity.UnclearChange, 0, 0},
		{"without an upper end, and above", base, between(500, 0, 0.95), capacity.WentUp, 8.7, 0},
		{"without an upper end, and below", base, between(430, 0, 0.95), capacity.NoChange, -6.5, 0},
		{"without a lower end", base, between(0, 400, 0.95), capacity.WentDown, 0, -9.1},
		{"nothing known", base, between(0, 0, 0), capacity.UnclearChange, 0, 0},
	} {
		got, err := capacity.Compare(found(c.base), found(c.new), capacity.MarginDefault, false)
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != c.want || got.Thresholds[0].Judgement != c.want {
			t.Errorf("%s: %s, %s, want %s", c.name, got.Verdict, got.Sentence(), c.want)
		}
		for _, end := range []struct {
			got  *float64
			want float64
		}{{got.Capacity.Low, c.low}, {got.Capacity.High, c.high}} {
			if (end.got == nil) != (end.want == 0) ||
				end.got != nil && math.Abs(100**end.got-end.want) > 0.1 {
				t.Errorf("%s: %s, want %v to %v", c.name, got.Sentence(), c.low, c.high)
			}
		}
	}
}

func TestCompareOtherThresholds(t *testing.T) {
	base, fresh := found(between(440, 460, 0.95)), found(between(340, 360, 0.95))
	fresh.Trials[0].Limits[0].Limit = "response p95 <= 90ms"
	if _, err := capacity.Compare(base, fresh, 0.1, false); !errors.Is(err, capacity.ErrOtherSearch) {
		t.Error(err)
	}
	c, err := capacity.Compare(base, fresh, 0.1, true)
	if err != nil || c.Verdict != capacity.UnclearChange {
		t.Error(c, err)
	}
	if _, err := capacity.Decode([]byte(`{"schema": "mfaload/measurement/v1"}`)); err == nil ||
		!strings.Contains(err.Error(), "its schema is") {
		t.Error(err)
	}
}

// Of two searches of the same service at most one in twenty is said to differ.
func TestCompareOfTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: it makes dozens of searches")
	}
	v := varyings()[3]
	wrong, random := 0, rand.New(rand.NewPCG(1, 1))
	const pairs = 10
	for range pairs {
		var sides [2]*capacity.Result
		for i := range sides {
			seed := random.Uint64()
			f, err := v.search(seed, v.options(seed))
			if err != nil {
				t.Fatal(err)
			}
			sides[i] = f.Result()
		}
		c, err := capacity.Compare(sides[0], sides[1], capacity.MarginDefault, false)
		if err != nil {
			t.Fatal(err)
		}
		if c.Verdict == capacity.WentUp || c.Verdict == capacity.WentDown {
			wrong++
			t.Log(c.Sentence())
		}
	}
	if wrong > 2 {
		t.Errorf("%d of %d pairs of the same service are said to differ", wrong, pairs)
	}
}

// Each threshold has an interval of its own, and the one that is missed first limits the search.
func TestIntervalsOfAllThresholds(t *testing.T) {
	v := varyings()[6]
	o := v.options(1)
	// The p95 passes 200 ms at 206/s and 300 ms at 277/s; nothing fails.
	later := o.Limits[0]
	later.Name, later.Over = "response p95 <= 300ms", 0.3
	o.Limits = append([]capacity.Criterion{later}, o.Limits...)
	f, err := v.search(1, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Limits) != 3 {
		t.Fatal(f.Limits)
	}
	first, second, never := f.Limits[0], f.Limits[1], f.Limits[2]
	if first.Name != "response p95 <= 200ms" || first.Low > v.truth || first.High < v.truth ||
		first.Low != f.Low || first.High != f.High {
		t.Errorf("%+v, the search found %v to %v", first, f.Low, f.High)
	}
	if second.Name != later.Name || second.Low > 277 || second.High != 0 && second.High < 277 ||
		second.Low < f.Low {
		t.Errorf("%+v", second)
	}
	if never.Name != "errorRate <= 0%" || never.High != 0 || never.Low == 0 {
		t.Errorf("%+v", never)
	}
}

// The schema is generated from the types: go test ./capacity -run SchemaIsGenerated -update.
func TestComparisonSchemaIsGenerated(t *testing.T) {
	schema, err := schemagen.Generate(schemagen.Document{
		Root: capacity.SearchComparison{}, ID: "urn:mfaload:capacity-comparison:v1",
		Schema: capacity.CompareSchema, Title: "A comparison of two searches for capacity by mfaload",
	})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("comparison.schema.json", schema, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(schema, capacity.ComparisonJSONSchema()) {
		t.Error("comparison.schema.json is out of date: go test ./capacity -run SchemaIsGenerated -update")
	}
}

// Validators of others take comparisons with and without ends, thresholds and remarks.
func TestComparisonFitsItsSchemaForOthers(t *testing.T) {
	var documents [][]byte
	for _, rates := range [][2]capacity.RateInterval{
		{between(100, 105, 0.95), between(80, 84, 0.95)}, {between(100, 0, 0.95), between(80, 84, 0.95)},
		{between(0, 0, 0), between(0, 0, 0)},
	} {
		a, b := found(rates[0]), found(rates[1])
		b.LimitedBy, b.Complete = "something else", false
		c, err := capacity.Compare(a, b, capacity.MarginDefault, true)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, text)
	}
	schematest.Fits(t, capacity.ComparisonJSONSchema(), documents...)
}
