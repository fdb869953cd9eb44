package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"mfaload/internal/number"
	"mfaload/live/console"
	"mfaload/runner/plan"
	"mfaload/runner/plan/plantext"
	"mfaload/scenario"
	"mfaload/session/check"
)

// consent refuses a run that would ask a user more often than its caps allow.
// It prints the plan of one against a host that is not this machine, and asks
// whether to start; yes is the answer where nobody can be asked.
func (a *app) consent(s *scenario.Scenario, p *plan.RunPlan, yes bool) error {
	elsewhere := s.Target.IsRemote()
	if !elsewhere && !slices.ContainsFunc(s.Groups, func(g scenario.Group) bool { return g.MaxPerUser > 0 }) {
		return nil
	}
	if err := withinCaps(p); err != nil || !elsewhere {
		return err
	}
	a.ui.Tell("%s\n", plantext.Page(p, a.ui.ErrWidth, time.Now(), ""))
	return a.confirm(s, yes, "run", number.Count(cmp.Or(p.Alternating, p.Requests))+" requests")
}

// consentCheck says how many users of a host that is not this machine a check
// would ask, and asks whether to start.
func (a *app) consentCheck(k *check.Check, s *scenario.Scenario, pace float64, flags *checkFlags) error {
	generated, err := k.Plan()
	if err != nil {
		return err
	}
	if generated.Requests > 0 {
		a.ui.Tell("%s\n", generated)
	}
	if !s.Target.IsRemote() {
		return nil
	}
	n := uint64(0)
	for i := range s.Groups {
		n += uint64(s.Groups[i].Size())
	}
	if generated.Again {
		a.ui.Tell("CHECK  %s: to %s\n", s.Name, s.Target.AuthPath)
		return a.confirm(s, flags.yes, "check", number.Count(uint64(generated.Requests))+" requests")
	}
	a.tellCheck(s, n, pace)
	if flags.options.Negative {
		a.ui.Tell("  and then wrong requests, all for the first of them\n")
	}
	return a.confirm(s, flags.yes, "check", number.Count(n+uint64(generated.Requests))+" requests")
}

// tellCheck says how many users a check sends requests for, and how long that takes.
func (a *app) tellCheck(s *scenario.Scenario, n uint64, pace float64) {
	a.ui.Tell("CHECK  %s: one request for each of %s users, at %s/s: %s\n  to %s, where each may send a "+
		"real message\n",
		s.Name, number.Count(n), number.Significant(pace), number.Length(float64(max(n, 1)-1)/pace),
		s.Target.AuthPath)
}

// confirm asks whether to send so much, once it was said what a run or the like
// would do. Where nobody can answer, yes has to be the answer already.
func (a *app) confirm(s *scenario.Scenario, yes bool, what, much string) error {
	if yes {
		return nil
	}
	if why := a.noAnswer(s); why != "" {
		return &exitError{exitUsage, fmt.Errorf("%s is not this machine, and %s: nothing was sent\n%s",
			s.Target.AuthPath, why, hint("read what is said above, and start the %s with --yes", what))}
	}
	return a.ask(fmt.Sprintf("send %s to %s?", much, s.Target.AuthPath))
}

// withinCaps refuses a plan that sends a user more than maxPerUser allows, or than the service does.
func withinCaps(p *plan.RunPlan) error {
	over, most := plantext.OverCaps(p)
	if over == "" {
		return withinLimits(p)
	}
	return fmt.Errorf("%s\n%s", over,
		hint("add users, send fewer requests (load.maxRequests is a cap over all), or write maxPerUser: "+
			"%d/d in load or in the group; nothing was sent", most))
}

func withinLimits(p *plan.RunPlan) error {
	if why, remedy := plantext.Blocked(p); why != "" {
		return fmt.Errorf("%s\n%s", why, hint("%s; nothing was sent", remedy))
	}
	return nil
}

func (a *app) noAnswer(s *scenario.Scenario) string {
	for i := range s.Groups {
		if s.Groups[i].File.Path == scenario.Stdin {
			return "standard input has the users, so it can't confirm"
		}
	}
	in, ok := a.env.in.(*os.File)
	if _, shown := console.Width(a.env.err); !ok || !shown || !term.IsTerminal(int(in.Fd())) {
		return "there is no terminal to confirm it on"
	}
	return ""
}

// ask wants a yes; everything else is a no.
func (a *app) ask(question string) error {
	a.ui.Tell("mfaload: %s [y/N] ", question)
	answer, err := bufio.NewReader(a.env.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &exitError{exitNotStarted, errNotConfirmed}
}

// errNotConfirmed is no run that did not start: nobody wanted one, and results that
// are there stay.
var errNotConfirmed = errors.New("not confirmed: nothing was sent")
