package session

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/render"
	"mfaload/scenario"
)

// The files of a results folder.
const (
	ReportFile      = "report.json"
	MeasurementFile = "measurement.json.gz"
)

// rendered are the files that are made from the two that a run leaves behind,
// its report and its measurement, and from nothing else: 'mfaload report' makes
// them again.
var rendered = []struct {
	name string
	make func(*report.Report, *measure.Measurement) content
}{
	{"violations.ndjson", func(_ *report.Report, m *measure.Measurement) content {
		return whole(func() ([]byte, error) { return render.NDJSON(m) })
	}},
	{pageFile, func(r *report.Report, m *measure.Measurement) content {
		return whole(func() ([]byte, error) { return render.HTML(r, m) })
	}},
	{"report.md", func(r *report.Report, _ *measure.Measurement) content {
		return whole(func() ([]byte, error) { return render.Markdown(r) })
	}},
	{"junit.xml", func(r *report.Report, _ *measure.Measurement) content {
		return whole(func() ([]byte, error) { return render.JUnit(r) })
	}},
	{"latency.hlog", func(_ *report.Report, m *measure.Measurement) content { return m.HLog }},
}

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

// Formats are files that not everybody wants.
type Formats struct{ CSV, HGRM bool }

// Folder is a results folder. Only its owner may read it: user IDs are in it.
type Folder struct {
	path string
	made bool // by this run
	// Provenance says what its measurement is of, once that is known.
	Provenance Provenance
	// scenario and formats are of its run, overwrite says that it replaces earlier
	// results, and written that its own are there.
	scenario           *scenario.Scenario
	formats            Formats
	overwrite, written bool
	lock               *os.File // nil where nobody else writes to it
	// KeepJournal has the journal stay as [SamplesFile] if the results are safe.
	KeepJournal bool
	// cutOff says that the journal ends before the run did.
	cutOff bool
}

// OpenFolder returns a results folder that is there, or is made by its caller, without
// keeping others from it.
func OpenFolder(path string) *Folder { return &Folder{path: path} }

// Path is where the folder is.
func (f *Folder) Path() string { return f.path }

// NewFolder makes a results folder, named name below "results" where path is empty, before
// anything is sent, so that a run whose results could not be kept does not start.
// Until [Folder.Unlock] no other run writes to it.
func NewFolder(name, path string, overwrite bool) (*Folder, error) {
	if path == "" {
		path = FreePath(filepath.Join("results", name))
	}
	f := &Folder{path: path, made: !exists(path), overwrite: overwrite}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the results folder: %w\n%s", err,
			text.Hint("choose another one with --out"))
	}
	var err error
	if f.lock, err = lockFolder(path); errors.Is(err, errWriting) {
		return nil, fmt.Errorf("%w: nothing was sent\n%s", err,
			text.Hint("wait until that run ends, or choose another --out"))
	} else if err != nil {
		return nil, err
	}
	if err := f.free(); err != nil {
		f.Unlock()
		return nil, err
	}
	probe, err := os.CreateTemp(path, ".probe-*")
	if err != nil {
		f.Unlock()
		return nil, fmt.Errorf("write to the results folder: %w\n%s", err,
			text.Hint("choose another one with --out"))
	}
	return f, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// FreePath is the path, or the path with a number where it is taken: two runs
