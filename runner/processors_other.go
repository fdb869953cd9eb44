//go:build !linux

package runner

import (
	"runtime"
	"time"
)

// processors says how many processors the process may use.
type processors struct{}

func newProcessors() *processors { return &processors{} }

func (p *processors) available() float64 {
	return float64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
}

// throttled is not to be had on this system.
func (p *processors) throttled() time.Duration { return 0 }
