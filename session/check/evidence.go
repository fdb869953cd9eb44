package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mfaload/contract"
	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/pingone/generate"
)

// Files of a folder that a check with generated requests writes.
const (
	violationsFile = "violations.ndjson"
	coverageFile   = "coverage.json"
)

// Files of the same folder that others read: what the check came to, for people and for programs.
const (
	ReportFile = "check.md"
	RecordFile = "check.json"
)

// maxViolations bounds a file of violations, in bytes.
const maxViolations = 256 << 20

// ReadViolations reads a file of violations; none where there is no such file.
func readViolations(path string) ([]generate.FailedCase, error) {
	data, err := disk.ReadRegular(path, maxViolations)
	if err != nil {
		return nil, err
	}
	all, err := generate.ReadFailures(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return all, nil
}

// readEarlier reads what an earlier check left in the folder; nothing where there was none.
func readEarlier(folder string) ([]generate.FailedCase, error) {
	if folder == "" {
		return nil, nil
	}
	all, err := readViolations(filepath.Join(folder, violationsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return all, err
}

// failures are the results that broke a rule, as files keep them.
func (k *Check) failures() (all []generate.FailedCase) {
	for i := range k.results {
		r := &k.results[i]
		v := r.worst()
		if v.Rule == "" {
			continue
		}
		f := k.mask.Masked(generate.FailedCase{Rule: v.Rule, Level: v.Level.String(), Fault: k.fault(v.Rule),
			At: k.op.Mask(v.At), Expected: k.op.Mask(v.Expected), Received: k.op.Mask(v.Got), Case: *r.Case,
			Others: r.Others, Smallest: r.Smallest})
		request := &f.Case.Request
		if f.Smallest != nil {
			request = f.Smallest
		}
		f.Curl = request.Curl(k.op.Origin(), k.op.Mask)
		all = append(all, f)
	}
	return all
}

func (k *Check) coverage() generate.RequestCoverage {
	tried := make([]generate.Tried, len(k.results))
	for i := range k.results {
		r := &k.results[i]
		tried[i] = generate.Tried{Case: r.Case, Status: r.Status, Code: r.Code, Failed: r.failed()}
	}
	return generate.Cover(k.schema, k.all, tried)
}

// showCoverage shows which keywords of which members were tried, and what was never seen.
func (k *Check) showCoverage(c *generate.RequestCoverage) {
	tried, all := c.Share()
	k.console.Print("\nrequests: %d of %d keywords tried\n", tried, all)
	names, rows := c.Places()
	for _, place := range names {
		var parts []string
		for _, r := range rows[place] {
			part := fmt.Sprintf("%s %d", r.Keyword, r.Tried)
			switch {
			case r.Tried == 0:
				part = k.console.Paint("33", r.Keyword+" never")
			case r.Failed > 0:
				part = k.console.Paint("31", fmt.Sprintf("%s, %d failed", part, r.Failed))
			}
			parts = append(parts, part)
		}
		k.console.Print("  %-34s %s\n", place, strings.Join(parts, "  "))
	}
	if never := c.NeverSeen(); len(never) > 0 {
		k.console.Print("documented responses that were never received\n  %s\n", strings.Join(never, "\n  "))
	}
	if len(k.scenario.Target.Identities) == 0 {
		k.console.Print("not tried: tokens that are not good for these users, because the scenario has no " +
			"check.identities\n")
	}
}

// write writes the files of the folder.
func (k *Check) write(c *generate.RequestCoverage) error {
	if k.options.Out == "" {
		return nil
	}
	failures, untold := k.failures(), k.untold()
	if len(untold) > 0 {
		k.console.Print("%d violations of an earlier check are kept: no response told whether they are "+
			"fixed\n", len(untold))
	}
	failures = append(failures, untold...)
	var lines bytes.Buffer
	for i := range failures {
		if err := failures[i].Write(&lines); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(k.options.Out, 0o700); err != nil {
		return fmt.Errorf("make the folder of --out: %w", err)
	}
	coverage, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("write the coverage: %w", err)
	}
	for name, data := range map[string][]byte{violationsFile: lines.Bytes(), coverageFile: append(coverage,
		'\n'),
		ReportFile: k.report(c, failures, len(untold))} {
		if err := disk.Replace(k.file(name), data, 0o600); err != nil {
			return fmt.Errorf("write the results of the check: %w\n%s", err,
				text.Hint("choose another folder with --out"))
		}
	}
	return nil
}

func (k *Check) file(name string) string { return filepath.Join(k.options.Out, name) }

// report is the check for people who were not there, in Markdown.
func (k *Check) report(c *generate.RequestCoverage, failures []generate.FailedCase, untold int) []byte {
	var b bytes.Buffer
	tried, all := c.Share()
	fmt.Fprintf(&b,
		"# Check of %s\n\n%d generated requests with seed %d; %d of %d keywords tried; %d violations.\n",
		markdown(k.scenario.Name), len(k.results), k.options.Seed, tried, all, len(failures))
	if untold > 0 {
		fmt.Fprintf(&b, "\nThe last %d are of an earlier check: no response told whether they are fixed.\n",
			untold)
	}
	if len(failures) > 0 {
		b.WriteString("\n## Violations\n\n| level | rule | fault | request | expected | received |\n" +
			"|---|---|---|---|---|---|\n")
	}
	for _, f := range failures {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", f.Level, f.Rule, f.Fault,
			markdown(f.Case.Name()),
			markdown(f.Expected), markdown(f.Received))
	}
	b.WriteString("\n## Coverage\n\n| member | keyword | requests | failed |\n|---|---|---|---|\n")
	for _, r := range c.Rows {
		count := fmt.Sprint(r.Tried)
		if r.Tried == 0 {
			count = "never"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d |\n", markdown(r.Place), markdown(r.Keyword), count, r.Failed)
	}
	b.WriteString("\n## Responses\n\n| HTTP status | code | seen |\n|---|---|---|\n")
	for _, r := range c.Responses {
		fmt.Fprintf(&b, "| %s | %s | %d |\n", r.Status, markdown(r.Code), r.Seen)
	}
	return b.Bytes()
}

// markdown escapes a text for a cell of a table.
func markdown(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;", "`", "'", "*", `\*`, "_", `\_`).
		Replace(text.Escape(s))
}

// Outcomes of a replay.
const (
	fixed      = "fixed"
	stillThere = "still there"
	cannotTell = "can't tell"
)

// Replay sends each case of a file of violations again, the smallest request of each.
func (k *Check) replay(ctx context.Context) error {
	k.console.Print("\n%s\n", k.options.Replay)
	if err := k.known(ctx); err != nil {
		return err
	}
	counts := map[string]int{}
	for i := range k.replayed {
		f, missing := k.filled(k.replayed[i])
		outcome, why := cannotTell, "there is no "+missing
		if missing == "" {
			var err error
			if outcome, why, err = k.again(ctx, &f); err != nil {
				return err
			}
		}
		counts[outcome]++
		color := map[string]string{fixed: "32", stillThere: "31", cannotTell: "33"}[outcome]
		shown := k.console.Paint(color, fmt.Sprintf("%-11s", outcome))
		line := fmt.Sprintf("  %s  %s  %s  %s", shown, f.Rule, f.Case.Name(), why)
		k.console.Print("%s\n", strings.TrimRight(line, " "))
		if outcome == stillThere {
			k.bad++
		}
	}
	k.console.Print("\n%d fixed, %d still there, %d can't be told\n", counts[fixed],
		counts[stillThere], counts[cannotTell])
	return nil
}

// known finds what stands for what was taken out of the cases. If they need a transaction or what only
// a response tells, a request for the first test user comes first.
func (k *Check) known(ctx context.Context) error {
	if slices.ContainsFunc(k.replayed, generate.FailedCase.NeedsTransaction) {
		if err := k.begin(ctx); err != nil {
			return err
		}
	}
	in, err := input(k.scenario, k.schema, k.options, k.first)
	if err != nil {
		return err
	}
	k.maskWith(in)
	return nil
}

// begin sends a request for the first test user, and keeps the response if it is a transaction.
func (k *Check) begin(ctx context.Context) error {
	for i := range k.scenario.Groups {
		if g := &k.scenario.Groups[i]; !mayGenerate(k.scenario, g) || g.Size() == 0 {
			continue
		}
		u, err := k.scenario.Reader(i).User(0)
		if err != nil {
			return err
		}
		ex := &k.exchange[0]
		ex.Reset()
		ex.Number = uint64(k.sent)
		err = k.request(ctx, func(ctx context.Context) error { return k.op.Send(ctx, u, ex) })
		if err == nil && ex.Status == 201 {
			k.first = bytes.Clone(ex.Body)
		}
		return ctx.Err()
	}
	return nil
}

// again sends a case again, and says what came of it.
func (k *Check) again(ctx context.Context, f *generate.FailedCase) (outcome, why string, err error) {
	if !k.hasIdentity(f.Case.Request.Identity) {
		return cannotTell, "the scenario has no identity " + f.Case.Request.Identity, nil
	}
	if len(f.Others) > 0 {
		return k.pairAgain(ctx, f)
	}
	request := f.Case.Request
	if f.Smallest != nil {
		request = *f.Smallest
	}
	ex := &k.exchange[0]
	found, untold, err := k.try(ctx, &f.Case, request, ex)
	switch {
	case err != nil:
		return "", "", err
	case untold != "":
		return cannotTell, untold, nil
	case has(found, f.Rule):
		return stillThere, ex.Label, nil
	}
	return fixed, ex.Label, nil
}

func (k *Check) pairAgain(ctx context.Context, f *generate.FailedCase) (outcome, why string, err error) {
	var all []generate.PairRefusal
	var broken []contract.Violation
	for i, c := range append([]generate.Case{f.Case}, f.Others...) {
		ex := &k.exchange[0]
		found, untold, err := k.try(ctx, &c, c.Request, ex)
		if err != nil {
			return "", "", err
		}
		if untold != "" {
			return cannotTell, untold, nil
		}
		all = append(all, generate.PairRefusal{Known: c.Known, Status: ex.Status, Body: bytes.Clone(ex.Body),
			Took: ex.Received.Sub(ex.Sent)})
		if i == 0 {
			broken = slices.Clone(found)
		}
	}
	broken = append(broken, generate.JudgePair(all, k.op.Contract().Level)...)
	if has(broken, f.Rule) {
		return stillThere, "", nil
	}
	return fixed, "", nil
}

func (k *Check) hasIdentity(name string) bool {
	if name == "" {
		return true
	}
	for _, i := range k.scenario.Target.Identities {
		if i.Name == name {
			return true
		}
	}
	return false
}
