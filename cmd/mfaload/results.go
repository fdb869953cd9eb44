package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"mfaload/internal/disk"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
	"mfaload/scenario"
)

// The files of a results folder.
const (
	reportFile      = "report.json"
	measurementFile = "measurement.json.gz"
	violationsFile  = "violations.ndjson"
)

// rendered are the files that are made from the two that a run leaves behind,
// its report and its measurement, and from nothing else: 'mfaload report' makes
// them again.
var rendered = []struct {
	name string
	make func(*report.Report, *measure.Measurement) content
}{
	{violationsFile, func(_ *report.Report, m *measure.Measurement) content {
		return whole(func() ([]byte, error) { return report.NDJSON(m) })
	}},
	{"report.html", func(r *report.Report, m *measure.Measurement) content {
		return whole(func() ([]byte, error) { return r.HTML(m) })
	}},
	{"report.md", func(r *report.Report, _ *measure.Measurement) content { return whole(r.Markdown) }},
	{"junit.xml", func(r *report.Report, _ *measure.Measurement) content { return whole(r.JUnit) }},
	{"latency.hlog", func(_ *report.Report, m *measure.Measurement) content { return m.HLog }},
}

// content writes what a file has.
type content func(io.Writer) error

// whole is the content of a file of a bounded size.
func whole(make func() ([]byte, error)) content {
	return func(w io.Writer) error {
		text, err := make()
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
}

// formatFlags ask for files that not everybody wants.
type formatFlags struct{ csv, hgrm bool }

func (f *formatFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.csv, "csv", false, "write series.csv too: the run second by second")
	c.Flags().BoolVar(&f.hgrm, "hgrm", false, "write percentile distributions too: response.hgrm, service.hgrm, and those of each group")
}

// results is a results folder. Only its owner may read it: user IDs are in it.
type results struct {
	path  string
	made  bool                // by this run
	about measure.Measurement // what is known of it before it starts
	// scenario and formats are of its run, overwrite says that it replaces earlier
	// results, and written that its own are there.
	scenario           *scenario.Scenario
	formats            formatFlags
	overwrite, written bool
	lock               *os.File // nil where nobody else writes to it
	// cutOff says that the journal ends before the run did.
	cutOff bool
}

// newResults makes the folder, which has the name where no path was asked for,
// before anything is sent, so that a run whose results could not be kept does not
// start. Until [results.ended] no other run writes to it.
func newResults(name, path string, overwrite bool) (*results, error) {
	if path == "" {
		path = freePath(filepath.Join("results", name))
	}
	r := &results{path: path, made: !exists(path), overwrite: overwrite}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the results folder: %w\n%s", err, hint("choose another one with --out"))
	}
	var err error
	if r.lock, err = lockFolder(path); errors.Is(err, errWriting) {
		return nil, fmt.Errorf("%w: nothing was sent\n%s", err, hint("wait until that run ends, or choose another --out"))
	} else if err != nil {
		return nil, err
	}
	if err := r.free(); err != nil {
		r.unlock()
		return nil, err
	}
	probe, err := os.CreateTemp(path, ".probe-*")
	if err != nil {
		r.unlock()
		return nil, fmt.Errorf("write to the results folder: %w\n%s", err, hint("choose another one with --out"))
	}
	return r, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// freePath is the path, or the path with a number where it is taken: two runs
