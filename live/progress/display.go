// Package progress shows people how far a run, a trial or a run on many machines has come: by bars
// on a terminal, by a line now and then elsewhere.
package progress

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/live/console"
	"mfaload/measure"
	"mfaload/runner"
	"mfaload/runner/schedule"
)

// Display is all that shows a run while it runs: the terminal, a page with
// Prometheus metrics, OTLP.
type Display struct {
	console *console.Console
	version string       // of mfaload
	server  *live.Server // nil without --listen
	metrics bool         // are exported by OTLP
	traces  bool
}

// Open listens at HOST:PORT, where that is not empty, before anything is sent, so that a run that
// could not be watched does not start.
func Open(c *console.Console, listen, version string, lookup func(string) (string, bool)) (*Display, error) {
	v := &Display{console: c, version: version}
	var err error
	if v.metrics, err = live.OTLPWanted(lookup, live.Metrics); err != nil {
		return nil, err
	}
	if v.traces, err = live.OTLPWanted(lookup, live.Traces); err != nil {
		return nil, err
	}
	if listen == "" {
		return v, nil
	}
	if v.server, err = live.Listen(listen); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text.Hint("choose another address, such as 127.0.0.1:0"))
	}
	// Also with -q: without its token nobody gets in.
	c.Tell("mfaload: live view: %s\n", v.server.URL())
	return v, nil
}

// Close ends what was opened.
func (v *Display) Close() {
	if v.server != nil {
		_ = v.server.Close()
	}
}

// Begin shows a run that is about to begin, until done is called. Nothing is
// kept for it where nobody looks.
func (v *Display) Begin(ctx context.Context, name string, r *runner.Runner) (done func(), err error) {
	trace := r.Scenario().Target.Trace
	traces := v.traces && trace.Exported()
	if trace.OnlyExported() && !traces {
		v.console.Say("target.trace: slow exports no spans: set OTEL_EXPORTER_OTLP_ENDPOINT to the " +
			"collector's address")
	}
	if v.console.Quiet && v.server == nil && !v.metrics && !traces {
		return func() {}, nil
	}
	s := live.New(r, func() string { return Place(r) })
	ends := []func(){func() {}}
	for _, export := range []struct {
		wanted bool
		begin  func(context.Context, *live.Sampler) (func(), error)
	}{{traces, v.exportTraces}, {v.metrics, v.export}} {
		if !export.wanted {
			continue
		}
		end, err := export.begin(ctx, s)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	if v.server != nil {
		v.server.Serve(s, func() {
			v.console.Tell("mfaload: the run is stopped from its live page\n")
			v.console.Interrupt()
		})
	}
	tick, hide := showRun(v.console, name, r, s)
	stop := live.Every(time.Second, func() { s.Sample(); tick() })
	return func() {
		stop()
		s.Finish()
		tick()
		hide()
		for _, end := range ends {
			end()
		}
	}, nil
}

// export sends the figures by OTLP. What goes wrong is said once.
func (v *Display) export(ctx context.Context, s *live.Sampler) (end func(), err error) {
	failed := v.failed()
	shutdown, err := s.Export(context.WithoutCancel(ctx), v.version, failed)
	if err != nil {
		return nil, err
	}
	v.console.Say("live figures are exported by OTLP, as the OTEL_ variables say")
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			failed(err)
		}
	}, nil
}

// exportTraces sends spans by OTLP, and says in the end of how many requests.
func (v *Display) exportTraces(ctx context.Context, s *live.Sampler) (end func(), err error) {
	stop, err := s.ExportTraces(context.WithoutCancel(ctx), v.version, v.failed())
	if err != nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		n := stop(ctx)
		v.console.Say("traces: spans of requests exported by OTLP: %d, left out: %d, failed: %d", n.Exported,
			n.LeftOut, n.Failed)
	}, nil
}

// failed says once that exports fail. What the collector responds may hold the key that it was sent.
func (v *Display) failed() func(error) {
	say := v.once("the OTLP export failed: %v")
	return func(err error) { say(errors.New(answered.ReplaceAllString(err.Error(), "$1"))) }
}

