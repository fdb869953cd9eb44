package scenario_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"mfaload/scenario"
)

var rates = []struct {
	text string
	want scenario.Rate
	err  string
}{
	{"50/s", 50, ""}, {"90/min", 1.5, ""}, {"3600/h", 1, ""}, {"0.5/s", 0.5, ""}, {"0/s", 0, ""},
	{"1000000/s", 1e6, ""},
	{"0.1/s", 0.1, ""}, {"1/h", 1.0 / 3600, ""}, {"007/s", 7, ""},
	{"50", 0, `"50" has no unit: write 50/s`},
	{"50/m", 0, `"50/m" has an unknown unit: use /s, /min or /h, for example 50/s`},
	{"", 0, `"" is not a rate: write a number and a unit, for example 50/s`},
	{"-1/s", 0, `"-1/s" is negative: write a number and a unit, for example 50/s`},
	{"NaN/s", 0, `"NaN/s" is not a rate: write a number and a unit, for example 50/s`},
	{"1e309/s", 0, `"1e309/s" has an exponent: write the number without an exponent`},
	{"1000000.1/s", 0,
		`"1000000.1/s" is above 1000000/s: write a lower rate, or spread the load over several machines`},
	{strings.Repeat("9", 200) + "/s", 0,
		`"` + strings.Repeat("9", 80) + `…" has more than 15 digits: write fewer digits`},
	{"1./s", 0, `"1./s" has an unknown unit: use /s, /min or /h, for example 50/s`},
}

