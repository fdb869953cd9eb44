package report

import (
	"strings"
	"testing"
	"time"

	"mfaload/measure"
)

// A report says of a token that nothing renews that it ended before the plan did.
func TestTokenThatEndsWithinTheRun(t *testing.T) {
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		ends time.Time
		from TokenSource
		want string
	}{
		{"within", start.Add(20 * time.Second), GivenToken, "accessToken ended at 2026-11-30T12:00:20Z, " +
			"50s before the planned end"},
		{"within, of a file", start.Add(20 * time.Second), FileToken, "accessTokenFile held"},
		{"at the end", start.Add(70 * time.Second), GivenToken, ""},
		{"after it", start.Add(time.Hour), GivenToken, ""},
		{"not known", time.Time{}, GivenToken, ""},
	} {
		m := &measure.Measurement{Started: start}
		m.Main.Start, m.Main.Planned = 10*time.Second, time.Minute
		j := assessment{measurement: m, token: tt.from}
		if !tt.ends.IsZero() {
			j.tokenEnds = &tt.ends
		}
		got := strings.Join(j.tokenEnding(), "; ")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
