package dossier

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mfaload/capacity"
	"mfaload/internal/disk"
	"mfaload/internal/number"
	"mfaload/internal/text"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/runner/plan"
	"mfaload/runner/plan/plantext"
	"mfaload/session"
	"mfaload/session/check"
)

// The largest files that are read at once, in bytes; session bounds report.json.
const (
	maxFile    = 64 << 20
	maxFolders = 1000
)

// soakMin is the shortest run that counts as a soak, in seconds.
const soakMin = 1800

const (
	compareFile = "compare.json"
	planFile    = "plan.json"
)

// Read reads results folders, each of one result or of several results folders.
func Read(paths []string) (found []Evidence, err error) {
	for _, path := range paths {
		some, err := readFolder(path)
		if err == nil && len(some) == 0 {
			some, err = readBelow(path)
		}
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return nil, fmt.Errorf("%s has no results\n%s", path, text.Hint("name results folders of "+
				"'mfaload run', 'capacity' and 'check --generate --out', or a folder of them"))
		}
		found = append(found, some...)
	}
	return found, nil
}

func readBelow(path string) (found []Evidence, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read the results: %w\n%s", err, text.Hint("name a results folder"))
	}
	if len(entries) > maxFolders {
		return nil, fmt.Errorf("%s has more than %d entries\n%s", path, maxFolders,
			text.Hint("name the results folders that count"))
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		some, err := readFolder(filepath.Join(path, entry.Name()))
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// readers read what a folder is known by. A run may have a comparison too.
var readers = []struct {
	file string
	read func(path string) ([]Evidence, error)
}{
	{check.RecordFile, readCheck}, {session.CapacityFile, readCapacity}, {session.ReportFile, readRun},
	{compareFile, readComparison}, {planFile, readPlan},
}

func readFolder(path string) (found []Evidence, err error) {
	for _, r := range readers {
		if _, err := os.Stat(filepath.Join(path, r.file)); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("read the results: %w\n%s", err, text.Hint("name a results folder"))
		}
		some, err := r.read(path)
		if err != nil {
			return nil, err
		}
		for _, e := range some {
			e.Folder, e.Source = filepath.ToSlash(filepath.Clean(path)), r.file
			text.EscapeAll(&e)
			e.Reasons = append([]string{}, e.Reasons...)
			found = append(found, e)
		}
	}
	return found, nil
}

// readFile reads a file of a results folder with decode.
func readFile[T any](path, name string, decode func([]byte) (T, error)) (value T, err error) {
	data, err := disk.ReadRegular(filepath.Join(path, name), maxFile)
	if err == nil {
		value, err = decode(data)
	}
	if err != nil {
		return value, fmt.Errorf("read %s: %w\n%s", filepath.Join(path, name), err,
			text.Hint("measure again, or leave the folder out"))
	}
	return value, nil
}

func readCheck(path string) ([]Evidence, error) {
	r, err := readFile(path, check.RecordFile, check.DecodeRecord)
	if err != nil {
		return nil, err
	}
	e := Evidence{part: Conformance, Page: check.ReportFile, Scenario: r.Scenario, Hash: r.Hash,
		Target: r.Target, Version: r.Version, Contract: r.Contract, Started: r.Started,
		State: stateOf(r.Verdict),
		Summary: fmt.Sprintf("%d of %d requests failed the check; %d of %d keywords tried", r.Failed, r.Sent,
			r.Tried, r.Keywords)}
	if r.Failed > 0 {
		e.Reasons = append(e.Reasons, fmt.Sprintf("%d of %d requests failed the check", r.Failed, r.Sent))
	}
	if r.Untold > 0 {
		e.Reasons = append(e.Reasons, fmt.Sprintf("%s of an earlier check: no response told whether they "+
			"are fixed", number.Plural(r.Untold, "violation")))
	}
	if r.Drifted {
		e.Reasons = append(e.Reasons, "the shape of the responses changed")
	}
	e.Figures = []SourcedFigure{
		{"requests", number.Count(uint64(r.Sent)), "/sent"},
		{"requests that failed the check", number.Count(uint64(r.Failed)), "/failed"},
		{"keywords of the request tried", number.Count(uint64(r.Tried)), "/keywords_tried"},
		{"keywords that the contract has", number.Count(uint64(r.Keywords)), "/keywords"},
	}
	return []Evidence{e}, nil
}

