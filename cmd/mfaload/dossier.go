package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfaload/scenario"
	"mfaload/session/dossier"
)

var dossierCodes = map[dossier.Answer]int{dossier.Go: exitPass, dossier.NoGo: exitFail,
	dossier.Undecided: exitInconclusive}

type dossierFlags struct {
	out, peak, maxAge, format string
	without                   []string
}

func newDossier(a *app) *cobra.Command {
	f := &dossierFlags{}
	c := &cobra.Command{
		Use:   "dossier DIR...",
		Short: "Say from results on disk whether a rollout may go ahead",
		Long: `Say from results on disk whether a rollout may go ahead: go, no-go or undecided,
and why. Each DIR is a results folder of 'mfaload run', 'capacity' or 'check
--generate --out', or a folder of results folders; plan.json in it is what 'run
--plan --format json' printed. The dossier takes conformance, limits, load,
capacity, soak and the comparison with an earlier run from them, and links each
figure to its run. It measures and judges nothing again.

No-go: a part failed. Undecided: no part failed, but one is missing or undecided, a
result is too old, or results are of different targets, contracts, versions of a
scenario or versions of mfaload. Otherwise go. Of several results of one scenario
and target the newest counts.

Exit codes: 0 go, 1 no-go, 4 undecided.`,
		Example: `  mfaload dossier --peak 120/s --out dossier.html results
  mfaload dossier --without soak,comparison --format json \
    results/check results/friday results/capacity`,
		ValidArgsFunction: resultFolders,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("DIR")(c, args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			demand, err := f.parse()
			if err != nil {
				return usage(c, err)
			}
			return a.dossier(args, f, demand)
		},
	}
	c.Flags().StringVar(&f.out, "out", "", "write FILE, which ends in .html, and the same as .md next to it")
	c.Flags().StringVar(&f.peak, "peak", "",
		"the rate that the service has to hold, such as 120/s (default: the one that the capacity search "+
			"was asked about)")
	c.Flags().StringSliceVar(&f.without, "without", nil,
		"parts that are not needed: conformance, limits, load, capacity, soak, comparison")
	c.Flags().StringVar(&f.maxAge, "max-age", "720h", "how old a result may be")
	c.Flags().StringVar(&f.format, "format", "markdown",
		"what stdout gets: markdown, without figures if there is --out, or json")
	formats(c, "markdown", "json")
	return c
}

func (f *dossierFlags) parse() (d dossier.RolloutDemand, err error) {
	d.Now = time.Now()
	if f.peak != "" {
		rate, err := scenario.ParseRate(f.peak)
		if err != nil || rate <= 0 {
			return d, fmt.Errorf("--peak %q is no rate such as 120/s", f.peak)
		}
		d.Peak = float64(rate)
	}
	if d.MaxAge, err = scenario.ParseDuration(f.maxAge); err != nil || d.MaxAge <= 0 {
		return d, fmt.Errorf("--max-age %q is no duration such as 720h", f.maxAge)
	}
	for _, name := range f.without {
		if !slices.Contains(dossier.PartNames, dossier.PartName(name)) {
			return d, fmt.Errorf("--without %q is none of conformance, limits, load, capacity, soak, "+
				"comparison", name)
		}
		d.Without = append(d.Without, dossier.PartName(name))
	}
	switch {
	case len(d.Without) == len(dossier.PartNames):
		return d, errors.New("--without leaves nothing to decide by")
	case f.format != "markdown" && f.format != "json":
		return d, fmt.Errorf("--format %q is neither markdown nor json", f.format)
	case f.out != "" && !strings.HasSuffix(f.out, ".html"):
		return d, fmt.Errorf("--out %q does not end in .html", f.out)
	}
	return d, nil
}

func (a *app) dossier(paths []string, f *dossierFlags, demand dossier.RolloutDemand) error {
	found, err := dossier.Read(paths)
	if err != nil {
		return err
	}
	d := dossier.New(found, demand)
	data := d.Markdown(".")
	if f.out != "" {
		if err := d.WriteFiles(f.out); err != nil {
			return err
		}
		data = d.Summary(".")
	}
	if f.format == "json" {
		if data, err = d.JSON(); err != nil {
			return err
		}
	}
	if _, err := a.ui.Data.Write(data); err != nil {
		return err
	}
	if code := dossierCodes[d.Answer]; code != exitPass {
		return &exitError{code: code}
	}
	return nil
}
