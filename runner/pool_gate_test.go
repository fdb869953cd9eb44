package runner

import (
	"testing"
	"time"
)

// While mfaload itself is short of processor time more requests in flight would
// only make that worse: workers begin one by one, and at once when it is over.
func TestPoolGrowsSlowlyWhileProcessorsAreShort(t *testing.T) {
	state := newFreezes(time.Now())
	var begun []*requestWorker
	p := newPool(10, state)
	p.begin(1, func(w *requestWorker) { begun = append(begun, w) })
	p.lead(begun[0])
	state.run(time.Now(), 2*shortDelay)
	p.pass()
	if len(begun) != 1 || p.full() {
		t.Fatalf("%d workers", len(begun))
	}
	p.nudge()
	p.nudge() // somebody leads
	if len(begun) != 2 || !begun[1].leads {
		t.Fatalf("%d workers", len(begun))
	}
	state.run(time.Now(), 0)
	for range 20 {
		begun[len(begun)-1].leads = false
		p.pass()
	}
	if len(begun) != 10 || !p.full() {
		t.Errorf("%d workers, full: %v", len(begun), p.full())
	}
	p.close()
	p.limit++
	p.pass()
	if len(begun) != 10 {
		t.Error("one more began after the end")
	}
}
