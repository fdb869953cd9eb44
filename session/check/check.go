// Package check sends requests one by one, without load, and shows what each response breaks.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/live/console"
	"mfaload/pingone"
	"mfaload/pingone/generate"
	"mfaload/report"
	"mfaload/scenario"
	"mfaload/session"
)

// maxProfile bounds a baseline of the shape of responses, in bytes.
const maxProfile = 16 << 20

// Settings say what is sent and shown beyond a request for each user.
type Settings struct {
	// Negative sends wrong requests too, and Follow reads each transaction back.
	Negative, Follow bool
	// Verbose shows requests and responses, masked.
	Verbose bool
	// Generate sends requests that are made of the contract: at most MaxRequests of them, the same
	// ones for the same Seed and the same values of the service.
	Generate    bool
	MaxRequests int
	Seed        uint64
	// Out is a folder for what generated requests find; empty for none. Replay is a file of
	// violations whose requests are sent again, in place of anything else; empty for none.
	Out, Replay string
	// Baseline is a file with the shape of the responses of an earlier check. It is written
	// where there is none. Empty for no comparison.
	Baseline string
	// Version is mfaload's.
	Version string
}

// Check is a check under way. It is used by one goroutine.
type Check struct {
	console    *console.Console
	options    Settings
	scenario   *scenario.Scenario
	op         *pingone.Operation
	pace       *rate.Limiter
	ruleCounts *ruleCounts
	profile    *contract.ResponseProfile
	baseline   *contract.ResponseProfile // of an earlier check; nil if there is none
	exchange   [2]contract.Exchange

	schema       *generate.Schema // nil where no request is generated
	requestRules []contract.Rule
	first        []byte // the body of the first response to a user of generated requests
	// mask is of what is kept of generated requests, terminal of what is shown of them; nil where
	// there are none.
	mask, terminal *generate.Mask
	users          []string        // who may get generated requests
	all            []generate.Case // that could be generated
	earlier        []generate.FailedCase
	replayed       []generate.FailedCase
	results        []caseResult

	contract string // its fingerprint
	started  time.Time

	bad  int // requests whose response is not right
	sent int
}

// New prepares a check of a scenario's users, and reads the baseline.
func New(in *session.Inputs, c *console.Console, o Settings) (*Check, error) {
	baseline, err := readBaseline(o.Baseline)
	if err != nil {
		return nil, err
	}
	k := &Check{console: c, options: o, scenario: in.Scenario, ruleCounts: newRuleCounts(in.Contract.Rules()),
		profile: contract.NewProfile(), baseline: baseline, requestRules: in.Contract.RequestRules(),
		contract: in.Parts["contract"], started: time.Now().UTC()}
	if o.Follow {
		k.ruleCounts.rules = append(k.ruleCounts.rules, in.Contract.FlowRules()...)
	}
	if !o.Generate && o.Replay == "" {
		return k, nil
	}
	k.ruleCounts.rules = append(k.ruleCounts.rules, k.requestRules...)
	if k.schema, err = generate.ReadSchema(in.Document); err != nil {
		return nil, err
	}
	if o.Replay != "" {
		k.replayed, err = readViolations(o.Replay)
		return k, err
	}
	k.earlier, err = readEarlier(o.Out)
	return k, err
}

// Send sends all requests, at a pace in requests a second, and shows each response.
func (k *Check) Send(ctx context.Context, op *pingone.Operation, pace float64) error {
	k.op, k.pace = op, rate.NewLimiter(rate.Limit(pace), 1)
	if k.options.Replay != "" {
		return k.replay(ctx)
	}
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
	if k.options.Negative && !k.options.Generate { // those are among the generated ones
		if err := k.negative(ctx); err != nil {
			return err
		}
	}
	if !k.options.Generate {
		return nil
	}
	return k.generated(ctx)
}

// negative sends the requests that must be refused.
func (k *Check) negative(ctx context.Context) error {
	k.console.Print("\nmust be refused\n")
	u, known, err := k.someUser()
	if err != nil {
		return err
	}
	if !known {
		k.console.Print("  nothing was sent: no group has a user to make invalid requests for\n")
		return nil
	}
	for _, p := range k.op.Probes(u) {
		if err := k.probe(ctx, u, p); err != nil {
			return err
		}
	}
	return nil
}

func (k *Check) someUser() (u scenario.User, known bool, err error) {
	for i, g := range k.scenario.Groups {
		if !g.Usernameless {
			u, err = k.scenario.Reader(i).User(0)
			return u, true, err
		}
	}
	return u, false, nil
}

