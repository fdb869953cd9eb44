package progress

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"mfaload/internal/text"
	"mfaload/live"
	"mfaload/live/console"
	"mfaload/runner"
)

// Display is all that shows a run while it runs: the terminal, a page with
// Prometheus metrics, OTLP.
type Display struct {
	console *console.Console
	version string       // of mfaload
	server  *live.Server // nil without --listen
	otlp    bool
}

// Open listens at HOST:PORT, where that is not empty, before anything is sent, so that a run that
// could not be watched does not start.
func Open(c *console.Console, listen, version string, lookup func(string) (string, bool)) (*Display, error) {
	v := &Display{console: c, version: version}
	var err error
	if v.otlp, err = live.OTLPWanted(lookup); err != nil {
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
	if v.console.Quiet && v.server == nil && !v.otlp {
		return func() {}, nil
	}
	s := live.New(name, r, func() string { return Place(r) })
	ends := []func(){func() {}}
	if v.otlp {
		end, err := v.export(ctx, s)
		if err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	if v.server != nil {
		v.server.Serve(s)
	}
	tick, hide := showRun(v.console, name, r, s)
	failed := v.once("the live view is incomplete: %v")
	look := func(sample func() error) {
		if err := sample(); err != nil {
			failed(err)
		}
		tick()
	}
	stop := live.Every(time.Second, func() { look(s.Sample) })
	return func() {
		stop()
		look(s.Finish)
		hide()
		for _, end := range ends {
			end()
		}
	}, nil
}

// export sends the figures by OTLP. What goes wrong is said once and is no fault
// of the run.
func (v *Display) export(ctx context.Context, s *live.Sampler) (end func(), err error) {
	say := v.once("the OTLP export failed: %v")
	// What the collector answers may hold the key that it was sent.
	failed := func(err error) { say(errors.New(answered.ReplaceAllString(err.Error(), "$1"))) }
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

// answered finds the collector's answer in an error of the exporter.
var answered = regexp.MustCompile(`(?s)(: \d{3} [A-Za-z ]+)\(body: .*`)

// once says the first of several errors on one line.
func (v *Display) once(format string) func(error) {
	var first sync.Once
	return func(err error) {
		first.Do(func() {
			v.console.Tell("mfaload: "+format+"\n", strings.Join(strings.Fields(err.Error()),
				" "))
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

// short writes a number to 3 digits.
func short(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
