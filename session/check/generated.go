package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"mfaload/contract"
	"mfaload/internal/text"
	"mfaload/pingone"
	"mfaload/pingone/generate"
	"mfaload/scenario"
)

// maxUsers is how many users generated requests are spread over.
const maxUsers = 50

// caseResult is what came of a case.
type caseResult struct {
	*generate.Case
	Status     int // 0 where there was no complete response
	Code       string
	Violations []contract.Violation
	// Untold says why the response tells nothing; "" where it does.
	Untold string
	// Others are the further cases that a violation needs.
	Others []generate.Case
	// Smallest is the smallest request that fails as well; nil where none was looked for.
	Smallest *generate.Request
}

// failed says whether the result breaks a rule of level fail.
func (r *caseResult) failed() bool {
	return slices.ContainsFunc(r.Violations,
		func(v contract.Violation) bool { return v.Level == contract.Fail })
}

// Valid says what is wrong with the settings.
func (o *Settings) Valid() error {
	if o.MaxRequests < 1 || o.MaxRequests > 100_000 {
		return fmt.Errorf("--max-requests %d is not from 1 to 100,000", o.MaxRequests)
	}
	if o.Out != "" && !o.Generate {
		return errors.New("--out is for what --generate finds: add --generate")
	}
	return nil
}

// Plan says what the requests that are generated or sent again may cost, by what is known before the
// first response.
func (k *Check) Plan() (b generate.Budget, err error) {
	if k.schema == nil {
		return b, nil
	}
	in, err := input(k.scenario, k.schema, k.options, nil)
	if err != nil {
		return b, err
	}
	env := k.scenario.Target.EnvID
	in.Path, in.EnvID = "/"+env+"/deviceAuthentications", env
	if k.options.Replay == "" {
		return generate.Costs(generate.Cases(in)), nil
	}
	var all []generate.Case
	for _, f := range k.replayed {
		all = append(append(all, f.Case), f.Others...)
	}
	b = generate.Costs(all)
	b.Again = true
	if slices.ContainsFunc(k.replayed, generate.FailedCase.NeedsTransaction) {
		b.Requests, b.Creating, b.PerUser = b.Requests+1, b.Creating+1, b.PerUser+1
	}
	return b, nil
}

// input is what cases are made of, with the body of a first response if there is one.
func input(s *scenario.Scenario, schema *generate.Schema, o Settings, first []byte) (generate.Input, error) {
	users, err := testUsers(s)
	if err != nil {
		return generate.Input{}, err
	}
	known, transaction := pingone.Known(s, first)
	in := generate.Input{Schema: schema, Users: users, Known: known, Transaction: transaction, Seed: o.Seed,
		Max: o.MaxRequests}
	for _, i := range s.Target.Identities {
		in.Identities = append(in.Identities, generate.OtherToken{Name: i.Name, Kind: string(i.Kind)})
	}
	return in, nil
}

// testUsers are the users for whom generated requests may be sent: those of whom the scenario
// expects a transaction, and on a host that is not this machine test users only.
func testUsers(s *scenario.Scenario) (ids []string, err error) {
	for i := range s.Groups {
		g := &s.Groups[i]
		if !mayGenerate(s, g) {
			continue
		}
		users := s.Reader(i)
		for row := range g.Size() {
			u, err := users.User(row)
			if err != nil {
				return nil, err
			}
			if len(ids) < maxUsers && !slices.Contains(ids, u.ID) {
				ids = append(ids, u.ID)
			}
		}
	}
	switch {
	case len(ids) > 0:
		return ids, nil
	case s.Target.IsRemote():
		return nil, fmt.Errorf("no group has test users who get a transaction, and %s is not this machine: "+
			"nothing was sent\n%s", s.Target.AuthPath,
			text.Hint("write test: true in a group of users who may get any number of messages"))
	}
	return nil, fmt.Errorf("no group has users who get a transaction: nothing was sent\n%s",
		text.Hint("add a group that expects HTTP status 201"))
}

