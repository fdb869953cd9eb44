//go:build !linux

package runner

import "time"

// processorWait is not to be had on this system.
func processorWait() time.Duration { return 0 }
