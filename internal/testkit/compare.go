package testkit

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfaload/measure"
)

// Histograms compares histograms and seconds by what they count.
var Histograms = cmp.Options{
	cmp.Comparer(func(a, b *measure.Histogram) bool { return a.Equal(b) }),
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
