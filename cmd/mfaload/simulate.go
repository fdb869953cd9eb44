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
		Use:   "simulate [FILE]",
		Short: "Serve the simulator on its own",
		Long: `Serve the PingOne stand-in that scenarios can embed, until you press Ctrl-C, and
print the variables that a scenario of your own reads to reach it. FILE is a
scenario, or a file with just the keys of a scenario's target.simulator and, if
you like, envID and accessToken (without it the simulator takes any bearer token).
Without FILE it serves the simulator of the scenario that 'mfaload init' writes.`,
		Example: `  mfaload simulate
  mfaload simulate --addr 127.0.0.1:8080 scenarios/quickstart.yaml`,
		ValidArgsFunction: scenarioFiles,
		Args:              atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if faults && len(args) > 0 {
				return usage(c, fmt.Errorf("unexpected argument %q", args[0]))
			}
			if faults {
				return a.listFaults()
			}
			return a.simulate(c, args, address)
		},
	}
	c.Flags().StringVar(&address, "addr", "127.0.0.1:8080", "address to listen on")
	c.Flags().BoolVar(&faults, "faults", false, "list the faults that a scenario can name, and exit")
	c.Flags().BoolVarP(&a.ui.Quiet, "quiet", "q", false, "show only the counts at the end")
	return c
}

// simulated is what a file describes, or without one the scenario that init writes.
func (a *app) simulated(files []string) (*scenario.Scenario, error) {
	if len(files) > 0 {
		return scenario.ReadSimulator(files[0], a.env.lookup)
	}
	return scenario.ParseSimulator("init.yaml", firstScenario, a.env.lookup)
}

func (a *app) simulate(c *cobra.Command, files []string, address string) error {
	s, err := a.simulated(files)
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
	if !a.ui.Quiet {
		shown := "any-token"
		if !s.Target.AccessToken.IsZero() {
			shown = "…   # the file's accessToken"
		}
		fmt.Fprintf(a.ui.Out, "\nexport PINGONE_AUTH_PATH=%s\nexport PINGONE_ENV_ID=%s\n"+
			"export PINGONE_ACCESS_TOKEN=%s\n\n", running.AuthPath, s.Target.EnvID, shown)
	}
	<-ctx.Done()
	counts := running.Simulator.Stats().Statuses
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		name := strconv.Itoa(status)
		if status == 0 {
			name = "no response"
		}
		a.ui.Print("%s  %d\n", name, counts[status])
	}
	return nil
}

func (a *app) listFaults() error {
	for _, f := range simulator.Faults() {
		a.ui.Print("%-24s %s\n", f.Name, f.Description)
	}
	return nil
}
