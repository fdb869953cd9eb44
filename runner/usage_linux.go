package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// peakMemory returns the process's largest resident memory in bytes. What
// getrusage tells is as large as the process that started this one.
func peakMemory(uint64) uint64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kB uint64
	_, _ = fmt.Sscan(after, &kB)
	return kB * 1024
}

// processorWait returns how long the process's threads have been ready to run
// and waited for a processor, summed up. The kernel tells it of each thread in
// /proc/…/schedstat: time on a processor, time waiting, turns.
func processorWait() (sum time.Duration) {
	tasks, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return 0
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		var ran, waited int64
		if n, _ := fmt.Sscan(string(text), &ran, &waited); n == 2 {
			sum += time.Duration(waited)
		}
	}
	return sum
}
