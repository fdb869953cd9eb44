package runner

import (
	"runtime"
	"time"

	"mfaload/measure"
)

// usage is what the process had used when the run began.
type usage struct {
	cpu, wait  time.Duration
	processors *processors
}

func startUsage() usage {
	cpu, _ := processUsage()
	return usage{cpu, processorWait(), newProcessors()}
}

// generator returns what the process used since then.
func (u usage) generator(elapsed time.Duration) measure.Generator {
	cpu, rss := processUsage()
	return measure.Generator{
		CPU: cpu - u.cpu, CPUWait: processorWait() - u.wait,
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Processors: u.processors.available(), Elapsed: elapsed, PeakRSS: peakMemory(rss),
	}
}