var answered = regexp.MustCompile(`(?s)(: \d{3} [A-Za-z ]+)\(body: .*`)

func (v *Display) once(format string) func(error) {
	var first sync.Once
	return func(err error) {
		first.Do(func() {
			v.console.Tell("mfaload: "+format+"\n", strings.Join(strings.Fields(err.Error()), " "))
		})
	}
}

// recently says how the last 10 s went: nothing before the first sample.
func recently(s live.Status) string {
	if s.Elapsed == 0 {
		return "last 10 s: not measured yet"
	}
	text := fmt.Sprintf("last 10 s: %s/s", short(s.Achieved))
	if s.Planned > 0 {
		text += fmt.Sprintf(" of %s/s planned", short(s.Planned))
	}
	if s.Response.Count > 0 {
		text += fmt.Sprintf(", response p50 %s p99 %s ms", short(s.Response.P50), short(s.Response.P99))
	} else {
		text += ", nothing served"
	}
	return text
}

func short(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// showRun shows how far a run has come, until hide is called: bars on a
// terminal, a line now and then elsewhere, nothing with -q. Tick is called when
// there is a new sample.
func showRun(c *console.Console, name string, r *runner.Runner, s *live.Sampler) (tick, hide func()) {
	switch {
	case c.Quiet:
		return func() {}, func() {}
	case c.Bars:
		return func() {}, showBars(c, name, r, s)
	default:
		return showLines(c, name, r, s)
	}
}

// soFar says how the requests ended that were sent so far; with those in flight that is all of them.
func soFar(p runner.RunProgress) string {
	limited := ""
	if p.Refused > 0 {
		limited = fmt.Sprintf(" (%d of them 429)", p.Refused)
	}
	return fmt.Sprintf("%d as expected, %d unexpected%s, %d violating, %d failed, %d in flight",
		p.Clean, p.Unexpected()+p.Refused, limited, p.Violating, p.Failed, p.InFlight)
}

// barSet are the bars and lines that a terminal shows. Whoever moves them does not wait for it.
type barSet struct {
	all   *mpb.Progress
	width int
	back  func() // to where texts went before; anything else on the terminal breaks the bars
	shown []*mpb.Bar
}

func newBars(c *console.Console) *barSet {
	stderr, terminal := c.Stderr()
	w := cupwriter.New(stderr, false)
	if f, ok := terminal.(*os.File); ok {
		w.SetTermFd(int(f.Fd()))
	}
	width := c.TerminalWidth()
	all := mpb.New(mpb.WithConsoleWriter(w), mpb.WithWidth(min(width, 100)),
		mpb.WithRefreshRate(100*time.Millisecond))
	return &barSet{all: all, width: width, back: c.Divert(all)}
}

// bar adds a bar with a name to its left and a text to its right. A total of 0 is not known.
func (b *barSet) bar(total int64, name string, text func() string) *mpb.Bar {
	bar := b.all.AddBar(total, mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return text() })))
	b.shown = append(b.shown, bar)
	return bar
}

// line adds a line of text, which ends as a bar of the total does.
func (b *barSet) line(total int64, text func() string) {
	b.shown = append(b.shown, b.all.New(total, mpb.NopStyle(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return fit(text(), b.width-1) }))))
}

// begin moves the bars until hide is called, which leaves them or drops them. Dropping has no
// effect on a bar that is full.
func (b *barSet) begin(advance func(), drop bool) (hide func()) {
	stop := live.Every(100*time.Millisecond, advance)
	return func() {
		stop()
		advance()
		for _, bar := range b.shown {
			bar.Abort(drop)
		}
		b.back()
		b.all.Wait()
	}
}

// showBars shows a bar for the run and one for its stage, and below them once a
// second what matters. It polls the recorder; the run does not know that it is
// watched.
func showBars(c *console.Console, name string, r *runner.Runner, s *live.Sampler) (hide func()) {
	b := &runBars{barSet: newBars(c), runner: r}
	total := int64(r.Schedule().Count()) // 0 of a closed load that ends by its duration: the bar has no end
	b.bar(total, fit(name, b.width/4), func() string {
		p := r.Progress()
		return sentOf(int64(sent(p)), total) + " sent, " + elapsed(p)
	})
	if stages := r.Schedule().Stages(); len(stages) > 1 {
		b.stages = stages
		b.stage = b.bar(1000, "", func() string { return fit(Place(r), b.width/2) })
	}
	b.line(total, func() string { return recently(s.Status()) })
	b.line(total, func() string { return soFar(r.Progress()) })
	return b.begin(b.advance, false)
}

