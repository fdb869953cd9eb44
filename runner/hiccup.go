package runner

import (
	"context"
	"runtime/debug"
	"time"

	"mfaload/measure"
)

// probeEvery is the time between two looks of the hiccup meter.
const probeEvery = 10 * time.Millisecond

// hiccups measures through a run how late a goroutine comes to run that only
// waits for a time. Whatever delays it (other goroutines, the garbage collector,
// other processes, the machine) may have delayed any request as much.
type hiccups struct {
	late  *measure.Histogram
	gc    debug.GCStats
	seen  int64                           // pauses of the garbage collector
	noted func(late, pause time.Duration) // of each look; nil where nobody writes them down
	pause time.Duration
	// ran is told of each look when it was, and how late.
	ran func(now time.Time, late time.Duration)
}

func newHiccups(ran func(time.Time, time.Duration)) *hiccups {
	h := &hiccups{late: measure.NewSparse(), ran: ran}
	debug.ReadGCStats(&h.gc)
	h.seen = h.gc.NumGC
	return h
}

// watch looks until the context ends.
func (h *hiccups) watch(ctx context.Context, wait func(context.Context, time.Time)) {
	for looks := 1; ; looks++ {
		due := time.Now().Add(probeEvery)
		wait(ctx, due)
		if ctx.Err() != nil {
			h.pauses()
			return
		}
		now := time.Now()
		late := now.Sub(due)
		h.ran(now, late)
		h.late.Record(late)
		if h.noted != nil {
			h.noted(late, h.pause)
		}
		if looks%100 == 0 {
			h.pauses()
		}
	}
}

// pauses takes in the pauses since the last call. The runtime keeps the last
// 256, the newest first.
func (h *hiccups) pauses() {
	debug.ReadGCStats(&h.gc)
	since := min(h.gc.NumGC-h.seen, int64(len(h.gc.Pause)))
	for _, pause := range h.gc.Pause[:since] {
		h.pause = max(h.pause, pause)
	}
	h.seen = h.gc.NumGC
}