func mayGenerate(s *scenario.Scenario, g *scenario.Group) bool {
	return !g.Usernameless && slices.Contains(g.Expect.HTTPStatuses, 201) && (g.Test || !s.Target.IsRemote())
}

func (k *Check) isTestUser(u scenario.User) bool {
	return mayGenerate(k.scenario, &k.scenario.Groups[u.Group])
}

// generated sends the generated requests, those that failed earlier first, and judges the
// responses. Then it makes what failed smaller.
func (k *Check) generated(ctx context.Context) error {
	in, err := input(k.scenario, k.schema, k.options, k.first)
	if err != nil {
		return err
	}
	in.Path, in.EnvID = k.op.Service()
	k.maskWith(in)
	cases := k.withEarlier(generate.Cases(in))
	in.Max = math.MaxInt
	k.all = generate.Cases(in)
	k.console.Print("\ngenerated requests: seed %d, at most %d\n", k.options.Seed,
		k.options.MaxRequests)
	pairs := map[string][]generate.PairRefusal{}
	for i := range cases {
		if err := k.sendCase(ctx, &cases[i], pairs); err != nil {
			return err
		}
		if k.silent() {
			k.bad++
			k.console.Print("  stopped: %d responses in a row told nothing; %d requests were not sent\n",
				maxSilent, len(cases)-i-1)
			break
		}
	}
	k.judgePairs(cases, pairs)
	return k.shrink(ctx)
}

// maskWith prepares to hide what the cases have of people. Only files hide the users' IDs too.
func (k *Check) maskWith(in generate.Input) {
	k.mask, k.users = generate.NewMask(&in), in.Users
	in.Users, in.Transaction = nil, ""
	k.terminal = generate.NewMask(&in)
}

// filled is a failure that was kept, as it is sent. Missing names what it needs and there is not: on a
// host that is not this machine nobody but test users gets a request.
func (k *Check) filled(kept generate.FailedCase) (f generate.FailedCase, missing string) {
	f, missing = k.mask.Filled(kept)
	for _, c := range append([]generate.Case{f.Case}, f.Others...) {
		if missing == "" && k.scenario.Target.IsRemote() && !slices.Contains(append(k.users, ""), c.User) {
			missing = "test user with the ID of the request"
		}
	}
	return f, missing
}

// hide takes out of a text for the terminal what is secret or personal.
func (k *Check) hide(text string) string {
	if k.terminal != nil {
		text = k.terminal.Hide(text)
	}
	return k.op.Mask(text)
}

// maxSilent is after how many responses that tell nothing a check stops: the service is in no
// state to be checked, and is left alone.
const maxSilent = 5

func (k *Check) silent() bool {
	if len(k.results) < maxSilent {
		return false
	}
	return !slices.ContainsFunc(k.results[len(k.results)-maxSilent:],
		func(r caseResult) bool { return r.Untold == "" })
}

// withEarlier puts the cases that failed in an earlier check before others, within the bound.
func (k *Check) withEarlier(cases []generate.Case) []generate.Case {
	var all []generate.Case
	left, known := k.options.MaxRequests, map[string]bool{}
	add := func(c generate.Case) {
		key := caseKey(&c)
		if cost := c.Cost(); cost <= left && (c.Pair != "" || !known[key]) {
			left -= cost
			known[key] = true
			all = append(all, c)
		}
	}
	for _, kept := range k.earlier {
		if f, missing := k.filled(kept); f.Case.Pair == "" && missing == "" {
			add(f.Case)
		}
	}
	for _, c := range cases {
		add(c)
	}
	return all
}

// caseKey tells a case from others. One of a pair compares with another, so that its own request is
// not what it is about.
func caseKey(c *generate.Case) string {
	if c.Pair != "" {
		return c.Name()
	}
	return fmt.Sprintf("%s\n%s\n%q", c.Name(), c.Request.Body, c.Request.Path)
}

