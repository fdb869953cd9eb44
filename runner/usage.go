package runner

import (
	"runtime"
	"runtime/debug"
	"time"

	"mfaload/measure"
)

// usage is what the process had used when the run began.
type usage struct {
	cpu time.Duration
	gcs int64
}

func startUsage() usage {
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	cpu, _ := processUsage()
	return usage{cpu: cpu, gcs: gc.NumGC}
}

// generator returns what the process used since then.
func (u usage) generator(elapsed time.Duration) measure.Generator {
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	cpu, rss := processUsage()
	g := measure.Generator{CPU: cpu - u.cpu, Cores: runtime.GOMAXPROCS(0), Elapsed: elapsed, PeakRSS: rss}
	// The newest pause is the first; the runtime keeps the last 256.
	since := min(gc.NumGC-u.gcs, int64(len(gc.Pause)))
	for _, pause := range gc.Pause[:since] {
		g.MaxGCPause = max(g.MaxGCPause, pause)
	}
	return g
}