// may start in the same second.
func FreePath(path string) string {
	for n, free := 2, path; ; n++ {
		if _, err := os.Stat(free); errors.Is(err, fs.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s-%d", path, n)
	}
}

// Discard removes the new and empty folder of a run that did not start.
func (f *Folder) Discard() {
	if f.made {
		_ = os.Remove(f.path)
	}
}

// Write writes all files that it can, and returns what went wrong with others.
// Once those that all others are made from can be read, the journal has served.
func (f *Folder) Write(rep *report.Report, m *measure.Measurement, formats Formats) error {
	f.written = true
	err := f.writePair(rep, m)
	if err == nil {
		if _, _, unread := readPair(f.path); unread != nil {
			err = fmt.Errorf("%s: the results that were just written can't be read back: %w", f.path, unread)
		}
	}
	if err == nil {
		err = f.endJournal()
	}
	return errors.Join(err, f.Render(rep, m, formats))
}

// writePair writes the two files. The report is sealed together with the
// measurement that it judges.
func (f *Folder) writePair(rep *report.Report, m *measure.Measurement) error {
	sum := sha256.New()
	err := f.stream(MeasurementFile, func(w io.Writer) error { return m.Write(io.MultiWriter(w, sum)) })
	return errors.Join(err, f.WriteFile(ReportFile, func() ([]byte, error) {
		return rep.Sealed([sha256.Size]byte(sum.Sum(nil)))
	}))
}

// Render writes the files that are made from the report and the measurement.
func (f *Folder) Render(rep *report.Report, m *measure.Measurement, formats Formats) error {
	var failed []error
	for _, file := range rendered {
		failed = append(failed, f.stream(file.name, file.make(rep, m)))
	}
	if formats.CSV {
		failed = append(failed, f.stream("series.csv", func(w io.Writer) error { return render.CSV(w, m) }))
	}
	if formats.HGRM {
		all, err := render.Distributions(m)
		failed = append(failed, err)
		for _, d := range all {
			failed = append(failed, f.WriteFile(d.Name, func() ([]byte, error) { return d.Text, nil }))
		}
	}
	return errors.Join(failed...)
}

// WriteFile replaces a file in one step, so that no reader ever sees half of it.
func (f *Folder) WriteFile(name string, make func() ([]byte, error)) error {
	data, err := make()
	if err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	return f.stream(name, whole(func() ([]byte, error) { return data, nil }))
}

// stream is WriteFile of a content that memory does not hold.
func (f *Folder) stream(name string, write content) error {
	if err := disk.ReplaceWith(filepath.Join(f.path, name), write, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// LockToRender keeps runs and other commands from writing to the folder meanwhile.
// Of one that is not there, who reads it says so.
func (f *Folder) LockToRender() (err error) {
	f.lock, err = lockFolder(f.path)
	switch {
	case errors.Is(err, errWriting):
		return fmt.Errorf("%w: nothing was made\n%s", err,
			text.Hint("wait until that run ends: it writes all files itself"))
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// RenderInto makes another folder for the files of one run.
func RenderInto(path, out string) (*Folder, error) {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder: %w\n%s", err, text.Hint("choose another one with --out"))
	}
	here, hereErr := os.Stat(path)
	there, thereErr := os.Stat(out)
	if err := errors.Join(hereErr, thereErr); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(out, ReportFile)); err == nil && !os.SameFile(here, there) {
		return nil, fmt.Errorf("%s holds the report of another run\n%s", out,
			text.Hint("choose another --out"))
	}
	dir := &Folder{path: out}
	if os.SameFile(here, there) {
		return dir, nil // its lock is held
	}
	return dir, dir.LockToRender()
}

// ShardsFolder has the results of the workers of this machine, by index.
const ShardsFolder = "shards"

var errWriting = errors.New("another run writes its results there")

// lockFolder keeps others from writing to a results folder until the file is closed.
// It leaves nothing in it.
func lockFolder(path string) (*os.File, error) {
	f, err := disk.Open(path)
	if err != nil {
		return nil, err
	}
	if err := disk.Lock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, errWriting)
	}
	return f, nil
}

// free is an error where the folder has results that may not be replaced, or a
// search that goes on.
func (f *Folder) free() error {
	f.overwrite = f.overwrite || didNotStart(f.path)
	switch {
	case f.overwrite && exists(filepath.Join(f.path, SearchFile)):
		locked, err := LockSearch(f.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_ = locked.Close()
	case f.overwrite:
	case exists(filepath.Join(f.path, ReportFile)):
		return fmt.Errorf("%s already contains a report\n%s", f.path,
			text.Hint("choose another --out, or replace it with --overwrite"))
	case exists(filepath.Join(f.path, JournalFile)):
		return fmt.Errorf("%s contains the journal of a run that was interrupted or is still "+
			"running\n%s", f.path,
			text.Hint("write its results with 'mfaload report %s', choose another --out, or replace it with "+
				"--overwrite", f.path))
	}
	return nil
}

// didNotStart says whether what the folder has is of a run that did not start:
// nothing is lost with it.
func didNotStart(path string) bool {
	data, err := disk.ReadRegular(filepath.Join(path, ReportFile), maxReport)
	if err != nil {
		return false
	}
	r, err := report.Decode(data)
	return err == nil && r.NotStarted != "" && !exists(filepath.Join(path, JournalFile)) && !HoldsSearch(path)
}

// Clear removes all that earlier runs and searches left in the folder, where it
// may be overwritten. Files of others stay.
func (f *Folder) Clear() error {
	if !f.overwrite {
		return nil
	}
	var err error
	if HoldsSearch(f.path) {
		err = f.clearSearch()
	}
	if err = errors.Join(err, clearFolder(f.path)); err != nil {
		return fmt.Errorf("remove the earlier results: %w\n%s", err,
			text.Hint("choose another folder with --out"))
	}
	return nil
}

func clearFolder(path string) (failed error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() && isResult(e.Name()) {
			failed = errors.Join(failed, os.Remove(filepath.Join(path, e.Name())))
		}
	}
	shards := filepath.Join(path, ShardsFolder)
	if info, err := os.Lstat(shards); err != nil || !info.IsDir() {
		return failed
	}
	entries, err = os.ReadDir(shards)
	failed = errors.Join(failed, err)
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && e.IsDir() {
			failed = errors.Join(failed, clearShard(filepath.Join(shards, e.Name())))
		}
	}
	_ = os.Remove(shards) // stays where something of others is in it
	return failed
}