// may start in the same second.
func freePath(path string) string {
	for n, free := 2, path; ; n++ {
		if _, err := os.Stat(free); errors.Is(err, fs.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s-%d", path, n)
	}
}

// discard removes the folder of a run that did not start, where it is new and
// empty.
func (r *results) discard() {
	if r.made {
		_ = os.Remove(r.path)
	}
}

// write writes all files that it can, and returns what went wrong with others.
// Once those are safe that all others are made from, and can be read, the journal
// has served.
func (r *results) write(rep *report.Report, m *measure.Measurement, formats formatFlags) error {
	r.written = true
	err := r.writePair(rep, m)
	if err == nil {
		if _, _, unread := readPair(r.path); unread != nil {
			err = fmt.Errorf("%s: the results that were just written can't be read back: %w", r.path, unread)
		}
	}
	if err == nil {
		err = r.endJournal()
	}
	return errors.Join(err, r.render(rep, m, formats))
}

// writePair writes the two files. The report is sealed together with the
// measurement that it judges.
func (r *results) writePair(rep *report.Report, m *measure.Measurement) error {
	sum := sha256.New()
	err := r.stream(measurementFile, func(w io.Writer) error { return m.Write(io.MultiWriter(w, sum)) })
	return errors.Join(err, r.file(reportFile, func() ([]byte, error) { return rep.Sealed([sha256.Size]byte(sum.Sum(nil))) }))
}

// writeComparison writes how the run compares with its baseline.
func (r *results) writeComparison(c *compare.Comparison) error {
	return errors.Join(r.file("compare.json", func() ([]byte, error) { return report.Encode(c) }), r.file("compare.html", c.HTML))
}

// render writes the files that are made from the report and the measurement.
func (r *results) render(rep *report.Report, m *measure.Measurement, formats formatFlags) error {
	var failed []error
	for _, f := range rendered {
		failed = append(failed, r.stream(f.name, f.make(rep, m)))
	}
	if formats.csv {
		failed = append(failed, r.stream("series.csv", func(w io.Writer) error { return report.CSV(w, m) }))
	}
	if formats.hgrm {
		all, err := report.Distributions(m)
		failed = append(failed, err)
		for _, d := range all {
			failed = append(failed, r.file(d.Name, func() ([]byte, error) { return d.Text, nil }))
		}
	}
	return errors.Join(failed...)
}

// readResults reads the two files of a results folder that all others are made
// from.
func readResults(path string) (*report.Report, *measure.Measurement, error) {
	fail := func(err error) (*report.Report, *measure.Measurement, error) {
		if _, broken := os.Stat(filepath.Join(path, journalFile)); broken == nil {
			return nil, nil, fmt.Errorf("%s: %w\n%s", path, err, hint("the run was broken off, or goes on: 'mfaload report %s' writes its results", path))
		}
		return nil, nil, fmt.Errorf("%s: %w\n%s", path, err, hint("name a results folder of 'mfaload run': it holds %s and %s", reportFile, measurementFile))
	}
	r, m, err := readPair(path)
	if err != nil {
		return fail(err)
	}
	return r, m, nil
}

// readPair reads the two files and holds them against each other.
func readPair(path string) (*report.Report, *measure.Measurement, error) {
	text, err := disk.ReadRegular(filepath.Join(path, reportFile), maxReport)
	if err != nil {
		return nil, nil, err
	}
	r, err := report.Decode(text)
	if err != nil {
		return nil, nil, err
	}
	m, sum, err := readMeasurement(filepath.Join(path, measurementFile))
	if err != nil {
		return nil, nil, err
	}
	if err := r.SameRun(m); err != nil {
		return nil, nil, err
	}
	return r, m, report.CheckSeal(text, sum)
}

// readMeasurement reads a measurement, and the checksum of its file.
func readMeasurement(path string) (m *measure.Measurement, sum [sha256.Size]byte, err error) {
	f, err := disk.OpenRegular(path)
	if err != nil {
		return nil, sum, err
	}
	defer f.Close()
	all := sha256.New()
	m, err = measure.Read(bufio.NewReader(io.TeeReader(f, all)))
	return m, [sha256.Size]byte(all.Sum(nil)), err
}

// file replaces a file in one step, so that no reader ever sees half of it.
func (r *results) file(name string, make func() ([]byte, error)) error {
	data, err := make()
	if err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	return r.stream(name, whole(func() ([]byte, error) { return data, nil }))
}

// stream is file of a content that memory does not hold.
func (r *results) stream(name string, write content) error {
	if err := disk.ReplaceWith(filepath.Join(r.path, name), write, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
