//go:build linux

package main_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mfaload/live"
	"mfaload/runner"
)

// BenchmarkLiveView prints what being watched costs: the throughput of runs that
// are sampled, read as events and scraped every second, as a share of that of
// runs that nobody watches. Both take turns, so that a busy machine is unfair to
// neither, and the medians of the pairs are shown, of the processor time too: it
// is less of a matter of who else is on the machine. The bar is 0.97.
func BenchmarkLiveView(b *testing.B) {
	const requests = 200_000
	authPath := startBenchServer(b)
	var throughput, cpu []float64 // of watched runs, as shares of those alone
	run := func(look func(*runner.Runner) (done func())) (took, cpu float64) {
		op, r := prepareRun(b, fastest(b, authPath, requests))
		defer op.Close()
		done := look(r)
		m, err := r.Run(context.Background(), runner.Start{})
		done()
		if err != nil {
			b.Fatal(err)
		}
		if m.Main.Sent() != requests {
			b.Fatalf("%d requests were sent", m.Main.Sent())
		}
		return m.Generator.Elapsed.Seconds(), m.Generator.CPU.Seconds()
	}
	off := func(*runner.Runner) func() { return func() {} }
	on := func(r *runner.Runner) func() { return watch(b, r) }
	run(off)
	for i := 0; b.Loop(); i++ {
		first, second := off, on
		if i%2 == 1 {
			first, second = on, off
		}
		took1, cpu1 := run(first)
		took2, cpu2 := run(second)
		if i%2 == 1 {
			took1, took2, cpu1, cpu2 = took2, took1, cpu2, cpu1
		}
		throughput, cpu = append(throughput, took1/took2), append(cpu, cpu2/cpu1)
	}
	b.ReportMetric(median(throughput), "throughput-ratio")
	b.ReportMetric(median(cpu), "cpu-ratio")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// watch looks at a run in every way, once a second.
func watch(b *testing.B, r *runner.Runner) (done func()) {
	b.Helper()
	s := live.New(r, func() string { return "" })
	server, err := live.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server.Serve(s, func() {})
	base, _, _ := strings.Cut(server.URL(), "?")
	read := func(path string) {
		if resp, err := http.Get(base + path); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	go read("events?history")
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				s.Sample()
				read("metrics")
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-stopped
		s.Finish()
		_ = server.Close()
	}
}