func clearShard(path string) error {
	locked, err := lockFolder(path)
	if err != nil {
		return err
	}
	defer locked.Close()
	err = clearFolder(path)
	_ = os.Remove(path)
	return err
}

// isResult says whether a file of this name is one that mfaload writes to a
// results folder.
func isResult(name string) bool {
	if bare, temporary := strings.CutSuffix(name, ".tmp"); temporary && strings.HasPrefix(name, ".") {
		name = bare[1:]
	}
	for _, f := range rendered {
		if f.name == name {
			return true
		}
	}
	if slices.Contains([]string{ReportFile, MeasurementFile, JournalFile, SamplesFile, TrialFile,
		"series.csv", "compare.json", "compare.html"}, name) {
		return true
	}
	kind, ok := strings.CutSuffix(name, ".hgrm")
	return ok && slices.Contains(render.DistributionKinds(), kind[strings.LastIndexByte(kind, '.')+1:]) ||
		strings.HasPrefix(name, ".probe-")
}

// Describe says what the results are of.
func (f *Folder) Describe(s *scenario.Scenario, p Provenance, formats Formats) {
	f.Provenance, f.scenario, f.formats = p, s, formats
}

// Started says that what is in the folder stays, whatever becomes of the run.
func (f *Folder) Started() { f.written = true }

// IsStarted says whether something is in the folder that is to stay.
func (f *Folder) IsStarted() bool { return f.written }

// WriteNotStarted writes the results of a run that did not start, so that no earlier
// ones are taken for its.
func (f *Folder) WriteNotStarted(why string) error {
	m, err := measure.NewRecorder(len(f.scenario.Groups), nil, 0).Final()
	if err != nil {
		return err
	}
	m.Scenario, m.Hash, m.Started = f.scenario.Name, f.scenario.Hash(), time.Now().UTC().Round(0)
	f.Provenance.stamp(m)
	for _, g := range f.scenario.Groups {
		m.Groups = append(m.Groups, g.Name)
	}
	m.SetNotStarted(why)
	judged, err := report.Judge(m)
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(f.path, 0o700), f.Clear()); err != nil {
		return err
	}
	return f.Write(judged, m, f.formats)
}

// Unlock lets others write to the folder.
func (f *Folder) Unlock() {
	if f.lock != nil {
		_ = f.lock.Close()
		f.lock = nil
	}
}
