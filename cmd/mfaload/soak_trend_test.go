//go:build linux

package main_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const (
	// flat is the slope of memory that a run may have, in MB an hour.
	flat = 1.0
	// decides is how long a run takes to be judged by that whatever its noise.
	decides = 29 * time.Minute
	// A figure of memory moves in steps, and one of them makes a slope in a short
	// run: this much, in MB, is no leak. Pages are taken and returned by the
	// megabyte; what is in use after a collection is known much better.
	resident = 2.0
	heap     = 0.25
	// early is how many times as much it is in the first minute, in which buffers and
	// tables come to their size.
	early = 3
)

// trend is the slope of memory in MB an hour. The true one is within the margin, at
// 95 %.
type trend struct{ slope, margin float64 }

// means is how many means of memory a trend goes through: samples that follow one
// another are alike, so each of them is no evidence of its own.
const means = 10

// trendOf is that of the line through the means of a figure, by least squares.
func trendOf(all []sample, figure func(sample) float64) trend {
	var x, y [means]float64
	for i := range means {
		part := all[i*len(all)/means : (i+1)*len(all)/means]
		for _, s := range part {
			x[i] += s.at.Hours() / float64(len(part))
			y[i] += figure(s) / float64(len(part))
		}
	}
	var meanX, meanY, xx, xy, off float64
	for i := range means {
		meanX += x[i] / means
		meanY += y[i] / means
	}
	for i := range means {
		xx += (x[i] - meanX) * (x[i] - meanX)
		xy += (x[i] - meanX) * (y[i] - meanY)
	}
	slope := xy / xx
	for i := range means {
		d := y[i] - meanY - slope*(x[i]-meanX)
		off += d * d
	}
	const student = 2.306 // of 8 degrees of freedom
	return trend{slope, student * math.Sqrt(off/(means-2)/xx)}
}

// judge says what a trend from a time to another means, and whether it grows for
// certain.
func (r trend) judge(from, to time.Duration, step float64) (text string, leaks bool) {
	over := to - from
	if from < time.Minute {
		step *= early
	}
	text = fmt.Sprintf("%+.2f MB/h ± %.2f: ", r.slope, r.margin)
	least, grown := r.slope-r.margin, r.slope*over.Hours()
	switch {
	case r.slope <= flat && (over >= decides || r.slope+r.margin <= flat):
		return text + "FLAT", false
	case over >= decides, least > flat && grown > step:
		return text + fmt.Sprintf("GROWS by more than %v MB/h", flat), true
	case least > flat:
		return text + fmt.Sprintf("NOT SETTLED: it grew, but by %.2f MB only; run for half an hour", grown),
			false
	default:
		return text + fmt.Sprintf("NOT SETTLED: %v can't tell less than %.0f MB/h from none; run for half "+
			"an hour", over.Round(time.Second), math.Ceil(r.slope+r.margin)), false
	}
}

// Memory that wobbles as that of a garbage collector is not taken for a leak, and a
// leak is found as soon as the time allows.
func TestTrend(t *testing.T) {
	for _, c := range []struct {
		over     time.Duration
		leak     float64 // MB an hour
		step     float64
		verdicts string
	}{
		{time.Minute, 0, resident, "NOT FLAT"},
		{2 * time.Minute, 0, resident, "NOT FLAT"},
		{2 * time.Minute, 22, resident, "NOT"},
		{2 * time.Minute, 22, heap, "GROWS"},
		{2 * time.Minute, 200, resident, "GROWS"},
		{10 * time.Minute, 0, resident, "NOT FLAT"},
		{10 * time.Minute, 22, resident, "GROWS"},
		{time.Hour, 0, resident, "FLAT"},
		{time.Hour, 0.5, resident, "FLAT"},
		{time.Hour, 2, resident, "GROWS"},
		{time.Hour, 22, resident, "GROWS"},
	} {
		for seed := range uint64(20) {
			random, wobble := rand.New(rand.NewPCG(seed, 0)), 0.0
			var all []sample
			for at := time.Duration(0); at < c.over; at += time.Second {
				wobble = 0.8*wobble + random.NormFloat64()*0.05 // MB
				all = append(all, sample{at: at, memory: 40 + wobble + c.leak*at.Hours()})
			}
			r := trendOf(all, func(s sample) float64 { return s.memory })
			text, leaks := r.judge(time.Minute, time.Minute+c.over, c.step)
			_, verdict, _ := strings.Cut(text, ": ")
			word, _, _ := strings.Cut(verdict, " ")
			if !strings.Contains(c.verdicts, word) || leaks != (word == "GROWS") {
				t.Errorf("%v MB/h over %v, seed %d: %s", c.leak, c.over, seed, text)
			}
			if math.Abs(r.slope-c.leak) > 3*r.margin {
				t.Errorf("%v MB/h over %v, seed %d: %+v", c.leak, c.over, seed, r)
			}
		}
	}
}
