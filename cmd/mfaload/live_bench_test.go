//go:build linux

package main_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"mfaload/live"
	"mfaload/runner"
)

// BenchmarkLiveView prints what being watched costs: the throughput of runs that
// are sampled, read as events and scraped every second, as a share of that of
// runs that nobody watches. Both take turns, so that a busy machine is unfair to
// neither. The bar is 0.97.
func BenchmarkLiveView(b *testing.B) {
	const requests = 300_000
	authPath := startBenchServer(b)
	var alone, watched time.Duration
	run := func(look func(*runner.Runner) (done func())) time.Duration {
		op, r := prepareRun(b, fastest(b, authPath, requests))
		defer op.Close()
		done := look(r)
		began := time.Now()
		m, err := r.Run(context.Background())
		took := time.Since(began)
		done()
		if err != nil {
			b.Fatal(err)
		}
		if m.Main.Sent() != requests {
			b.Fatalf("%d requests were sent", m.Main.Sent())
		}
		return took
	}
	off := func(*runner.Runner) func() { return func() {} }
	on := func(r *runner.Runner) func() { return watch(b, r) }
	run(off)
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			alone += run(off)
			watched += run(on)
		} else {
			watched += run(on)
			alone += run(off)
		}
	}
	b.ReportMetric(alone.Seconds()/watched.Seconds(), "watched/alone")
}

// watch looks at a run in every way, once a second.
func watch(b *testing.B, r *runner.Runner) (done func()) {
	b.Helper()
	s := live.New("fastest", r, func() string { return "" })
	server, err := live.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server.Serve(s)
	read := func(path string) {
		if resp, err := http.Get(server.URL() + path); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	go read("events")
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if err := s.Sample(); err != nil {
					b.Error(err)
				}
				read("metrics")
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-stopped
		if err := s.Finish(); err != nil {
			b.Error(err)
		}
		_ = server.Close()
	}
}
