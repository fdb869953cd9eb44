package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/check"
)

type checkFlags struct {
	contract    contractFlags
	user        string
	expect      []string
	ownerAgreed bool
	rate        string
	options     check.Settings
	ledger      ledgerFlags
	yes         bool
}

func newCheck(a *app) *cobra.Command {
	flags := &checkFlags{}
	c := &cobra.Command{
		Use:   "check [SCENARIO]",
		Short: "Check responses one by one, without load",
		Long: `Check responses one by one, without load: one request for each user of a scenario,
paced gently, with every rule of the contract shown as passed, violated, found
(a finding) or not reached. Each request may send a real message.

Without a scenario, --user names one user, and the target comes from the
environment: PINGONE_AUTH_PATH, PINGONE_ENV_ID and PINGONE_ACCESS_TOKEN.

With --generate mfaload makes requests of the contract and says beforehand how
many of them may create a transaction and send a message. On a host that is not
this machine it does so for users of groups with test: true only.

Before a check of a host that is not this machine it is said how many users it
would ask, and on a terminal it has to be confirmed; elsewhere --yes does that.`,
		Example: `  mfaload check --negative --follow scenarios/quickstart.yaml
  mfaload check --generate --out findings scenarios/conformance.yaml
  mfaload check --replay findings/violations.ndjson scenarios/conformance.yaml
  mfaload check --user 788d4931-6936-43f2-82ff-178f5762298a --expect OTP_REQUIRED --owner-agreed --yes`,
		ValidArgsFunction: scenarioFiles,
		Args: func(c *cobra.Command, args []string) error {
			if flags.user != "" {
				return exactly()(c, args)
			}
			if len(flags.expect) > 0 || flags.ownerAgreed {
				return usage(c, errors.New("--expect and --owner-agreed go with --user: a scenario says so "+
					"itself"))
			}
			return exactly("SCENARIO")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error { return a.check(c.Context(), args, flags) },
	}
	f := c.Flags()
	flags.contract.add(c)
	flags.contract.changes.add(c)
	f.StringVar(&flags.user, "user", "", "check this user instead of a scenario's")
	f.StringSliceVar(&flags.expect, "expect", nil, "with --user: the status to expect")
	f.BoolVar(&flags.ownerAgreed, "owner-agreed", false,
		"with --user: the owner of a host that is not loopback agreed")
	f.StringVar(&flags.rate, "rate", "2/s", "pace of the requests")
	f.BoolVar(&flags.options.Negative, "negative", false, "also send what must be refused, one request each")
	f.BoolVar(&flags.options.Follow, "follow", false, "read each transaction back, check it and compare")
	f.BoolVar(&flags.options.Generate, "generate", false,
		"also send requests made of the contract: valid ones in many forms, and ones with a fault each")
	f.IntVar(&flags.options.MaxRequests, "max-requests", 300,
		"with --generate: the most requests to generate")
	f.Uint64Var(&flags.options.Seed, "seed", 1, "with --generate: the same seed makes the same requests")
	f.StringVar(&flags.options.Out, "out", "",
		"with --generate: a folder for check.md, check.json, coverage.json and violations.ndjson, whose "+
			"cases come first")
	f.StringVar(&flags.options.Replay, "replay", "",
		"send the requests of a violations.ndjson again, and nothing else: fixed, still there, or can't tell")
	f.StringVar(&flags.options.Baseline, "baseline", "",
		"file with the shape of the responses: written where there is none, compared with where there is")
	f.BoolVarP(&flags.options.Verbose, "verbose", "v", false,
		"show requests and responses, secrets and personal data masked")
	flags.ledger.add(c)
	f.BoolVarP(&flags.yes, "yes", "y", false,
		"start a check of a host that is not this machine without asking")
	return c
}

// parsePace reads the pace of a check, in requests a second.
func parsePace(text string) (float64, error) {
	pace, err := scenario.ParseRate(text)
	if err != nil || pace <= 0 {
		return 0, fmt.Errorf("--rate %s is no pace\n%s", text, hint("write for example 2/s or 30/min"))
	}
	return float64(pace), nil
}

func (a *app) check(ctx context.Context, args []string, flags *checkFlags) error {
	pace, err := parsePace(flags.rate)
	if err != nil {
		return err
	}
	if err := flags.options.Valid(); err != nil {
		return err
	}
	in, err := a.checked(args, flags)
	if err != nil {
		return err
	}
	s := in.Scenario
	defer s.Close()
	flags.options.Version = versionText()
	k, err := check.New(in, a.ui, flags.options)
	if err != nil {
		return err
	}
	if err := a.consentCheck(k, s, pace, flags); err != nil {
		return err
	}
	op, stop, err := a.countedOperation(in, &flags.ledger)
	if err != nil {
		return err
	}
	defer stop()
	ctx, done := a.interruptible(ctx, nothingKept)
	defer done()
	if err := op.Preflight(ctx); err != nil {
		return notStarted(ctx, err)
	}
	if err := k.Send(ctx, op, pace); err != nil && ctx.Err() == nil {
		return err
	} else if err != nil {
		return &exitError{exitInterrupted, errors.New("interrupted: not all users were checked")}
	}
	passed, err := k.Finish()
	if err == nil && !passed {
		return &exitError{code: exitFail}
	}
	return err
}

// checked returns the scenario, or one made of the flags.
func (a *app) checked(args []string, flags *checkFlags) (*session.Inputs, error) {
	loader := flags.contract.loader(a)
	if flags.user == "" {
		return loader.Load(args[0])
	}
	expect := ""
	if len(flags.expect) > 0 {
		expect = fmt.Sprintf("\n    expect: {status: [%s]}", strings.Join(flags.expect, ", "))
	}
	text := fmt.Sprintf(`name: check
target:
  authPath: ${PINGONE_AUTH_PATH}
  envID: ${PINGONE_ENV_ID}
  accessToken: ${PINGONE_ACCESS_TOKEN}
  ownerAgreed: %v
users:
  - name: user
    ids: [%q]%s
load: {stages: [{rate: 1/s, duration: 1s}]}
`, flags.ownerAgreed, flags.user, expect)
	s, err := scenario.Parse("command line", []byte(text), a.env.lookup)
	if err != nil {
		return nil, err
	}
	return loader.Complete(s)
}
