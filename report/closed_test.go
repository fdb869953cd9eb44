package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"mfaload/report/render"
	"mfaload/scenario"
)

// Whoever reads a closed run's percentiles is told what they are not.
func TestClosedLoadsAreMarked(t *testing.T) {
	r := newRun(t).send(100, 50*ms, nil)
	r.load = scenario.Load{Concurrency: 50, Think: 200 * time.Millisecond}
	rep := r.judge(noErrors)
	valid(t, rep)
	if c := rep.Closed; c == nil || c.Users != 50 || c.Think != 200 || !strings.Contains(c.Meaning,
		"coordinated omission") {
		t.Errorf("got %+v", c)
	}
	var b bytes.Buffer
	if err := (render.Terminal{Width: 80}).Write(&b, rep); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(lines[1], "  CLOSED MODEL, 50 users, think time 200 ms.") {
		t.Errorf("the second line is %q", lines[1])
	}
	if !strings.Contains(b.String(), "\nrate        none planned, 10/s achieved\n") {
		t.Errorf("a rate was planned: %s", b.String())
	}
	if open := newRun(t).send(100, 50*ms, nil).judge(noErrors); open.Closed != nil {
		t.Error("a load with a schedule is marked as closed")
	}
}