// untold are the violations of an earlier check of which no response told whether they are fixed.
func (k *Check) untold() (all []generate.FailedCase) {
	told := map[string]bool{}
	for i := range k.results {
		if r := &k.results[i]; r.Untold == "" {
			told[caseKey(r.Case)] = true
		}
	}
	for _, kept := range k.earlier {
		if f, missing := k.filled(kept); missing != "" || !told[caseKey(&f.Case)] {
			all = append(all, kept)
		}
	}
	return all
}

// sendCase sends a case, and after a refusal looks for what it may have created.
func (k *Check) sendCase(ctx context.Context, c *generate.Case,
	pairs map[string][]generate.PairRefusal) error {
	ex := &k.exchange[0]
	r := caseResult{Case: c}
	found, untold, err := k.try(ctx, c, c.Request, ex)
	if err != nil {
		return err
	}
	if r.Untold = untold; untold == "" {
		r.Status, r.Violations = ex.Status, found
		_, r.Code, _ = strings.Cut(ex.Label, " ")
		k.ruleCounts.add(ex, found)
		for _, rule := range c.Evaluates() {
			k.ruleCounts.evaluated[rule]++
		}
		if c.Pair != "" {
			pairs[c.Pair] = append(pairs[c.Pair], generate.PairRefusal{Known: c.Known, Status: ex.Status,
				Body: slices.Clone(ex.Body), Took: ex.Received.Sub(ex.Sent)})
		}
	}
	k.results = append(k.results, r)
	k.showResult(&r, ex)
	return nil
}

// try sends a request in place of a case's own and judges the response, with what a refusal may
// have created. Untold says why the response tells nothing.
func (k *Check) try(ctx context.Context, c *generate.Case, request generate.Request,
	ex *contract.Exchange) (found []contract.Violation, untold string, err error) {
	found, err = k.sendGenerated(ctx, request, ex)
	var f *contract.Failure
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case errors.As(err, &f):
		return nil, f.Kind, nil
	case err != nil:
		return nil, "", err
	case generate.Limited(ex):
		return nil, "the service limits the rate", nil
	}
	changed := *c
	changed.Request = request
	found = append(found, generate.Judge(&changed, ex, k.op.Contract().Level)...)
	if !c.Back {
		return found, "", nil
	}
	path, _ := k.op.Service()
	for _, id := range generate.Traces(ex) {
		read := generate.Request{Method: "GET", Path: path + "/" + id, Authorization: "Bearer {token}",
			Headers: []string{"Accept: application/json"}}
		_, err := k.sendGenerated(ctx, read, &k.exchange[1])
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		if err == nil {
			found = append(found, generate.JudgeTrace(&k.exchange[1], k.op.Contract().Level)...)
		}
	}
	return found, "", nil
}

func (k *Check) sendGenerated(ctx context.Context, request generate.Request,
	ex *contract.Exchange) (found []contract.Violation, err error) {
	ex.Reset()
	ex.Number = uint64(k.sent)
	var token scenario.Secret
	for _, i := range k.scenario.Target.Identities {
		if i.Name == request.Identity {
			token = i.AccessToken
		}
	}
	err = k.request(ctx, func(ctx context.Context) (err error) {
		found, err = k.op.Generated(ctx, request, token, ex)
		return err
	})
	return found, err
}

// judgePairs adds to the first case of each pair what the cases together break.
func (k *Check) judgePairs(cases []generate.Case, pairs map[string][]generate.PairRefusal) {
	for i := range k.results {
		r := &k.results[i]
		all := pairs[r.Pair]
		if r.Pair == "" || all == nil {
			continue
		}
		delete(pairs, r.Pair)
		found := generate.JudgePair(all, k.op.Contract().Level)
		if len(found) == 0 {
			continue
		}
		for j := range cases {
			if c := &cases[j]; c.Pair == r.Pair && c != r.Case {
				r.Others = append(r.Others, *c)
			}
		}
		r.Violations = append(r.Violations, found...)
		k.ruleCounts.add(&contract.Exchange{}, found)
		k.showResult(&caseResult{Case: r.Case, Status: r.Status, Violations: found}, nil)
	}
}