func TestParseRate(t *testing.T) {
	for _, tt := range rates {
		got, err := scenario.ParseRate(tt.text)
		if got != tt.want || message(err) != tt.err {
			t.Errorf("%s: got %v, %v", tt.text, float64(got), err)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRateString(t *testing.T) {
	for rate, want := range map[scenario.Rate]string{
		50: "50/s", 1.5: "1.5/s", 1.0 / 3600: "1/h", 7.0 / 60: "7/min", 0: "0/s", 1e6: "1000000/s",
		0.1: "0.1/s", 123.456: "123.456/s",
		2e6: "2e+06/s",
	} {
		if got := rate.String(); got != want {
			t.Errorf("%v: got %s, want %s", float64(rate), got, want)
		}
	}
}

var durations = []struct {
	text string
	want time.Duration
	err  string
}{
	{"10s", 10 * time.Second, ""}, {"1.5s", 1500 * time.Millisecond, ""}, {"2m", 2 * time.Minute, ""},
	{"1h30m", 90 * time.Minute, ""},
	{"1d", 24 * time.Hour, ""}, {"1d1ns", 24*time.Hour + 1, ""}, {"100us", 100 * time.Microsecond, ""},
	{"100µs", 100 * time.Microsecond, ""},
	{"0.000000001s", 1, ""}, {"0s", 0, ""}, {"9223372036.854775807s", 1<<63 - 1, "x"},
	{"0.1s0.2s", 300 * time.Millisecond, ""},
	{"10", 0, `"10" has no unit: write 10s, or 10ms`},
	{"0", 0, `"0" has no unit: write 0s, or 0ms`},
	{"", 0, `"" is not a duration: write a number and a unit, for example 10s`},
	{"s", 0, `"s" is not a duration: write a number and a unit, for example 10s`},
	{"-5s", 0, `"-5s" is negative: write a number and a unit, for example 10s`},
	{"5s5", 0, `"5s5" has a number without a unit: write a number and a unit, for example 10s`},
	{"5 s", 0, `"5 s" has an unknown unit: use ns, us, ms, s, m, h or d, for example 10s`},
	{"1e9s", 0, `"1e9s" has an exponent: write the number without an exponent`},
	{"0.5ns", 0, `"0.5ns" is finer than a nanosecond: write a number and a unit, for example 10s`},
	{"106752d", 0, `"106752d" is too long: write at most 30d`},
	{"106751d106751d", 0, `"106751d106751d" is too long: write at most 30d`},
}

func TestParseDuration(t *testing.T) {
	for _, tt := range durations {
		if tt.err == "x" {
			tt.want, tt.err = 0, `"`+tt.text+`" has more than 15 digits: write fewer digits`
		}
		got, err := scenario.ParseDuration(tt.text)
		if got != tt.want || message(err) != tt.err {
			t.Errorf("%s: got %v, %v", tt.text, got, err)
		}
	}
}

var shares = []struct {
	text string
	want float64
	err  string
}{
	{"0.1%", 0.001, ""}, {"99.9%", 0.999, ""}, {"0%", 0, ""}, {"100%", 1, ""}, {"0.3%", 0.003, ""},
	{"5 %", 0.05, ""},
	{"0", 0, ""}, {"0.0", 0, ""}, {"00.00", 0, ""},
	{"0.001", 0, `"0.001" has no %: write 0.001% or 0.1%`},
	{"1", 0, `"1" has no %: write 1% or 100%`},
	{"1.0", 0, `"1.0" has no %: write 1.0% or 100%`},
	{"0.5", 0, `"0.5" has no %: write 0.5% or 50%`},
	{"0.123456789012345", 0, `"0.123456789012345" has more than 15 digits: write fewer digits`},
	{"0.12345678901234", 0, `"0.12345678901234" has no %: write 0.12345678901234% or 12.345678901234%`},
	{"5", 0, `"5" has no %: write 5%`},
	{"101", 0, `"101" is above 100%: write at most 100%`},
	{"100.1%", 0, `"100.1%" is above 100%: write at most 100%`},
	{"-1%", 0, `"-1%" is negative: write a percentage, for example 0.1%`},
	{"1%%", 0, `"1%%" has an unknown unit: write a percentage, for example 0.1%`},
	{"0 ", 0, `"0 " has an unknown unit: write a percentage, for example 0.1%`},
	{"%", 0, `"%" is not a share: write a percentage, for example 0.1%`},
	{"Inf", 0, `"Inf" is not a share: write a percentage, for example 0.1%`},
}

func TestParseShare(t *testing.T) {
	for _, tt := range shares {
		got, err := scenario.ParseShare(tt.text)
		if got != tt.want || message(err) != tt.err {
			t.Errorf("%s: got %v, %v", tt.text, got, err)
		}
	}
}

// patterns are those of the schema for rates, durations and shares.
func patterns(t testing.TB) (rate, duration, share *regexp.Regexp) {
	var schema struct {
		Defs struct {
			Rate, Duration struct{ Pattern string }
			Share          struct{ AnyOf []struct{ Pattern string } }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(scenario.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(schema.Defs.Rate.Pattern), regexp.MustCompile(schema.Defs.Duration.Pattern),
		regexp.MustCompile(schema.Defs.Share.AnyOf[1].Pattern)
}

// FuzzUnits holds what is read to be in its range, to be printed as it can be
// read again, and to match the schema.
func FuzzUnits(f *testing.F) {
	for _, tt := range rates {
		f.Add(tt.text)
	}
	for _, tt := range durations {
		f.Add(tt.text)
	}
	for _, tt := range shares {
		f.Add(tt.text)
	}
	ratePattern, durationPattern, sharePattern := patterns(f)
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := scenario.ParseRate(text); err == nil {
			again, err := scenario.ParseRate(r.String())
			if err != nil || again != r || !(0 <= r && r <= scenario.MaxRate) ||
				!ratePattern.MatchString(text) {
				t.Errorf("rate %q is %v, printed as %v, read again as %v, %v", text, float64(r), r,
					float64(again), err)
			}
		}
		if d, err := scenario.ParseDuration(text); err == nil {
			if d < 0 || !durationPattern.MatchString(text) {
				t.Errorf("duration %q is %v", text, d)
			}
			if same, err := time.ParseDuration(text); err == nil && same != d && len(text) < 16 {
				t.Errorf("duration %q is %v, but Go has %v", text, d, same)
			}
		}
		if s, err := scenario.ParseShare(text); err == nil &&
			(!(0 <= s && s <= 1) || !sharePattern.MatchString(text) || s > 0 &&
				!strings.HasSuffix(text, "%")) {
			t.Errorf("share %q is %v", text, s)
		}
	})
}
