package contract

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// RetryAfter returns how long an answer asks to wait before the next request
// (RFC 9110, section 10.2.3): seconds, or the time until a date. That is counted
// from the answer's own date, where it has one, for clocks differ; otherwise
// from now. Ok is false where the answer does not say it in either form.
func RetryAfter(h Fields, now time.Time) (wait time.Duration, ok bool) {
	value, _ := h.Get("Retry-After")
	if seconds.MatchString(value) {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	date, _ := h.Get("Date")
	if told, err := http.ParseTime(date); err == nil {
		now = told
	}
	return max(at.Sub(now), 0), true
}
