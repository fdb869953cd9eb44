package machine

import (
	"context"
	"testing"
	"time"
)

// A wait never ends early, however long it is, and ends with its context.
func TestKernelTimerIsNeverEarly(t *testing.T) {
	timer, err := newKernelTimer()
	if err != nil {
		t.Fatal(err)
	}
	defer timer.close()
	ctx, cancel := context.WithCancel(t.Context())
	for n := range 300 {
		until := time.Now().Add(time.Duration(n) * 10 * time.Microsecond)
		timer.wait(ctx, until)
		if early := time.Until(until); early > 0 {
			t.Fatalf("a wait of %d µs ended %v early", 10*n, early)
		}
	}
	time.AfterFunc(time.Millisecond, cancel)
	timer.wait(ctx, time.Now().Add(time.Hour)) // the test would not end
}