// ShowTrial shows how far a trial of a search has come, on a terminal; elsewhere
// a line after each trial is enough.
func ShowTrial(c *console.Console, name string, r *runner.Runner) (hide func()) {
	if c.Quiet || !c.Bars {
		return func() {}
	}
	b := &runBars{barSet: newBars(c), runner: r}
	total := int64(r.Schedule().Count())
	b.bar(total, fit(name, b.width/3), func() string { return elapsed(r.Progress()) })
	b.line(total, func() string { return soFar(r.Progress()) })
	return b.begin(b.advance, true) // the line after the trial says more
}

type runBars struct {
	*barSet
	runner *runner.Runner
	stages []measure.StageSpan
	stage  *mpb.Bar // of the time that has passed of a stage; nil if there is one stage only
}

// sent is how many requests were sent so far: those that ended, and those in flight.
func sent(p runner.RunProgress) uint64 { return p.Sent + uint64(max(p.InFlight, 0)) }

func (b *runBars) advance() {
	p := b.runner.Progress()
	for i, bar := range b.shown {
		switch {
		case bar == b.stage:
		case i == 0: // not full before the last response: a full bar stands still
			bar.SetCurrent(max(int64(p.Sent), min(int64(sent(p)), int64(b.runner.Schedule().Count())-1)))
		default:
			bar.SetCurrent(int64(p.Sent))
		}
	}
	if b.stage == nil {
		return
	}
	for _, st := range b.stages {
		if p.Elapsed >= st.Start && p.Elapsed < st.End {
			// Never full: a full bar is at its end and stands still.
			b.stage.SetCurrent(min(int64(1000*(p.Elapsed-st.Start)/(st.End-st.Start)), 999))
		}
	}
}

func sentOf(n, total int64) string {
	if total == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d / %d", n, total)
}

func fit(text string, width int) string {
	if runes := []rune(text); width > 1 && len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

// showLines writes a line a second at first, later one in ten seconds.
func showLines(c *console.Console, name string, r *runner.Runner, s *live.Sampler) (tick, hide func()) {
	c.Say("%s: %s", name, Extent(r.Schedule()))
	of := ""
	if total := r.Schedule().Count(); total > 0 {
		of = fmt.Sprintf(" of %d", total)
	}
	line := func() {
		p := r.Progress()
		where := Place(r)
		if where != "" {
			where = " (" + where + ")"
		}
		c.Say("%3.0f s%s: %d%s sent: %s; %s", p.Elapsed.Seconds(), where, sent(p), of, soFar(p),
			recently(s.Status()))
	}
	n := 0
	return func() {
		if n++; !s.Status().Done && (n <= 10 || n%10 == 0) {
			line()
		}
	}, line
}

// Extent is how many requests a schedule has and how long it is, as far as it
// is known in advance.
func Extent(s *schedule.Schedule) string {
	n, end := s.Count(), s.End()
	switch {
	case end == 0:
		return fmt.Sprintf("%d requests, closed model", n)
	case n == 0:
		return fmt.Sprintf("%v, closed model", end)
	}
	return fmt.Sprintf("%d requests in %v", n, end)
}

func elapsed(p runner.RunProgress) string {
	if p.End == 0 {
		return p.Elapsed.Round(time.Second).String()
	}
	return fmt.Sprintf("%v of %v", min(p.Elapsed, p.End).Round(time.Second), p.End)
}

// Place says in which of several stages a run is, and the rate there.
func Place(r *runner.Runner) string {
	p := r.Progress()
	now := p.Elapsed
	at, ok := r.Schedule().Place(now)
	switch {
	case p.Paused > 0:
		return fmt.Sprintf("paused after a 429, %.1f s left of it", p.Paused.Seconds())
	case !ok || at.Stages*at.Cycles == 1:
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
