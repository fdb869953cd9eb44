package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfaload/measure"
	"mfaload/scenario"
	"mfaload/session"
	"mfaload/session/shards"
)

type mergeFlags struct {
	expect    int
	tolerate  string
	out       string
	overwrite bool
	formats   session.Formats
	labels    labelFlags
	summary   summaryFlags
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

The result has the labels that all shards share, and those of --label.

A shard that is missing, and a file that is damaged, make the run inconclusive
(4): a report of the others is written, and names them. With --tolerate-lost so
many are left out of the verdict, and the report says that it is degraded. A
duplicate shard, and a file of another run, scenario or version, are
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
			if err == nil {
				err = flags.labels.parse(a.env.lookup)
			}
			if err == nil {
				err = flags.summary.check()
			}
			if err != nil {
				return usage(c, err)
			}
			return a.merge(args, flags, tolerated)
		},
	}
	c.Flags().IntVar(&flags.expect, "expect", 0,
		"the number of shards that the run had (default: what the files say)")
	c.Flags().StringVar(&flags.tolerate, "tolerate-lost", "",
		"the share of shards that may be lost, such as 5%")
	c.Flags().StringVar(&flags.out, "out", "", "results folder (default results/{name}-{start})")
	c.Flags().BoolVar(&flags.overwrite, "overwrite", false,
		"replace the results that the folder of --out holds")
	addFormats(c, &flags.formats)
	flags.labels.add(c)
	flags.summary.add(c)
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
	files, lost := session.ReadShards(paths)
	if len(files) == 0 {
		return fmt.Errorf("there is nothing to merge\n%s",
			hint("%s\nname the results folders of the shards, or a folder that holds them",
				strings.Join(reasons(lost), "\n")))
	}
	if flags.overwrite && flags.out != "" {
		if err := shards.KeepInputs(flags.out, files); err != nil {
			return err
		}
	}
	m, err := shards.Merge(files)
	if err != nil {
		return err
	}
	switch missing := m.Merged.Missing(); {
	case flags.expect > 0 && flags.expect != m.Merged.Count:
		return fmt.Errorf("--expect %d, but the run %s had %d shards\n%s", flags.expect, m.Merged.Run,
			m.Merged.Count, hint("name the files of the run that you mean"))
	case len(missing) == 0 && len(lost) > 0:
		return fmt.Errorf("all %d shards are there, and something else too\n%s", m.Merged.Count,
			hint("%s", strings.Join(append(reasons(lost), "leave it out"), "\n")))
	}
	m.Merged.Lost, m.Merged.TolerateLost = lost, tolerated
	m.Labels = m.Labels.With(flags.labels.labels)
	if err := m.Labels.Check(); err != nil {
		return fmt.Errorf("the labels that the shards share, and those of --label: %w", err)
	}
	p := runShare{startAt: m.Started}
	dir, err := session.NewFolder(p.folder(m.Scenario), flags.out, flags.overwrite)
	if err != nil {
		return err
	}
	defer dir.Unlock()
	if err := dir.Clear(); err != nil {
		return err
	}
	return a.judge(m, dir, flags.formats, nil, &flags.summary)
}

func reasons(lost []measure.LostShard) (texts []string) {
	for _, l := range lost {
		texts = append(texts, l.Why)
	}
	return texts
}

func newReport(a *app) *cobra.Command {
	var formats session.Formats
	var show summaryFlags
	var out string
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "Render the results of a run again",
		Long: `Render the results of a run again: read report.json and measurement.json.gz of a
results folder, print the summary, and write the other files again. The same results
give the same bytes, on any machine. The run is not judged again: the verdict is
the one that report.json holds, and the exit code is 0 whatever it is.

Of a run that was killed, or ended by a power cut, the results are rebuilt from its
journal, up to its last second. Such a run is judged now: it is interrupted, and the
exit code is 130; when its schedule had come to its end, or the scenario had ended it,
the exit code is that of its verdict (0, 1 or 4).`,
		Example: `  mfaload report results/friday
  mfaload report --csv --hgrm --out /tmp/friday results/friday`,
		Args: exactly("DIR"), ValidArgsFunction: resultFolders,
		RunE: func(c *cobra.Command, args []string) error {
			if err := show.check(); err != nil {
				return usage(c, err)
			}
			return a.render(args[0], out, formats, &show)
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder for the files (default DIR)")
	addFormats(c, &formats)
	show.add(c)
	return c
}

func (a *app) render(path, out string, formats session.Formats, show *summaryFlags) error {
	dir := session.OpenFolder(path)
	if err := dir.LockToRender(); err != nil {
		return err
	}
	defer dir.Unlock()
	unfinished, err := dir.Unfinished()
	if err != nil {
		return err
	}
	if out != "" {
		if dir, err = session.RenderInto(path, out); err != nil {
			return err
		}
		defer dir.Unlock()
	}
	if unfinished != nil {
		return a.judge(unfinished, dir, formats, nil, show)
	}
	r, m, err := session.ReadResults(path)
	if err != nil {
		return err
	}
	if err := dir.Render(r, m, formats); err != nil {
		return fmt.Errorf("%w\n%s", err, hint("choose another folder with --out"))
	}
	if err := show.summary(a).Write(r, dir, nil, true); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	show.openPage(a, dir)
	return nil
}

func addFormats(c *cobra.Command, f *session.Formats) {
	c.Flags().BoolVar(&f.CSV, "csv", false, "write series.csv too: the run second by second")
	c.Flags().BoolVar(&f.HGRM, "hgrm", false,
		"write percentile distributions too: response.hgrm, service.hgrm, and those of each group")
}
