package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/internal/number"
	"mfaload/scenario"
	"mfaload/session/check"
)

type usersFlags struct {
	contract          contractFlags
	target, out, rate string
	most              int
	ledger            ledgerFlags
	yes               bool
}

func newUsers(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "users",
		Short: "Find out which users exist and what they yield",
		Long:  "Find out which users exist, and what each yields, before a load test.",
		Args:  noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newUsersCheck(a))
	return c
}

func newUsersCheck(a *app) *cobra.Command {
	flags := &usersFlags{}
	c := &cobra.Command{
		Use:   "check --target SCENARIO [FILE]",
		Short: "Send one request for each user, and write a feed of what came of it",
		Long: `Send one request for each user of FILE, at a gentle pace, and write a feed: the same
users in the same order, with the response of each in the column expect, such as
OTP_REQUIRED or 404 NOT_FOUND. A scenario takes it as it is (users[].file).

Target and request are those of a scenario. Without FILE, the users are those of its
only group, or of the one that --group names.

What is found is written down at once. A check that was interrupted, or that came to
--max-requests, goes on when it is started again, with the users who are not known
yet. A response of 429, 408 or 5xx tells nothing of its user.

Exit codes: 0 all users are known, 4 some are not, 130 interrupted.`,
		Example: `  mfaload users check --target rollout.yaml users.csv
  mfaload users check --target rollout.yaml --rate 30/min --max-requests 500 users.csv`,
		Args: func(c *cobra.Command, args []string) error {
			if flags.target == "" {
				return usage(c, errors.New("--target is missing: name the scenario whose target and "+
					"request are used"))
			}
			return atMostOne(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.checkUsers(c.Context(), append(args, "")[0], flags)
		},
	}
	f := c.Flags()
	flags.contract.changes.add(c)
	f.StringVar(&flags.target, "target", "", "scenario whose target and request are used (required)")
	f.StringVar(&flags.out, "out", "", "feed to write, and to go on with (default FILE with -checked)")
	f.StringVar(&flags.rate, "rate", "1/s", "pace of the requests")
	f.IntVar(&flags.most, "max-requests", 0, "the most requests to send (default: one for each user)")
	flags.ledger.add(c)
	f.BoolVarP(&flags.yes, "yes", "y", false,
		"start a check of a host that is not this machine without asking")
	return c
}

// feed is where the feed of a users' file goes by default.
func (f *usersFlags) feed(file, name string) (string, error) {
	switch {
	case f.out != "":
		return f.out, nil
	case file == scenario.Stdin:
		return "", errors.New("users on standard input have no file that a feed could be next to: name it " +
			"with --out")
	case file == "":
		file = name + ".csv"
	}
	return strings.TrimSuffix(file, filepath.Ext(file)) + "-checked.csv", nil
}

func (a *app) checkUsers(ctx context.Context, file string, flags *usersFlags) error {
	pace, err := parsePace(flags.rate)
	if err == nil && flags.most < 0 {
		err = fmt.Errorf("--max-requests %d is below 0", flags.most)
	}
	if err != nil {
		return err
	}
	loader := flags.contract.loader(a)
	s, err := scenario.Read(flags.target, a.env.lookup, loader.Changes)
	if err == nil {
		err = check.UsersOf(s, file)
	}
	if err != nil {
		return err
	}
	out, err := flags.feed(file, s.Name)
	if err != nil {
		return err
	}
	in, err := loader.Complete(s)
	if err != nil {
		return err
	}
	defer s.Close()
	k, err := check.NewUsers(s, a.ui, out, flags.most)
	if err != nil {
		return err
	}
	defer k.Close()
	all, requests, err := k.Requests()
	if err != nil {
		return err
	}
	if all > requests {
		a.ui.Tell("requests for %s of %s users: the others are known from %s, or beyond --max-requests\n",
			number.Count(uint64(requests)), number.Count(uint64(all)), out)
	}
	if s.Target.IsRemote() && requests > 0 {
		a.tellCheck(s, uint64(requests), pace)
		if err := a.confirm(s, flags.yes, "check", number.Count(uint64(requests))+" requests"); err != nil {
			return err
		}
	}
	op, stop, err := a.countedOperation(in, &flags.ledger)
	if err != nil {
		return err
	}
	defer stop()
	ctx, done := a.interruptible(ctx, func() string {
		return "what was found is kept: start the check again to go on"
	})
	defer done()
	if err := op.Preflight(ctx); err != nil {
		return notStarted(ctx, err)
	}
	failed := k.Send(ctx, op, pace)
	complete, err := k.Finish()
	switch {
	case ctx.Err() != nil:
		failed = errors.New("interrupted: start it again to go on")
		return &exitError{exitInterrupted, errors.Join(failed, err)}
	case failed != nil || err != nil:
		return &exitError{exitInconclusive, errors.Join(failed, err)}
	case !complete:
		return &exitError{code: exitInconclusive}
	}
	return nil
}
