package contract

import (
	"math"
	"strconv"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	const date = "Fri, 27 Nov 2026 18:00:00 GMT"
	now := time.Date(2026, 11, 27, 17, 59, 58, 500e6, time.UTC)
	for _, test := range []struct {
		name   string
		header Fields
		want   time.Duration
		ok     bool
	}{
		{"seconds", Fields{{"retry-after", "3"}}, 3 * time.Second, true},
		{"none", Fields{{"Date", date}}, 0, false},
		{"zero", Fields{{"Retry-After", "0"}}, 0, true},
		{"leading zeros", Fields{{"Retry-After", "0007"}}, 7 * time.Second, true},
		{"the first of two", Fields{{"Retry-After", "3"}, {"Retry-After", "5"}}, 3 * time.Second, true},
		{"longer than a duration", Fields{{"Retry-After", "999999999999999999"}}, math.MaxInt64, true},
		{"more digits than a number has", Fields{{"Retry-After", "9999999999999999999"}}, math.MaxInt64,
			true},
		{"more zeros", Fields{{"Retry-After", "0000000000000000000"}}, 0, true},
		{"negative", Fields{{"Retry-After", "-1"}}, 0, false},
		{"a fraction", Fields{{"Retry-After", "1.5"}}, 0, false},
		{"a word", Fields{{"Retry-After", "soon"}}, 0, false},
		{"nothing", Fields{{"Retry-After", ""}}, 0, false},
		{"a date", Fields{{"Retry-After", date}}, 1500 * time.Millisecond, true},
		{"a date on a clock that is ahead", Fields{{"Date", "Fri, 27 Nov 2026 17:55:00 GMT"}, {"Retry-After",
			date}}, 5 * time.Minute, true},
		{"a date that is over", Fields{{"Retry-After", "Fri, 27 Nov 2026 17:00:00 GMT"}}, 0, true},
		{"an unreadable Date", Fields{{"Date", "today"}, {"Retry-After", date}}, 1500 * time.Millisecond,
			true},
		{"a date of RFC 850", Fields{{"Retry-After", "Friday, 27-Nov-26 18:00:00 GMT"}},
			1500 * time.Millisecond, true},
		{"a date of asctime", Fields{{"Retry-After", "Fri Nov 27 18:00:00 2026"}}, 1500 * time.Millisecond,
			true},
		{"a date that can't be", Fields{{"Retry-After", "Fri, 31 Feb 2026 18:00:00 GMT"}}, 0, false},
		{"the furthest date", Fields{{"Date", "Mon, 01 Jan 0001 00:00:00 GMT"},
			{"Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"}}, math.MaxInt64, true},
	} {
		if got, ok := RetryAfter(test.header, now); got != test.want || ok != test.ok {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

// What is read is never a time in the past, is there if and only if the rule
// header.retryAfter takes the field, and is what a number of seconds says.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "0", "120", "999999999999999999", "9999999999999999999",
		"0000000000000000000", "-1", "1.5", "soon",
		"Fri, 27 Nov 2026 18:00:00 GMT", "Friday, 27-Nov-26 18:00:00 GMT", "Fri Nov 27 18:00:00 2026",
		"Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(value, "Fri, 27 Nov 2026 17:00:00 GMT", int64(1_795_800_000))
		f.Add(value, "", int64(-1))
	}
	f.Fuzz(func(t *testing.T, value, date string, unix int64) {
		wait, ok := RetryAfter(Fields{{"Date", date}, {"Retry-After", value}}, time.Unix(unix%(1<<40), 0))
		if wait < 0 || ok != isSecondsOrDate(value) || !ok && wait != 0 {
			t.Fatalf("%q: %v, %v", value, wait, ok)
		}
		if n, err := strconv.ParseUint(value, 10, 32); err == nil &&
			(!ok || wait != time.Duration(n)*time.Second) {
			t.Fatalf("%q: %v, %v", value, wait, ok)
		}
	})
}
