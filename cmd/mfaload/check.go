package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/pingone"
	"mfaload/report"
	"mfaload/scenario"
	"mfaload/session"
)

// maxProfile bounds a baseline of the shape of responses, in bytes.
const maxProfile = 16 << 20

// checkFlags are the flags of the verb check.
type checkFlags struct {
	contract    contractFlags
	user        string
	expect      []string
	ownerAgreed bool
	rate        string
	negative    bool
	follow      bool
	verbose     bool
	baseline    string
	yes         bool
}

func newCheck(a *app) *cobra.Command {
	flags := &checkFlags{}
	c := &cobra.Command{
		Use:   "check [SCENARIO]",
		Short: "Check answers one by one, without load",
		Long: `Check answers one by one, without load: one request for each user of a scenario,
paced gently, with every rule of the contract shown as passed, violated, found
(a finding) or not reached. Each request may send a real message.

Without a scenario, --user names one user, and the target comes from the
environment: PINGONE_AUTH_PATH, PINGONE_ENV_ID and PINGONE_ACCESS_TOKEN.

Before a check of a host that is not this machine it is said how many users it
would ask, and on a terminal it has to be confirmed; elsewhere --yes does that.`,
		Example: `  mfaload check --negative --follow scenarios/quickstart.yaml
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
	f.StringVar(&flags.user, "user", "", "check this user instead of a scenario's")
	f.StringSliceVar(&flags.expect, "expect", nil, "with --user: the status to expect")
	f.BoolVar(&flags.ownerAgreed, "owner-agreed", false,
		"with --user: the owner of a host that is not loopback agreed")
	f.StringVar(&flags.rate, "rate", "2/s", "pace of the requests")
	f.BoolVar(&flags.negative, "negative", false, "also send what must be refused, one request each")
	f.BoolVar(&flags.follow, "follow", false, "read each transaction back, check it and compare")
	f.StringVar(&flags.baseline, "baseline", "",
		"file with the shape of the answers: written where there is none, compared with where there is")
	f.BoolVarP(&flags.verbose, "verbose", "v", false,
		"show requests and answers, secrets and personal data masked")
	f.BoolVarP(&flags.yes, "yes", "y", false,
		"start a check of a host that is not this machine without asking")
	return c
}

// check asks for every user once.
func (a *app) check(ctx context.Context, args []string, flags *checkFlags) error {
	pace, err := scenario.ParseRate(flags.rate)
	if err != nil || pace <= 0 {
		return &exitError{exitUsage, fmt.Errorf("--rate %s is no pace\n%s", flags.rate,
			hint("write for example 2/s or 30/min"))}
	}
	in, err := a.checked(args, flags)
	if err != nil {
		return err
	}
	s, c := in.Scenario, in.Contract
	defer s.Close()
	baseline, err := readBaseline(flags.baseline)
	if err != nil {
		return err
	}
	if err := a.consentCheck(s, float64(pace), flags.negative, flags.yes); err != nil {
		return err
	}
	op, stop, err := a.operation(s, c)
	if err != nil {
		return err
	}
	defer stop()
	ctx, done := a.interruptible(ctx, nothingKept)
	defer done()
	if err := op.Preflight(ctx); err != nil {
		return notStarted(ctx, err)
	}
	k := &checkRun{app: a, flags: flags, scenario: s, op: op, pace: rate.NewLimiter(rate.Limit(pace), 1),
		ruleCounts: newRuleCounts(c), profile: contract.NewProfile(), baseline: baseline}
	if err := k.all(ctx); err != nil && ctx.Err() == nil {
		return err
	} else if err != nil {
		return &exitError{exitInterrupted, errors.New("interrupted: not all users were checked")}
	}
	return k.finish()
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
	c, err := loader.Compile(nil)
	return &session.Inputs{Scenario: s, Contract: c}, err
}

// checkRun is a check under way.
type checkRun struct {
	app        *app
	flags      *checkFlags
	scenario   *scenario.Scenario
	op         *pingone.Operation
	pace       *rate.Limiter
	ruleCounts *ruleCounts
	profile    *contract.ResponseProfile
	baseline   *contract.ResponseProfile // of an earlier check; nil if there is none
	exchange   [2]contract.Exchange
	bad        int // requests whose answer is not right
	asked      int
}

func (k *checkRun) all(ctx context.Context) error {
	for i, g := range k.scenario.Groups {
		users := k.scenario.Reader(i)
		for row := range g.Size() {
			u, err := users.User(row)
			if err == nil {
				err = k.one(ctx, u)
			}
			if err != nil {
				return err
			}
		}
	}
	if !k.flags.negative {
		return nil
	}
	fmt.Fprintln(k.app.ui.out, "\nmust be refused")
	u, known, err := k.someUser()
	if err != nil {
		return err
	}
	if !known {
		fmt.Fprintln(k.app.ui.out, "  nothing was sent: no group has a user to make wrong requests of")
		return nil
	}
	for _, p := range k.op.Probes(u) {
		if err := k.probe(ctx, u, p); err != nil {
			return err
		}
	}
	return nil
}

// someUser is the first user that a group has.
func (k *checkRun) someUser() (u scenario.User, known bool, err error) {
	for i, g := range k.scenario.Groups {
		if !g.Usernameless {
			u, err = k.scenario.Reader(i).User(0)
			return u, true, err
		}
	}
	return u, false, nil
}

// request gives one request its time and its timeout.
func (k *checkRun) request(ctx context.Context, do func(context.Context) error) error {
	if err := k.pace.Wait(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, k.scenario.Target.Timeout)
	defer cancel()
	k.asked++
	return do(ctx)
}

func (k *checkRun) one(ctx context.Context, u scenario.User) error {
	ex := &k.exchange[0]
	ex.Reset()
	ex.Number = uint64(k.asked)
	err := k.request(ctx, func(ctx context.Context) error { return k.op.Send(ctx, u, ex) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	name := fmt.Sprintf("%-16s %s", k.scenario.Groups[u.Group].Name, u.ID)
	if err != nil {
		k.line(false, name, err.Error())
		return nil
	}
	found := k.op.Check(u, ex, nil)
	k.judge(name, ex, found, remarked(ex, ""))
	k.profile.Learn(ex, k.op.Hide)
	if k.flags.follow && ex.Status == 201 {
		return k.readBack(ctx, ex)
	}
	return nil
}

func (k *checkRun) probe(ctx context.Context, u scenario.User, p pingone.Probe) error {
	ex := &k.exchange[0]
	ex.Reset()
	ex.Number = uint64(k.asked)
	var found []contract.Violation
	err := k.request(ctx, func(ctx context.Context) (err error) {
		found, err = k.op.Probe(ctx, u, p, ex)
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		k.line(false, fmt.Sprintf("%-24s", p.Name), err.Error())
		return nil
	}
	remark := ""
	if !ex.AsExpected && ex.Status/100 == 4 {
		// The class is promised, the status and the code may move.
		remark, ex.AsExpected = fmt.Sprintf("the documentation names %v %s", p.Expect.HTTPStatuses,
			strings.Join(p.Expect.Errors, " or ")), true
	} else if ex.Status/100 == 2 {
		remark = "a transaction was created"
	}
	k.judge(fmt.Sprintf("%-24s", p.Name), ex, found, remarked(ex, remark))
	return nil
}

// remarked is what an answer is, with a remark.
func remarked(ex *contract.Exchange, remark string) string {
	if !ex.AsExpected && remark == "" {
		remark = "other than expected"
	}
	return strings.TrimSpace(ex.Label + "  " + remark)
}

// judge shows an answer with what it violates, after a text about it.
func (k *checkRun) judge(name string, ex *contract.Exchange, found []contract.Violation, text string) {
	k.ruleCounts.add(ex, found)
	right := ex.AsExpected
	for _, v := range found {
		right = right && v.Level != contract.Fail
	}
	k.line(right, name, text)
	for _, v := range found {
		k.violation(ex, v)
	}
	if k.flags.verbose {
		k.show(ex)
	}
}

func (k *checkRun) line(right bool, name, text string) {
	mark := k.app.ui.paint("32", "ok  ")
	if !right {
		mark = k.app.ui.paint("31", "FAIL")
		k.bad++
	}
	fmt.Fprintf(k.app.ui.out, "  %s  %s  %s\n", mark, name, text)
}

// violation shows one violation, with what the vendor's support asks for.
func (k *checkRun) violation(ex *contract.Exchange, v contract.Violation) {
	place := v.At
	if place == "" {
		place = "(whole answer)"
	}
	v.Expected, v.Got = k.op.Mask(v.Expected), k.op.Mask(v.Got)
	fmt.Fprintf(k.app.ui.out, "        %s  %s  %s\n          expected %s\n          got      %s\n", v.Level,
		v.Rule, place, v.Expected, v.Got)
	if marks := text.Difference(v.Expected, v.Got); marks != "" {
		fmt.Fprintf(k.app.ui.out, "                   %s\n", k.app.ui.paint("31", marks))
	}
	if id, count := ex.Header.Get("Correlation-Id"); count > 0 {
		fmt.Fprintf(k.app.ui.out, "          correlation-id %s\n", k.op.Mask(id))
	}
	if len(ex.TransactionID) > 0 {
		fmt.Fprintf(k.app.ui.out, "          transaction-id %s\n", ex.TransactionID)
	}
	fmt.Fprintf(k.app.ui.out, "          %s\n", report.Curl(ex.Method, ex.URL, k.op.Mask(string(ex.Request))))
}

// maxVerbose bounds a body that is shown.
const maxVerbose = 16 << 10

// show prints request and answer. The token is in neither.
func (k *checkRun) show(ex *contract.Exchange) {
	fmt.Fprintf(k.app.ui.out, "        > %s %s\n        > %s\n", ex.Method, ex.URL,
		k.op.Mask(string(ex.Request)))
	fmt.Fprintf(k.app.ui.out, "        < HTTP status %d\n", ex.Status)
	for _, f := range ex.Header {
		fmt.Fprintf(k.app.ui.out, "        < %s: %s\n", k.op.Mask(f.Name), k.op.Mask(f.Value))
	}
	body := k.op.Mask(string(ex.Body[:min(len(ex.Body), maxVerbose)]))
	fmt.Fprintf(k.app.ui.out, "        < %s\n", strings.ReplaceAll(strings.TrimSpace(body), "\n",
		"\n        < "))
}

func (k *checkRun) readBack(ctx context.Context, created *contract.Exchange) error {
	ex := &k.exchange[1]
	ex.Reset()
	var differences []string
	err := k.request(ctx, func(ctx context.Context) (err error) {
		differences, err = k.op.ReadBack(ctx, created, ex)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		k.line(false, "  read back", err.Error())
		return nil
	}
	found, text := k.op.CheckRead(ex, nil), "the same transaction"
	if ex.AsExpected = len(differences) == 0; !ex.AsExpected {
		text = "not the same: " + strings.Join(differences, "; ")
	}
	k.judge("  read back", ex, found, text)
	return nil
}

// finish shows the rules and the drift, and says what it all comes to.
func (k *checkRun) finish() error {
	k.ruleCounts.write(k.app.ui)
	drift, err := k.drift()
	if err != nil {
		return err
	}
	verdict := k.app.ui.paint("1;32", "PASS")
	failed := k.bad > 0 || len(drift) > 0
	if failed {
		verdict = k.app.ui.paint("1;31", "FAIL")
	}
	fmt.Fprintf(k.app.ui.out, "\n%s  %d requests, %d not right; rules: %s\n", verdict, k.asked, k.bad,
		k.ruleCounts.summary())
	if failed {
		return &exitError{code: exitFail}
	}
	return nil
}

// readBaseline reads the shape of the responses of an earlier check; nil if there is
// no such file yet.
func readBaseline(path string) (*contract.ResponseProfile, error) {
	if path == "" {
		return nil, nil
	}
	text, err := disk.ReadRegular(path, maxProfile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the baseline: %w", err)
	}
	profile, err := contract.DecodeProfile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", path, err, hint("remove the file to write a new one"))
	}
	return profile, nil
}

// drift compares the shape of the responses with the baseline, or writes a first one.
func (k *checkRun) drift() ([]string, error) {
	switch {
	case k.flags.baseline == "":
		return nil, nil
	case k.baseline == nil:
		text, err := k.profile.Encode()
		if err == nil {
			err = disk.Replace(k.flags.baseline, text, 0o600)
		}
		if err != nil {
			return nil, fmt.Errorf("write the baseline: %w", err)
		}
		fmt.Fprintf(k.app.ui.out, "\nbaseline written: %s\n", k.flags.baseline)
		return nil, nil
	}
	drift := k.baseline.Drift(k.profile)
	fmt.Fprintf(k.app.ui.out, "\nagainst the baseline %s\n", k.flags.baseline)
	for _, change := range drift {
		fmt.Fprintf(k.app.ui.out, "  %s\n", change)
	}
	if len(drift) == 0 {
		fmt.Fprintln(k.app.ui.out, "  no difference")
	}
	return drift, nil
}