func stateOf(v report.Verdict) PartState {
	switch v {
	case report.Pass:
		return Passed
	case report.Fail:
		return Failed
	}
	return Open
}

// readRun reads a run, which is a soak too if it is long.
func readRun(path string) ([]Evidence, error) {
	r, m, err := session.ReadResults(path)
	if err != nil {
		return nil, err
	}
	e := Evidence{part: Load, Page: "report.html", Scenario: r.Scenario, Hash: r.Hash, Target: r.Target,
		Version: r.Version, Contract: m.Parts["contract"], Started: r.Started, State: stateOf(r.Verdict),
		Reasons: r.Reasons, Summary: fmt.Sprintf("%s requests in %s, %s/s planned and %s/s sent",
			number.Count(r.Requests.Sent), number.Length(r.Duration), number.Significant(r.Rate.Planned),
			number.Significant(r.Rate.Achieved))}
	if r.Baseline != nil { // the comparison is a part of its own
		e.State = stateOf(r.Baseline.Alone)
		e.Reasons = slices.DeleteFunc(slices.Clone(r.Reasons), func(reason string) bool {
			return strings.HasPrefix(reason, "baseline: ")
		})
	}
	if r.NotStarted != "" {
		e.State, e.Summary = Open, "the run did not start: "+r.NotStarted
	}
	e.Figures = []SourcedFigure{{"length", number.Length(r.Duration), "/duration_s"},
		{"planned rate", number.Significant(r.Rate.Planned) + "/s", "/rate/planned"},
		{"planned requests", number.Count(r.Requests.Scheduled), "/requests/scheduled"},
		{"requests sent", number.Count(r.Requests.Sent), "/requests/sent"},
		{"responses as expected", number.Count(r.Requests.AsExpected), "/requests/as_expected"}}
	if r.Goodput != nil {
		e.Figures = append(e.Figures, SourcedFigure{"goodput", r.Goodput.Text(), "/goodput/rate"})
	}
	for _, p := range []string{"p50", "p95", "p99"} {
		e.Figures = append(e.Figures, SourcedFigure{"response " + p, r.Response.Text(p) + " ms",
			"/response_ms/" + p})
	}
	if limit := r.RateLimit; limit != nil && limit.Rate != nil {
		e.Figures = append(e.Figures, SourcedFigure{"rate limit that was met",
			number.Significant(*limit.Rate) + "/s", "/rate_limit/rate"})
	}
	for i, t := range r.Thresholds {
		name := t.Expression
		if t.Group != "" && !strings.Contains(name, t.Group) {
			name = t.Group + " " + name
		}
		e.Figures = append(e.Figures, SourcedFigure{name, t.NoisyText() + ", " + string(t.State),
			fmt.Sprintf("/thresholds/%d/observed", i)})
	}
	all := []Evidence{e}
	if r.Duration >= soakMin {
		e.part, e.Figures = Soak, slices.Clone(e.Figures)
		all = append(all, e)
	}
	return all, nil
}

// readCapacity reads a search and its soak. A trial tells the target and the contract.
func readCapacity(path string) ([]Evidence, error) {
	r, err := readFile(path, session.CapacityFile, capacity.Decode)
	if err != nil {
		return nil, err
	}
	e := Evidence{part: Capacity, Page: session.CapacityPage, Scenario: r.Scenario, Hash: r.Hash,
		Version: r.Version, Started: r.Started, State: Open, search: r,
		Summary: "the highest rate that meets all thresholds is " + r.Headline()}
	for _, trial := range r.Trials {
		one, m, err := session.ReadResults(filepath.Join(path, filepath.FromSlash(trial.Folder)))
		switch {
		case trial.Folder == "" || errors.Is(err, fs.ErrNotExist):
			continue // capacity.json alone does not tell
		case err != nil:
			return nil, err
		}
		e.Target, e.Contract = one.Target, m.Parts["contract"]
		break
	}
	e.Figures = []SourcedFigure{{"highest rate that meets all thresholds", r.Headline(), "/rate"},
		{"limited by", r.LimitedBy, "/limited_by"}}
	for i, l := range r.Thresholds {
		alone := capacity.Result{Rate: l.RateInterval}
		e.Figures = append(e.Figures, SourcedFigure{"meets " + l.Limit, alone.Headline(),
			fmt.Sprintf("/thresholds/%d", i)})
	}
	all := []Evidence{e}
	if s := r.Soak; s != nil {
		soak := e
		soak.part, soak.Summary, soak.search = Soak, s.Length(), nil
		if s.Folder != "" {
			soak.Page = filepath.ToSlash(filepath.Join(s.Folder, "report.html"))
		}
		switch s.Verdict {
		case capacity.Pass:
			soak.State = Passed
		case capacity.Break:
			soak.State = Failed
		}
		soak.Reasons = s.Reasons
		soak.Figures = []SourcedFigure{{"rate and length", s.Length(), "/soak/rate"}}
		for i, d := range s.Drifts {
			soak.Figures = append(soak.Figures, SourcedFigure{"drift of " + d.Percentile, d.Text(),
				fmt.Sprintf("/soak/drifts/%d/slope_ms_per_hour", i)})
		}
		all = append(all, soak)
	}
	return all, nil
}