// showResult shows a case whose response breaks a rule, and with -v every case. The exchange is
// nil where it is about several.
func (k *Check) showResult(r *caseResult, ex *contract.Exchange) {
	if r.failed() {
		k.bad++
	}
	if len(r.Violations) == 0 && r.Untold == "" && !k.options.Verbose {
		return
	}
	outcome := strings.TrimSpace(fmt.Sprint(r.Status, " ", r.Code))
	if r.Untold != "" {
		outcome = "not told: " + r.Untold
	}
	mark := k.console.Paint("32", "ok  ")
	switch {
	case r.failed():
		mark = k.console.Paint("31", "FAIL")
	case len(r.Violations) > 0:
		mark = k.console.Paint("33", "note")
	case r.Untold != "":
		mark = k.console.Paint("2", "?   ")
	}
	k.console.Print("  %s  %s  %s\n", mark, r.Name(), outcome)
	for _, v := range r.Violations {
		k.requestViolation(r, ex, v)
	}
	if k.options.Verbose && ex != nil && r.Untold == "" {
		k.show(ex)
	}
}

func (k *Check) requestViolation(r *caseResult, ex *contract.Exchange, v contract.Violation) {
	k.console.Print("        %s  %s  %s  %s\n          expected %s\n          received %s\n", v.Level, v.Rule,
		k.fault(v.Rule), cmp.Or(k.hide(v.At), "(whole response)"), k.hide(v.Expected), k.hide(v.Got))
	if ex != nil {
		if id, given := k.op.CorrelationID(ex); given {
			k.console.Print("          correlation-id %s\n", k.op.Mask(id))
		}
	}
	k.copyable("          %s\n", r.Request.Curl(k.op.Origin(), k.hide))
}

// fault is the class of a rule; one about responses stands for a response that does not match.
func (k *Check) fault(rule string) string {
	for _, r := range k.requestRules {
		if r.Name == rule {
			return r.Fault
		}
	}
	return "F101"
}

// shrink makes the first failure of each rule at each keyword of a place smaller.
func (k *Check) shrink(ctx context.Context) error {
	left, done := generate.MaxShrinks, map[string]bool{}
	for i := range k.results {
		r := &k.results[i]
		v := r.worst()
		group := v.Rule + " " + r.Place + " " + r.Keyword
		if v.Level != contract.Fail || r.Pair != "" || done[group] || left == 0 || ctx.Err() != nil {
			continue
		}
		done[group] = true
		var failed error
		smallest, sends := k.schema.Shrink(r.Case, min(generate.MaxShrink, left),
			func(request generate.Request) bool {
				found, untold, err := k.try(ctx, r.Case, request, &k.exchange[0])
				failed = errors.Join(failed, err)
				return failed == nil && untold == "" && has(found, v.Rule)
			})
		if failed != nil {
			return failed
		}
		left -= sends
		r.Smallest = &smallest
		if smallest.Size() < r.Request.Size() {
			k.console.Print("  smaller  %s  %d bytes instead of %d, in %d requests\n", r.Name(),
				smallest.Size(), r.Request.Size(), sends)
			k.copyable("          %s\n", smallest.Curl(k.op.Origin(), k.hide))
		}
	}
	return ctx.Err()
}

// worst is the first violation of level fail, or else the first.
func (r *caseResult) worst() contract.Violation {
	for _, v := range r.Violations {
		if v.Level == contract.Fail {
			return v
		}
	}
	if len(r.Violations) > 0 {
		return r.Violations[0]
	}
	return contract.Violation{}
}

func has(found []contract.Violation, rule string) bool {
	return slices.ContainsFunc(found, func(v contract.Violation) bool { return v.Rule == rule })
}
