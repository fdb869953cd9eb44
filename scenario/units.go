package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of what people may write.
const (
	MaxRate     = Rate(1_000_000)     // requests a second
	MaxDuration = 30 * 24 * time.Hour // of anything
)

// ParseRate reads a rate such as 50/s, 90/min, 3600/h or 0.5/s.
func ParseRate(s string) (Rate, error) {
	number, unit, found := strings.Cut(s, "/")
	if !found {
		return 0, fmt.Errorf("a rate without a unit: write for example 50/s, 90/min or 3600/h")
	}
	per, known := map[string]float64{"s": 1, "min": 60, "m": 60, "h": 3600}[strings.TrimSpace(unit)]
	x, err := decimal(strings.TrimSpace(number))
	if err != nil || !known {
		return 0, fmt.Errorf("not a rate: write for example 50/s, 90/min or 3600/h")
	}
	if x/per > float64(MaxRate) {
		return 0, fmt.Errorf("the rate is too high: write at most %v", MaxRate)
	}
	return Rate(x / per), nil
}

// decimal reads a number of at least 0 as people write it.
func decimal(s string) (float64, error) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(x, 0) {
		return 0, strconv.ErrRange
	}
	return x, nil
}

// String writes a rate as people write it: "50/s".
func (r Rate) String() string { return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s" }

// ParseDuration reads a duration such as 1.5s, 2m, 1h30m or 1d; at least 0 and
// at most 30 days.
func ParseDuration(s string) (time.Duration, error) {
	if _, err := decimal(s); err == nil && s != "0" {
		return 0, fmt.Errorf("a duration without a unit: write for example %ss or %sms", s, s)
	}
	days, rest, found := strings.Cut(s, "d")
	total := time.Duration(0)
	if found {
		n, err := decimal(days)
		if err != nil || n > 30 {
			return 0, fmt.Errorf("the duration is too long: write at most 30d")
		}
		total = time.Duration(n * float64(24*time.Hour))
		if rest == "" {
			rest = "0"
		}
	} else {
		rest = s
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("not a duration: write for example 1.5s, 2m, 1h30m or 1d")
	}
	if d < 0 || strings.HasPrefix(rest, "-") {
		return 0, fmt.Errorf("a negative duration: write at least 0s")
	}
	if d > MaxDuration-total {
		return 0, fmt.Errorf("the duration is too long: write at most 30d")
	}
	return total + d, nil
}

// ParseShare reads a share such as 0.1% or 0.001; from 0 to 1.
func ParseShare(s string) (float64, error) {
	number, isPercent := strings.CutSuffix(s, "%")
	x, err := decimal(strings.TrimSpace(number))
	if err != nil {
		return 0, fmt.Errorf("not a share: write for example 0.1%% or 0.001")
	}
	if isPercent {
		x /= 100
	}
	if x > 1 {
		return 0, fmt.Errorf("the share is too large: write at most 100%%")
	}
	return x, nil
}