func (k *Check) request(ctx context.Context, do func(context.Context) error) error {
	if err := k.pace.Wait(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, k.scenario.Target.Timeout)
	defer cancel()
	k.sent++
	return do(ctx)
}

func (k *Check) one(ctx context.Context, u scenario.User) error {
	ex := &k.exchange[0]
	ex.Reset()
	ex.Number = uint64(k.sent)
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
	if k.first == nil && ex.Status == 201 && k.isTestUser(u) {
		k.first = slices.Clone(ex.Body)
	}
	if k.options.Follow && ex.Status == 201 {
		return k.readBack(ctx, ex)
	}
	return nil
}

func (k *Check) probe(ctx context.Context, u scenario.User, p pingone.Probe) error {
	ex := &k.exchange[0]
	ex.Reset()
	ex.Number = uint64(k.sent)
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

func remarked(ex *contract.Exchange, remark string) string {
	if !ex.AsExpected && remark == "" {
		remark = "unexpected"
	}
	return strings.TrimSpace(ex.Label + "  " + remark)
}

func (k *Check) judge(name string, ex *contract.Exchange, found []contract.Violation, text string) {
	k.ruleCounts.add(ex, found)
	right := ex.AsExpected
	for _, v := range found {
		right = right && v.Level != contract.Fail
	}
	k.line(right, name, text)
	for _, v := range found {
		k.violation(ex, v)
	}
	if k.options.Verbose {
		k.show(ex)
	}
}

func (k *Check) line(right bool, name, text string) {
	mark := k.console.Paint("32", "ok  ")
	if !right {
		mark = k.console.Paint("31", "FAIL")
		k.bad++
	}
	k.console.Print("  %s  %s  %s\n", mark, name, text)
}

// violation shows one violation, with what the vendor's support asks for.
func (k *Check) violation(ex *contract.Exchange, v contract.Violation) {
	place := cmp.Or(k.hide(v.At), "(whole response)")
	v.Expected, v.Got = k.op.Mask(v.Expected), k.op.Mask(v.Got)
	k.console.Print("        %s  %s  %s\n          expected %s\n          received %s\n", v.Level,
		v.Rule, place, v.Expected, v.Got)
	const indent = "                   "
	if marks := text.Difference(v.Expected, v.Got); marks != "" && len(indent+marks) <= k.console.Width {
		k.console.Print("%s%s\n", indent, k.console.Paint("31", marks))
	}
	if id, given := k.op.CorrelationID(ex); given {
		k.console.Print("          correlation-id %s\n", k.op.Mask(id))
	}
	if len(ex.TransactionID) > 0 {
		k.console.Print("          transaction-id %s\n", ex.TransactionID)
	}
	k.copyable("          %s\n", report.Curl(ex.Method, ex.URL, k.op.Mask(string(ex.Request))))
}

// copyable writes what people copy, such as commands and bodies: its lines are not broken.
func (k *Check) copyable(format string, args ...any) { fmt.Fprintf(k.console.Out, format, args...) }

const maxVerbose = 16 << 10

// show prints the request and the response. The token is in neither.
func (k *Check) show(ex *contract.Exchange) {
	k.copyable("        > %s %s\n        > %s\n", ex.Method, ex.URL,
		k.hide(string(ex.Request)))
	k.copyable("        < HTTP status %d\n", ex.Status)
	for _, f := range ex.Header {
		k.copyable("        < %s: %s\n", k.hide(f.Name), k.hide(f.Value))
	}
	body := k.hide(string(ex.Body[:min(len(ex.Body), maxVerbose)]))
	k.copyable("        < %s\n", strings.ReplaceAll(strings.TrimSpace(body), "\n",
		"\n        < "))
}

func (k *Check) readBack(ctx context.Context, created *contract.Exchange) error {
	ex := &k.exchange[1]
	ex.Reset()
	var found []contract.Violation
	err := k.request(ctx, func(ctx context.Context) (err error) {
		found, err = k.op.ReadBack(ctx, created, ex)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		k.line(false, "  read back", err.Error())
		return nil
	}
	k.judge("  read back", ex, found, remarked(ex, ""))
	return nil
}

// Finish shows the rules and the drift, and says what it all comes to.
func (k *Check) Finish() (passed bool, err error) {
	if k.options.Replay != "" {
		return k.bad == 0, nil
	}
	k.ruleCounts.write(k.console)
	var coverage generate.RequestCoverage
	if k.options.Generate {
		coverage = k.coverage()
		k.showCoverage(&coverage)
		if err := k.write(&coverage); err != nil {
			return false, err
		}
	}
	drift, err := k.drift()
	if err != nil {
		return false, err
	}
	if err := k.writeRecord(k.record(&coverage, len(drift) > 0)); err != nil {
		return false, err
	}
	verdict := k.console.Paint("1;32", "PASS")
	passed = k.bad == 0 && len(drift) == 0
	if !passed {
		verdict = k.console.Paint("1;31", "FAIL")
	}
	k.console.Print("\n%s  %d of %d requests failed the check; rules: %s\n", verdict, k.bad, k.sent,
		k.ruleCounts.summary())
	return passed, nil
}

// readBaseline reads the shape of the responses of an earlier check; nil if there is
// no such file yet.
func readBaseline(path string) (*contract.ResponseProfile, error) {
	if path == "" {
		return nil, nil
	}
	data, err := disk.ReadRegular(path, maxProfile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the baseline: %w", err)
	}
	profile, err := contract.DecodeProfile(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", path, err, text.Hint("remove the file to write a new one"))
	}
	return profile, nil
}

// drift compares the shape of the responses with the baseline, or writes a first one.
func (k *Check) drift() ([]string, error) {
	switch {
	case k.options.Baseline == "":
		return nil, nil
	case k.baseline == nil:
		text, err := k.profile.Encode()
		if err == nil {
			err = disk.Replace(k.options.Baseline, text, 0o600)
		}
		if err != nil {
			return nil, fmt.Errorf("write the baseline: %w", err)
		}
		k.console.Print("\nbaseline written: %s\n", k.options.Baseline)
		return nil, nil
	}
	drift := k.baseline.Drift(k.profile)
	k.console.Print("\nagainst the baseline %s\n", k.options.Baseline)
	for _, change := range drift {
		k.console.Print("  %s\n", change)
	}
	if len(drift) == 0 {
		k.console.Print("  no difference\n")
	}
	return drift, nil
}

type ruleCounts struct {
	rules                []contract.Rule
	evaluated, violating map[string]int
}

func newRuleCounts(rules []contract.Rule) *ruleCounts {
	return &ruleCounts{rules: rules, evaluated: map[string]int{}, violating: map[string]int{}}
}

func (t *ruleCounts) add(ex *contract.Exchange, found []contract.Violation) {
	for i, r := range t.rules {
		if i/64 < len(ex.Evaluated) && ex.Evaluated[i/64]>>(i%64)&1 == 1 {
			t.evaluated[r.Name]++
		}
	}
	broken := map[string]bool{}
	for _, v := range found {
		broken[v.Rule] = true
	}
	for name := range broken {
		t.violating[name]++
	}
}

// Broken are the rules, findings among them, that any response broke, sorted.
func (k *Check) Broken() []string { return slices.Sorted(maps.Keys(k.ruleCounts.violating)) }

// The states of a rule, in the order in which they are shown.
var states = []string{"violated", "found", "passed", "not reached", "off"}

func (t *ruleCounts) state(r contract.Rule) string {
	switch {
	case r.Level == contract.Off:
		return "off"
	case t.violating[r.Name] > 0 && r.Level == contract.Fail:
		return "violated"
	case t.violating[r.Name] > 0:
		return "found"
	case t.evaluated[r.Name] > 0:
		return "passed"
	}
	return "not reached"
}

func (t *ruleCounts) write(c *console.Console) {
	c.Print("\nrules\n")
	rules := slices.Clone(t.rules)
	slices.SortStableFunc(rules, func(a, b contract.Rule) int {
		return cmp.Compare(slices.Index(states, t.state(a)), slices.Index(states, t.state(b)))
	})
	colors := map[string]string{"violated": "31", "found": "33", "passed": "32"}
	for _, r := range rules {
		state := t.state(r)
		counts := ""
		switch state {
		case "violated", "found":
			counts = fmt.Sprintf("%d of %d", t.violating[r.Name], max(t.evaluated[r.Name],
				t.violating[r.Name]))
		case "passed":
			counts = fmt.Sprint(t.evaluated[r.Name])
		}
		line := fmt.Sprintf("  %s  %-24s %s", c.Paint(cmp.Or(colors[state], "2"),
			fmt.Sprintf("%-11s", state)), r.Name, counts)
		c.Print("%s\n", strings.TrimRight(line, " "))
	}
}

func (t *ruleCounts) summary() string {
	counts := map[string]int{}
	for _, r := range t.rules {
		counts[t.state(r)]++
	}
	var parts []string
	for _, s := range states {
		if counts[s] > 0 || s == "violated" {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	return strings.Join(parts, ", ")
}
