package session

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/report/render"
)

// SummaryKinds are what a summary on stdout can be.
var SummaryKinds = []string{"short", "full", "json", "none"}

// Summary shows the results of a run on stdout.
type Summary struct {
	// Kind is one of SummaryKinds: a screen, everything, report.json, or nothing.
	Kind string
	// Out is for people, and Data for programs.
	Out, Data io.Writer
	// Color allows colours, and Width is how many columns there are.
	Color bool
	Width int
}

// CheckSummary refuses a kind that there is not.
func CheckSummary(kind string) error {
	if slices.Contains(SummaryKinds, kind) {
		return nil
	}
	return fmt.Errorf("--summary %q is none of %s", kind, strings.Join(SummaryKinds, ", "))
}

// Conclude judges a run, compares it with earlier ones if there are any, writes its results and shows
// the summary, whatever happens to the files: no result is lost because a disk is full. A verdict with
// an error is of results that are not whole.
func Conclude(m *measure.Measurement, dir *Folder, formats Formats, earlier *EarlierRuns,
	show *Summary) (report.Verdict, error) {
	r, err := report.Judge(m)
	if err != nil {
		return "", err
	}
	if err := m.Seconds.Err(); err != nil { // what was judged is not all
		return report.Inconclusive, fmt.Errorf("%w\n%s", err, dir.Hint())
	}
	var compared *compare.Comparison
	var unwritten error
	if earlier != nil {
		if compared = earlier.hold(r, m); compared != nil {
			unwritten = dir.writeComparison(compared)
		}
	}
	if m.SecondsLost != "" {
		unwritten = errors.Join(unwritten, fmt.Errorf("the figures per second are lost: %s", m.SecondsLost))
	}
	unwritten = errors.Join(unwritten, dir.Write(r, m, formats))
	whole := unwritten == nil
	if err := show.Write(r, dir, compared, whole); err != nil {
		unwritten = errors.Join(unwritten, fmt.Errorf("print the summary: %w", err))
	}
	if unwritten != nil {
		return report.Inconclusive, fmt.Errorf("%w\n%s", unwritten, dir.Hint())
	}
	return r.Verdict, nil
}

// Write shows a report, with how the run compares with earlier ones. Whole says that the results are in
// the folder.
func (s *Summary) Write(r *report.Report, dir *Folder, compared *compare.Comparison, whole bool) error {
	switch s.Kind {
	case "none":
		return nil
	case "json":
		return s.json(r, dir, whole)
	}
	terminal := render.Terminal{Color: s.Color, Width: s.Width, Full: s.Kind == "full"}
	if whole {
		terminal.Path = dir.Page()
	}
	if compared != nil {
		var b strings.Builder
		b.WriteString("\n" + text.Paint(s.Color, text.Bold, "against the baseline") + "\n")
		if err := (compare.Terminal{Color: s.Color, Width: s.Width}).Write(&b, compared); err != nil {
			return err
		}
		terminal.Comparison = b.String()
	}
	return terminal.Write(s.Out, r)
}

// json prints report.json as it is in the folder, or as far as there is one.
func (s *Summary) json(r *report.Report, dir *Folder, whole bool) error {
	if data, err := disk.ReadRegular(filepath.Join(dir.path, ReportFile), maxReport); err == nil && whole {
		_, err = s.Data.Write(data)
		return err
	}
	data, err := r.JSON()
	if err == nil {
		_, err = s.Data.Write(data)
	}
	return err
}

// pageFile is the report for people.
const pageFile = "report.html"

// Page is where the report for people is.
func (f *Folder) Page() string { return filepath.Join(f.path, pageFile) }
