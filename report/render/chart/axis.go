package chart

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
)

// Axis is what a drawing is measured by, from Low to High.
type Axis struct {
	Low, High float64
	// Log says that it is logarithmic; both ends are above 0 then.
	Log bool
	// Unit is shown at its end; may be empty.
	Unit  string
	Ticks []AxisTick
	// Shared is the name of a horizontal axis of time that several charts of a page have:
	// they show one cursor, and a reader zooms into all of them at once. Empty for none.
	Shared string
}

// unit says that an axis is logarithmic, too: nothing else shows it.
func (a Axis) unit() string {
	if a.Log {
		return strings.TrimSpace(a.Unit + " (log scale)")
	}
	return a.Unit
}

// attributes are what the script needs to know of a shared axis.
func (a Axis) attributes() string {
	if a.Shared == "" {
		return ""
	}
	return fmt.Sprintf(` data-axis="%s" data-from="%s" data-to="%s"`, html.EscapeString(a.Shared),
		number(a.Low), number(a.High))
}

// AxisTick is a named place on an axis.
type AxisTick struct {
	At   float64
	Text string
}

// Linear returns an axis with both values, round ends and some five ticks.
func Linear(low, high float64, unit string) Axis {
	if !(high > low) {
		high = low + 1
	}
	step := round125((high - low) / 4.5)
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	a := Axis{Low: first * step, High: last * step, Unit: unit}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for k := first; k <= last; k++ {
		a.Ticks = append(a.Ticks, AxisTick{k * step, strconv.FormatFloat(k*step+0, 'f', decimals, 64)})
	}
	return a
}

// Log returns a logarithmic axis that holds both values, with round ends. What
// is not above least is drawn at its low end.
func Log(low, high, least float64, unit string) Axis {
	low, high = math.Max(low, least), math.Max(high, least)
	a := Axis{Log: true, Unit: unit, Low: below125(low)}
	a.High = a.Low
	for v := a.Low; a.High < high*(1-1e-9) || a.High == a.Low; v = next125(v) {
		a.High = next125(v)
	}
	few := a.High/a.Low > 300 // so many 1-2-5 steps do not fit
	for v := a.Low; v <= a.High*(1+1e-9); v = next125(v) {
		if mantissa := v / math.Pow(10, math.Floor(math.Log10(v)+1e-9)); !few || mantissa < 1.5 {
			a.Ticks = append(a.Ticks, AxisTick{v, Digits(v)})
		}
	}
	return a
}

// Clock returns an axis of seconds since the start.
func Clock(from, to float64) Axis {
	if !(to > from) {
		to = from + 1
	}
	a := Axis{Low: from, High: to}
	step := clockSteps[len(clockSteps)-1]
	for i := len(clockSteps) - 1; i >= 0 && (to-from)/clockSteps[i] <= 7; i-- {
		step = clockSteps[i]
	}
	for (to-from)/step > 7 {
		step *= 2
	}
	for k := math.Ceil(from / step); k*step <= to; k++ {
		a.Ticks = append(a.Ticks, AxisTick{k * step, ClockText(k * step)})
	}
	return a
}

var clockSteps = []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
	4 * 3600, 6 * 3600, 12 * 3600, 24 * 3600}

// ClockText writes seconds as people read a clock: "12 s", "1:30", "2:00:00".
func ClockText(seconds float64) string {
	if seconds < 60 {
		return Digits(seconds) + " s"
	}
	d := time.Duration(math.Round(seconds)) * time.Second
	if d < time.Hour {
		return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second)
}

// share is where a value lies, from 0 to 1.
func (a Axis) share(v float64) float64 {
	low, high := a.Low, a.High
	if a.Log {
		v, low, high = math.Log(math.Max(v, low)), math.Log(low), math.Log(high)
	}
	if !(high > low) {
		return 0
	}
	return math.Min(1, math.Max(0, (v-low)/(high-low)))
}

// round125 is the next of 1, 2, 5, 10, … from a value on.
func round125(v float64) float64 {
	b := below125(v)
	if b < v*(1-1e-9) {
		return next125(b)
	}
	return b
}

func below125(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	switch m := v / decade; {
	case m >= 5*(1-1e-9):
		return 5 * decade
	case m >= 2*(1-1e-9):
		return 2 * decade
	}
	return decade
}

func next125(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	switch m := v / decade; {
	case m < 1.5:
		return 2 * decade
	case m < 3.5:
		return 5 * decade
	}
	return 10 * decade
}

// Digits writes a number to three significant digits, and whole from 100 on.
func Digits(x float64) string {
	if x == 0 {
		return "0"
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(x))+1e-9)))
	text := strconv.FormatFloat(x, 'f', min(decimals, 6), 64)
	if decimals == 0 {
		return text
	}
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}
