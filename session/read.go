package session

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"mfaload/internal/disk"
	"mfaload/internal/text"
	"mfaload/measure"
	"mfaload/report"
	"mfaload/report/compare"
)

// The largest files of a results folder that are read at once, in bytes. Measurements
// and journals are read bit by bit, whatever their size.
const (
	maxReport = 128 << 20
	MaxRecord = 1 << 20 // trial.json, search.json
)

// ReadResults reads the two files that all others of a folder are made from.
func ReadResults(path string) (*report.Report, *measure.Measurement, error) {
	fail := func(err error) (*report.Report, *measure.Measurement, error) {
		if _, broken := os.Stat(filepath.Join(path, JournalFile)); broken == nil {
			return nil, nil, fmt.Errorf("%s: %w\n%s", path, err,
				text.Hint("the run was interrupted, or is still running: 'mfaload report %s' writes its "+
					"results", path))
		}
		return nil, nil, fmt.Errorf("%s: %w\n%s", path, err,
			text.Hint("name a results folder of 'mfaload run': it holds %s and %s", ReportFile,
				MeasurementFile))
	}
	r, m, err := readPair(path)
	if err != nil {
		return fail(err)
	}
	return r, m, nil
}

func readPair(path string) (*report.Report, *measure.Measurement, error) {
	data, err := disk.ReadRegular(filepath.Join(path, ReportFile), maxReport)
	if err != nil {
		return nil, nil, err
	}
	r, err := report.Decode(data)
	if err != nil {
		return nil, nil, err
	}
	m, sum, err := ReadMeasurement(filepath.Join(path, MeasurementFile))
	if err != nil {
		return nil, nil, err
	}
	if err := r.SameRun(m); err != nil {
		return nil, nil, err
	}
	return r, m, report.CheckSeal(data, sum)
}

// ReadMeasurement reads a measurement, and the checksum of its file.
func ReadMeasurement(path string) (m *measure.Measurement, sum [sha256.Size]byte, err error) {
	f, err := disk.OpenRegular(path)
	if err != nil {
		return nil, sum, err
	}
	defer f.Close()
	all := sha256.New()
	m, err = measure.Read(bufio.NewReader(io.TeeReader(f, all)))
	return m, [sha256.Size]byte(all.Sum(nil)), err
}

// ReadRuns reads a run, or all runs of a folder of results folders.
func ReadRuns(path string) ([]compare.Run, error) {
	one, err := readRun(path)
	if err == nil {
		return []compare.Run{one}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, unreadable(path, err)
	}
	folders, globErr := filepath.Glob(filepath.Join(globQuote(path), "*", MeasurementFile))
	if globErr != nil || len(folders) == 0 {
		return nil, unreadable(path, err)
	}
	var runs []compare.Run
	for _, file := range folders {
		r, err := readRun(filepath.Dir(file))
		if err != nil {
			return nil, unreadable(filepath.Dir(file), err)
		}
		runs = append(runs, r)
	}
	return runs, nil
}

func globQuote(path string) string {
	var quoted []rune
	for _, r := range path {
		if os.PathSeparator != '\\' && (r == '*' || r == '?' || r == '[' || r == '\\') {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, r)
	}
	return string(quoted)
}

func unreadable(path string, err error) error {
	return fmt.Errorf("%s: %w\n%s", path, err,
		text.Hint("name a results folder of 'mfaload run', its %s, or a folder of results folders",
			MeasurementFile))
}

// readRun reads a results folder or a measurement file. A report next to it says
// whether the run was conclusive.
func readRun(path string) (compare.Run, error) {
	file := path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file = filepath.Join(path, MeasurementFile)
	} else if filepath.Base(path) == ReportFile {
		file = filepath.Join(filepath.Dir(path), MeasurementFile)
	}
	m, sum, err := ReadMeasurement(file)
	if err != nil {
		return compare.Run{}, err
	}
	r := compare.Run{Name: filepath.ToSlash(filepath.Clean(path)), Measurement: m}
	data, err := disk.ReadRegular(filepath.Join(filepath.Dir(file), ReportFile), maxReport)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil // a baseline may be the measurement alone
	}
	var rep *report.Report
	if err == nil {
		rep, err = report.Decode(data)
	}
	if err == nil {
		err = rep.SameRun(m)
	}
	if err == nil {
		err = report.CheckSeal(data, sum)
	}
	if err != nil {
		return compare.Run{}, err
	}
	r.Verdict = rep.Verdict
	if rep.Baseline != nil { // what it was compared with says nothing of the run itself
		r.Verdict = rep.Baseline.Alone
	}
	return r, nil
}

// ShardFile is a measurement, and what errors call it.
type ShardFile struct {
	Name        string
	Measurement *measure.Measurement
}

// ReadShards reads the measurements that can be read. The others are lost: their
// shards did not live to write them, or something happened to them since.
func ReadShards(paths []string) (files []ShardFile, lost []measure.LostShard) {
	for _, name := range shardFiles(paths) {
		m, _, err := ReadMeasurement(name)
		if err != nil {
			if broken := new(fs.PathError); errors.As(err, &broken) {
				err = fmt.Errorf("read it: %w", broken.Err)
			}
			why := fmt.Sprintf("%s: %v", name, err)
			if folder := filepath.Dir(name); exists(filepath.Join(folder, JournalFile)) {
				why += fmt.Sprintf("; it was interrupted: 'mfaload report %s' makes one of its journal, up "+
					"to then",
					folder)
			}
			lost = append(lost, measure.LostShard{Index: -1, Why: why})
			continue
		}
		files = append(files, ShardFile{name, m})
	}
	slices.SortFunc(lost, measure.CompareLostShards)
	return files, lost
}

// shardFiles are the measurements that paths stand for. A folder without one may
// hold results folders: then each of them ought to have one.
func shardFiles(paths []string) (files []string) {
	for _, path := range paths {
		info, err := os.Stat(path)
		file := filepath.Join(path, MeasurementFile)
		below, globErr := filepath.Glob(filepath.Join(globQuote(path), "*", MeasurementFile))
		switch {
		case err != nil || !info.IsDir():
			files = append(files, path)
		case exists(file) || globErr != nil || len(below) == 0:
			files = append(files, file)
		default:
			folders, _ := filepath.Glob(filepath.Join(globQuote(path), "*"))
			for _, f := range folders {
				if info, err := os.Stat(f); err == nil && info.IsDir() {
					files = append(files, filepath.Join(f, MeasurementFile))
				}
			}
		}
	}
	return files
}
