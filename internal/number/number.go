// Package number writes and rounds numbers for people.
package number

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Count writes a number with its thousands apart.
func Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Times says how often something happened: "once", or "3 times".
func Times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return Count(n) + " times"
}

// Plural writes a number with a noun: "1 second", or "3 seconds".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Plain writes a number without needless zeros.
func Plain(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// Fixed writes a number to 3 significant digits, whole where it is 100 or more, and to
// the thousandth below 1. Zeros at its end stay, so that columns of numbers line up.
func Fixed(x float64) string {
	decimals := 3
	switch {
	case x >= 100 || x == 0:
		decimals = 0
	case x >= 10:
		decimals = 1
	case x >= 1:
		decimals = 2
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// Significant writes a number to 3 significant digits, and whole from 100 on.
func Significant(x float64) string {
	if math.Abs(x) >= 100 {
		return Plain(math.Round(x))
	}
	return Plain(RoundTo(x, 3))
}

// WithUnit writes a number's unit behind it: "%" and "/s" next to it, others after a space.
func WithUnit(number, unit string) string {
	if unit == "%" || unit == "/s" {
		return number + unit
	}
	return number + " " + unit
}

// Percent is a share in percent, to 3 significant digits below 1 %, so that a share
// above 0 is never shown as 0.
func Percent(share float64) float64 {
	x := share * 100
	if x >= 1 || x == 0 {
		return Round(x)
	}
	return RoundTo(x, 3)
}

// Round keeps 3 decimals.
func Round(x float64) float64 { return math.Round(x*1000) / 1000 }

// RoundTo keeps so many significant digits.
func RoundTo(x float64, digits int) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		return x
	}
	return y
}

// RoundDecimals keeps so many decimals; none where they are below 0.
func RoundDecimals(x float64, decimals int) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', max(decimals, 0), 64), 64)
	if err != nil {
		return x
	}
	return y
}

// Length writes a number of seconds as people do, to what can be read at a
// glance: 1d2h, 5m30s, 2.5s.
func Length(seconds float64) string {
	d := time.Duration(seconds * 1e9)
	if d < 10*time.Second {
		return strconv.FormatFloat(math.Round(seconds*100)/100, 'f', -1, 64) + "s"
	}
	d = d.Round(time.Second)
	text := ""
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / unit.of; n > 0 {
			text += fmt.Sprintf("%d%s", n, unit.name)
			d %= unit.of
		}
	}
	return text
}

// Bytes writes a number of bytes to what is known of it.
func Bytes(bytes uint64) string {
	x, unit := float64(bytes)/1e6, "MB"
	for _, larger := range []string{"GB", "TB", "PB", "EB"} {
		if x < 999.5 {
			break
		}
		x, unit = x/1000, larger
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	return strconv.FormatFloat(max(rounded, min(math.Ceil(x), 1)), 'f', -1, 64) + " " + unit
}
