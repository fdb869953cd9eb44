package scenario_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"mfaload/scenario"
)

// BenchmarkReadUsers reads a file of users and hands all of them out in a
// shuffled order: how long it takes a user, and what it keeps in memory.
func BenchmarkReadUsers(b *testing.B) {
	for _, n := range []int{340_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			writeUsers(b, filepath.Join(dir, "users.csv"), n)
			text := "name: a\ntarget: {simulator: {}}\nusers: [{name: a, file: users.csv, order: " +
				"shuffle}]\nload: {stages: [{rate: 1/s, duration: 1s}]}\n"
			for b.Loop() {
				s, err := scenario.Parse(filepath.Join(dir, "s.yaml"), []byte(text),
					func(string) (string, bool) { return "", false })
				if err != nil {
					b.Fatal(err)
				}
				before := heap()
				start := time.Now()
				if err := s.ReadUsers(nil); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(time.Since(start).Seconds(), "s/file")
				b.ReportMetric(float64(heap()-before)/1e6, "MB-kept")
				s.Close()
			}
			b.ReportMetric(peakRSS(b), "MB-peak")
		})
	}
}

func writeUsers(b *testing.B, file string, n int) {
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "userID")
	for i := range n {
		fmt.Fprintf(w, "788d4931-6936-43f2-82ff-%012x\n", i*2654435761%(1<<47))
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