// readPlan reads what 'mfaload run --plan --format json' printed.
func readPlan(path string) ([]Evidence, error) {
	p, err := readFile(path, planFile, decodePlan)
	if err != nil {
		return nil, err
	}
	e := Evidence{part: Limits, Page: planFile, Scenario: p.Scenario, State: Passed,
		Summary: "documented limits: " + plantext.FirstLimit(p)}
	first := p.First()
	switch {
	case len(p.Limits) == 0:
		e.State = Open
		e.Summary = "the plan knows no limits of its target: name target.entitlement in the scenario"
	case first != nil && slices.ContainsFunc(p.Limits, func(l plan.PlannedLimit) bool {
		return l.Passed() && !l.May
	}):
		e.State = Failed
	case first != nil: // only if all messages are of the kind that counts
		e.State = Open
	}
	if e.State != Passed {
		e.Reasons = append(e.Reasons, e.Summary)
	}
	e.Figures = []SourcedFigure{{"requests", number.Count(p.Requests), "/requests"},
		{"messages to real users, at most", number.Count(p.Messages), "/messages_max"},
		{"peak rate", number.Significant(p.Peak) + "/s", "/peak_rate"}}
	for i, l := range p.Limits {
		name := strings.TrimSpace(l.Group + " " + l.Name)
		e.Figures = append(e.Figures, SourcedFigure{name, fmt.Sprintf("%s planned, %s allowed",
			number.Significant(l.Planned), number.Significant(l.Allowed)),
			fmt.Sprintf("/limits/%d/planned_max", i)})
	}
	return []Evidence{e}, nil
}

func decodePlan(data []byte) (*plan.RunPlan, error) {
	var p plan.RunPlan
	if err := json.Unmarshal(data, &p); err != nil || p.Scenario == "" {
		return nil, fmt.Errorf("it is not what 'mfaload run --plan --format json' prints: %w",
			cmp.Or(err, errors.New("it names no scenario")))
	}
	return &p, nil
}

func readComparison(path string) ([]Evidence, error) {
	c, err := readFile(path, compareFile, compare.Decode)
	if err != nil {
		return nil, err
	}
	e := Evidence{part: Release, Page: compareFile, State: Open, Summary: c.Conclusion,
		Reasons: c.Obstacles}
	if len(e.Reasons) == 0 {
		e.Reasons = []string{c.Conclusion}
	}
	if _, err := os.Stat(filepath.Join(path, "compare.html")); err == nil {
		e.Page = "compare.html"
	}
	switch c.Verdict {
	case compare.Better, compare.Same:
		e.State = Passed
	case compare.Worse:
		e.State = Failed
	}
	for _, r := range c.New.Runs {
		e.Scenario, e.Target, e.Version, e.Started = r.Scenario, r.Target, r.Version, r.Started
	}
	for i, r := range c.Rows {
		if r.Primary {
			name := strings.TrimSpace(r.Group + " " + strings.Replace(r.Metric, ".", " ", 1))
			e.Figures = append(e.Figures, SourcedFigure{name, strings.TrimPrefix(r.String(), name+" "),
				fmt.Sprintf("/rows/%d/new", i)})
		}
	}
	return []Evidence{e}, nil
}
