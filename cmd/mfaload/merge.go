package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/measure"
	"mfaload/scenario"
)

// mergeFlags are the flags of the verb merge.
type mergeFlags struct {
	expect    int
	tolerate  string
	out       string
	overwrite bool
	formats   formatFlags
}

func newMerge(a *app) *cobra.Command {
	flags := &mergeFlags{}
	c := &cobra.Command{
		Use:   "merge PATH...",
		Short: "Merge what the shards of a run measured, and judge it",
		Long: `Merge what the shards of one run measured ('mfaload run --shard'), and judge it as
one machine's run is judged: the same report, thresholds, verdict and exit codes.
Each PATH is a results folder, its measurement.json.gz, or a folder of results
folders. Histograms are added
bucket by bucket. Each machine's own lateness and processors are judged alone.

A shard that is missing, and a file that is damaged, make the run inconclusive
(4): a report of the others is written, and names them. With --tolerate-lost so
many are left out of the verdict, and the report says that it is degraded. A
shard that is there twice, and a file of another run, scenario or version, are
errors (2): nothing is written.`,
		Example: `  mfaload merge --expect 8 shards
  mfaload merge --expect 20 --tolerate-lost 5% --out results/friday shards/*`,
		ValidArgsFunction: resultFolders,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("PATH")(c, args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			tolerated, err := flags.check()
			if err != nil {
				return usage(c, err)
			}
			return a.merge(args, flags, tolerated)
		},
	}
	c.Flags().IntVar(&flags.expect, "expect", 0, "the number of shards that the run had (default: what the files say)")
	c.Flags().StringVar(&flags.tolerate, "tolerate-lost", "", "the share of shards that may be lost, such as 5%")
	c.Flags().StringVar(&flags.out, "out", "", "results folder (default results/{name}-{start})")
	c.Flags().BoolVar(&flags.overwrite, "overwrite", false, "replace the results that the folder of --out holds")
	flags.formats.add(c)
	return c
}

func (f *mergeFlags) check() (tolerated float64, err error) {
	if f.expect < 0 || f.expect > measure.MaxShards {
		return 0, fmt.Errorf("--expect %d is not from 1 to %d", f.expect, measure.MaxShards)
	}
	return parseTolerated(f.tolerate)
}

// parseTolerated reads the share of shards that may be lost.
func parseTolerated(text string) (tolerated float64, err error) {
	if text == "" {
		return 0, nil
	}
	if tolerated, err = scenario.ParseShare(text); err == nil && tolerated >= 1 {
		err = errors.New("all of them can't be")
	}
	if err != nil {
		return 0, fmt.Errorf("--tolerate-lost %s: %w", text, err)
	}
	return tolerated, nil
}

func (a *app) merge(paths []string, flags *mergeFlags, tolerated float64) error {
	files, lost := readShards(paths)
	if len(files) == 0 {
		return fmt.Errorf("there is nothing to merge\n%s", hint("%s\nname the results folders of the shards, or a folder that holds them", strings.Join(reasons(lost), "\n")))
	}
	if flags.overwrite && flags.out != "" {
		if err := keepInputs(flags.out, files); err != nil {
			return err
		}
	}
	m, err := mergeFiles(files)
	if err != nil {
		return err
	}
	switch missing := m.Merged.Missing(); {
	case flags.expect > 0 && flags.expect != m.Merged.Count:
		return fmt.Errorf("--expect %d, but the run %s had %d shards\n%s", flags.expect, m.Merged.Run, m.Merged.Count, hint("name the files of the run that you mean"))
	case len(missing) == 0 && len(lost) > 0:
		return fmt.Errorf("all %d shards are there, and something else beside them\n%s", m.Merged.Count,
			hint("%s", strings.Join(append(reasons(lost), "leave it out"), "\n")))
	}
	m.Merged.Lost, m.Merged.TolerateLost = lost, tolerated
	p := part{startAt: m.Started}
	dir, err := newResults(p.folder(m.Scenario), flags.out, flags.overwrite)
	if err != nil {
		return err
	}
	defer dir.unlock()
	if err := dir.clear(); err != nil {
		return err
	}
	return a.judge(m, dir, flags.formats, nil)
}

// keepInputs is an error if a folder that is to be replaced holds what is merged.
func keepInputs(out string, files []shardFile) error {
	folder := resolved(out)
	for _, f := range files {
		if rel, err := filepath.Rel(folder, resolved(f.name)); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("--overwrite would remove %s, which is merged, from %s\n%s", f.name, out,
				hint("choose another folder with --out"))
		}
	}
	return nil
}

// resolved is a path without links, as far as it exists.
func resolved(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// shardFile is a measurement, and what errors call it.
type shardFile struct {
	name        string
	measurement *measure.Measurement
}

// readShards reads the measurements that can be read. The others are lost: their
// shards did not live to write them, or something happened to them since.
func readShards(paths []string) (files []shardFile, lost []measure.Lost) {
	for _, name := range shardFiles(paths) {
		m, _, err := readMeasurement(name)
		if err != nil {
			if broken := new(fs.PathError); errors.As(err, &broken) {
				err = fmt.Errorf("read it: %w", broken.Err)
			}
			why := fmt.Sprintf("%s: %v", name, err)
			if folder := filepath.Dir(name); exists(filepath.Join(folder, journalFile)) {
				why += fmt.Sprintf("; it was broken off: 'mfaload report %s' makes one of its journal, up to then", folder)
			}
			lost = append(lost, measure.Lost{Index: -1, Why: why})
			continue
		}
		files = append(files, shardFile{name, m})
	}
	slices.SortFunc(lost, measure.CompareLost)
	return files, lost
}

// shardFiles are the measurements that paths stand for. A folder without one may
// hold results folders: then each of them ought to have one.
func shardFiles(paths []string) (files []string) {
	for _, path := range paths {
		info, err := os.Stat(path)
		file := filepath.Join(path, measurementFile)
		below, globErr := filepath.Glob(filepath.Join(globQuote(path), "*", measurementFile))
		switch {
		case err != nil || !info.IsDir():
			files = append(files, path)
		case exists(file) || globErr != nil || len(below) == 0:
			files = append(files, file)
		default:
			folders, _ := filepath.Glob(filepath.Join(globQuote(path), "*"))
			for _, f := range folders {
				if info, err := os.Stat(f); err == nil && info.IsDir() {
					files = append(files, filepath.Join(f, measurementFile))
				}
			}
		}
	}
	return files
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func reasons(lost []measure.Lost) (texts []string) {
	for _, l := range lost {
		texts = append(texts, l.Why)
	}
	return texts
}

// mergeFiles names the files that can't be merged.
func mergeFiles(files []shardFile) (*measure.Measurement, error) {
	var all []*measure.Measurement
	for _, f := range files {
		all = append(all, f.measurement)
	}
	m, err := measure.Merge(all)
	var misfits *measure.MergeError
	if !errors.As(err, &misfits) {
		return m, err
	}
	texts := []string{}
	for _, misfit := range misfits.Misfits {
		text := files[misfit.Measurement].name + ": " + misfit.Why
		if misfit.Twin >= 0 {
			text += ", also in " + files[misfit.Twin].name
		}
		texts = append(texts, text)
	}
	return nil, fmt.Errorf("these can't be merged, and nothing was\n%s", hint("%s", strings.Join(append(texts,
		"name the files of one run, each shard once; two machines that were the same shard sent more than the scenario says: repeat the run"), "\n")))
}
