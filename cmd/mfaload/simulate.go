package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"mfaload/scenario"
	"mfaload/session"
	"mfaload/simulator"
)

func newSimulate(a *app) *cobra.Command {
	address, faults := "", false
	c := &cobra.Command{
		Use:   "simulate FILE",
		Short: "Serve the simulator on its own",
		Long: `Serve the PingOne stand-in that scenarios can embed, until a signal comes. FILE is
a scenario, or a file with just the keys of a scenario's target.simulator and,
if wanted, envID and accessToken (without one any bearer token is taken).`,
		Example:           `  mfaload simulate --addr 127.0.0.1:8080 scenarios/quickstart.yaml`,
		ValidArgsFunction: scenarioFiles,
		Args: func(c *cobra.Command, args []string) error {
			if faults {
				return exactly()(c, args)
			}
			return exactly("FILE")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if faults {
				return a.listFaults()
			}
			return a.simulate(c, args[0], address)
		},
	}
	c.Flags().StringVar(&address, "addr", "127.0.0.1:8080", "address to listen on")
	c.Flags().BoolVar(&faults, "faults", false, "list the faults that a scenario can name, and leave")
	c.Flags().BoolVarP(&a.ui.Quiet, "quiet", "q", false, "show only the counts at the end")
	return c
}

func (a *app) simulate(c *cobra.Command, file, address string) error {
	s, err := scenario.ReadSimulator(file, a.env.lookup)
	if err != nil {
		return err
	}
	if err := session.CheckSimulator(s); err != nil {
		return err
	}
	defer s.Close()
	if err := (&contractFlags{}).loader(a).ReadUsers(s); err != nil {
		return err
	}
	ctx, done := a.interruptible(c.Context(), nothingKept)
	defer done()
	running, err := session.StartSimulator(s, address)
	if err != nil {
		return refused(err)
	}
	defer running.Stop()
	base := running.AuthPath
	if !s.Target.CustomDomain {
		base += "/" + s.Target.EnvID
	}
	a.ui.Say("serving POST %s/deviceAuthentications", base)
	<-ctx.Done()
	counts := running.Simulator.Stats().Statuses
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		name := strconv.Itoa(status)
		if status == 0 {
			name = "no answer"
		}
		fmt.Fprintf(a.ui.Out, "%s  %d\n", name, counts[status])
	}
	return nil
}

func (a *app) listFaults() error {
	for _, f := range simulator.Faults() {
		fmt.Fprintf(a.ui.Out, "%-24s %s\n", f.Name, f.Description)
	}
	return nil
}
