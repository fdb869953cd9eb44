package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mfaload/runner"
	"mfaload/runner/plan/plantext"
	"mfaload/scenario"
	"mfaload/session"
)

// planFlags are the flags of a dry run.
type planFlags struct {
	wanted          bool
	latency, format string
}

func (f *planFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.wanted, "plan", false, "print what would be sent, and send nothing")
	c.Flags().StringVar(&f.latency, "latency", "",
		"with --plan: the latency to assume (default: a threshold of p99, or else 200ms)")
	c.Flags().StringVar(&f.format, "format", "text", "with --plan: text or json")
	formats(c, "text", "json")
}

// check refuses flags that have no meaning, and reads the latency.
func (f *planFlags) check() (latency time.Duration, err error) {
	switch {
	case !f.wanted && (f.latency != "" || f.format != "text"):
		return 0, errors.New("--latency and --format need --plan")
	case f.format != "text" && f.format != "json":
		return 0, fmt.Errorf("--format %q is neither text nor json", f.format)
	case f.latency == "":
		return 0, nil
	}
	latency, err = scenario.ParseDuration(f.latency)
	if err == nil && (latency == 0 || latency > time.Hour) {
		err = fmt.Errorf("%s is not above 0 and up to 1h", f.latency)
	}
	if err != nil {
		return 0, fmt.Errorf("--latency: %w", err)
	}
	return latency, nil
}

// printPlan prints what a run would send, with a note on what it takes besides;
// that may be empty.
func (a *app) printPlan(s *scenario.Scenario, flags *planFlags, latency time.Duration, shards int,
	note string) error {
	p := session.Plan(s, latency)
	p.Bind(runner.WorkersBound(s))
	p.Share(shards)
	if flags.format == "json" {
		e := json.NewEncoder(a.ui.Data)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(p)
	}
	text := plantext.Page(p, a.ui.Width, time.Now(), "; nothing was sent")
	if note != "" {
		text += "\n" + note + "\n"
	}
	_, err := io.WriteString(a.ui.Out, text)
	return err
}
