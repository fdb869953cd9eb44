package main

import (
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"mfaload/runner"
)

// showProgress shows how far a run has come, until the returned function is
// called: bars on a terminal, a line now and then elsewhere, nothing with -q.
func (u *ui) showProgress(name string, r *runner.Runner) (done func()) {
	switch {
	case u.quiet:
		return func() {}
	case u.bars:
		return u.showBars(name, r)
	default:
		return u.showLines(name, r)
	}
}

// outcome says in a few words what has come back so far.
func outcome(p runner.Progress) string {
	return fmt.Sprintf("%d as expected, %d unexpected, %d violating, %d without answer, %d in flight",
		p.Clean, p.Unexpected(), p.Violating, p.Failed, p.InFlight)
}

// showBars polls the recorder; the run does not know that it is watched.
func (u *ui) showBars(name string, r *runner.Runner) (done func()) {
	total := int64(r.Schedule().Count())
	bars := mpb.New(mpb.WithOutput(u.err), mpb.WithWidth(60), mpb.WithRefreshRate(100*time.Millisecond))
	back := u.divert(bars) // anything else written to the terminal breaks the bars
	bar := bars.AddBar(total,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(
			decor.CountersNoUnit("%d / %d", decor.WCSyncSpace),
			decor.Any(func(decor.Statistics) string {
				p := r.Progress()
				return fmt.Sprintf("%v of %v", min(p.Elapsed, p.End).Round(time.Second), p.End)
			}, decor.WCSyncSpace),
		))
	state := bars.New(total, mpb.NopStyle(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return outcome(r.Progress()) })))
	advance := func() {
		sent := int64(r.Progress().Sent)
		bar.SetCurrent(sent)
		state.SetCurrent(sent)
	}
	stop := every(100*time.Millisecond, advance)
	return func() {
		stop()
		advance()
		bar.Abort(false) // no effect on a bar that is full
		state.Abort(false)
		back()
		bars.Wait()
	}
}

// showLines writes a line a second at first, later one in ten seconds.
func (u *ui) showLines(name string, r *runner.Runner) (done func()) {
	total, end := r.Schedule().Count(), r.Schedule().End()
	u.say("%s: %d requests in %v", name, total, end)
	line := func() {
		p := r.Progress()
		u.say("%3.0f s: %d of %d sent: %s", p.Elapsed.Seconds(), p.Sent, total, outcome(p))
	}
	n := 0
	stop := every(time.Second, func() {
		if n++; n <= 10 || n%10 == 0 {
			line()
		}
	})
	return func() {
		stop()
		line()
	}
}

// every calls f again and again until it is stopped.
func every(d time.Duration, f func()) (stop func()) {
	ticker := time.NewTicker(d)
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				f()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(quit)
		<-stopped
	}
}
