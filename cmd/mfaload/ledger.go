package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mfaload/pingone"
	"mfaload/runner/schedule"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/ledger"
)

// ledgerFlags say where requests are counted by user, over all runs.
type ledgerFlags struct{ folder string }

func (f *ledgerFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.folder, "ledger", "", "folder that counts each user's requests of the day, over "+
		"all runs (default "+ledger.DefaultFolder+" if the target is not this machine)")
}

// reserve opens the ledger, and reserves all that a run may send.
func (a *app) reserve(f *ledgerFlags, d ledger.Demand) (*ledger.Account, *schedule.UsedToday, error) {
	account, used, err := ledger.Begin(f.folder, d)
	if account != nil {
		a.ui.Say("%s", account.Standing())
	}
	return account, used, refused(err)
}

// settle gives back to the ledger what was not sent.
func (a *app) settle(account *ledger.Account) {
	if err := account.Close(); err != nil {
		a.ui.Tell("mfaload: %v\n", err)
	}
}

// admits has each request of an operation counted right before it is sent.
func admits(op *pingone.Operation, account *ledger.Account) {
	if account != nil {
		op.Admit = account.Admit
	}
}

// countedOperation is the operation of a check, which counts each request by itself.
func (a *app) countedOperation(in *session.Inputs, f *ledgerFlags) (*pingone.Operation, func(), error) {
	account, err := ledger.Open(in.Scenario, f.folder)
	if err != nil {
		return nil, nil, refused(err)
	}
	op, stop, err := a.operation(in.Scenario, in.Contract)
	if err != nil {
		a.settle(account)
		return nil, nil, err
	}
	admits(op, account)
	return op, func() { stop(); a.settle(account) }, nil
}

func newLedger(a *app) *cobra.Command {
	var user, age, format string
	c := &cobra.Command{
		Use:   "ledger [DIR]",
		Short: "Show how many requests users got each day, over all runs",
		Long: `Show the ledger of a folder: for each UTC day how many users got requests, how many,
the most for one user, and which runs sent them. Runs against a host that is not this
machine count there what each user gets, and no user gets more than maxPerUser
allows in a day, however many runs there are, one after another or at the same time.
DIR is ` + ledger.DefaultFolder + ` by default.

A run reserves its requests before it sends them and gives back at its end what it did
not send. Of a run that was killed, all that it reserved counts. The files name no
user: each day has its own hashes.`,
		Example: `  mfaload ledger
  mfaload ledger --user 788d4931-6936-43f2-82ff-178f5762298a
  mfaload ledger --prune 30d`,
		ValidArgsFunction: resultFolders,
		Args:              atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usage(c, fmt.Errorf("--format %q is neither text nor json", format))
			}
			folder := append(args, ledger.DefaultFolder)[0]
			if age != "" {
				return a.pruneLedger(folder, age)
			}
			days, err := ledger.Days(folder, user)
			if err != nil {
				return err
			}
			if format == "json" {
				e := json.NewEncoder(a.ui.Data)
				e.SetIndent("", "  ")
				return e.Encode(days)
			}
			if len(days) == 0 {
				a.ui.Print("%s: no requests were counted\n", folder)
			}
			for i := range days {
				a.ui.Print("%s", days[i].Text())
			}
			return nil
		},
	}
	c.Flags().StringVar(&user, "user", "", "also show how many requests this user got")
	c.Flags().StringVar(&age, "prune", "", "remove the days that are so long ago, such as 30d; "+
		"today's counts stay")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	formats(c, "text", "json")
	return c
}

func (a *app) pruneLedger(folder, age string) error {
	since, err := scenario.ParseDuration(age)
	if err != nil {
		return fmt.Errorf("--prune: %w", err)
	}
	removed, err := ledger.Prune(folder, int(since/(24*time.Hour)))
	for _, date := range removed {
		a.ui.Print("removed %s\n", date)
	}
	if err == nil && len(removed) == 0 {
		a.ui.Print("%s: nothing to remove\n", folder)
	}
	return err
}
