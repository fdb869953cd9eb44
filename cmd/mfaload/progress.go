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
	total := int64(r.Schedule().Count()) // 0 of a closed load that ends by its duration: the bar has no end
	bars := mpb.New(mpb.WithOutput(u.err), mpb.WithWidth(60), mpb.WithRefreshRate(100*time.Millisecond))
	back := u.divert(bars) // anything else written to the terminal breaks the bars
	bar := bars.AddBar(total,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(
			decor.Any(func(s decor.Statistics) string {
				if total == 0 {
					return fmt.Sprint(s.Current)
				}
				return fmt.Sprintf("%d / %d", s.Current, total)
			}, decor.WCSyncSpace),
			decor.Any(func(decor.Statistics) string {
				return elapsed(r.Progress())
			}, decor.WCSyncSpace),
		))
	all := []*mpb.Bar{bar}
	line := func(text func() string) {
		all = append(all, bars.New(total, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return text() }))))
	}
	if place(r) != "" { // there are several stages
		line(func() string { return place(r) })
	}
	line(func() string { return outcome(r.Progress()) })
	advance := func() {
		sent := int64(r.Progress().Sent)
		for _, b := range all {
			b.SetCurrent(sent)
		}
	}
	stop := every(100*time.Millisecond, advance)
	return func() {
		stop()
		advance()
		for _, b := range all {
			b.Abort(false) // no effect on a bar that is full
		}
		back()
		bars.Wait()
	}
}

// showLines writes a line a second at first, later one in ten seconds.
func (u *ui) showLines(name string, r *runner.Runner) (done func()) {
	u.say("%s: %s", name, extent(r.Schedule()))
	of := ""
	if total := r.Schedule().Count(); total > 0 {
		of = fmt.Sprintf(" of %d", total)
	}
	line := func() {
		p := r.Progress()
		where := place(r)
		if where != "" {
			where = " (" + where + ")"
		}
		u.say("%3.0f s%s: %d%s sent: %s", p.Elapsed.Seconds(), where, p.Sent, of, outcome(p))
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

// extent is how many requests a schedule has and how long it is, as far as it
// is known in advance.
func extent(s *runner.Schedule) string {
	n, end := s.Count(), s.End()
	switch {
	case end == 0:
		return fmt.Sprintf("%d requests, closed model", n)
	case n == 0:
		return fmt.Sprintf("%v, closed model", end)
	}
	return fmt.Sprintf("%d requests in %v", n, end)
}

func elapsed(p runner.Progress) string {
	if p.End == 0 {
		return p.Elapsed.Round(time.Second).String()
	}
	return fmt.Sprintf("%v of %v", min(p.Elapsed, p.End).Round(time.Second), p.End)
}

// place says in which of several stages a run is, and the rate there.
func place(r *runner.Runner) string {
	now := r.Progress().Elapsed
	at, ok := r.Schedule().Place(now)
	if !ok || at.Stages*at.Cycles == 1 {
		return ""
	}
	text := at.Name
	if !at.Warmup {
		text = fmt.Sprintf("stage %d of %d", at.Stage, at.Stages)
		if at.Cycles > 1 {
			text += fmt.Sprintf(", time %d of %d", at.Cycle, at.Cycles)
		}
		text += ": " + at.Name
	}
	return fmt.Sprintf("%s, now %.3g/s", text, r.Schedule().Rate(now))
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
