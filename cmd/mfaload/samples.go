package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mfaload/session"
	"mfaload/session/samples"
)

// samplesFlags say whether a run keeps each of its requests.
type samplesFlags struct {
	file        string
	keep, users bool
}

func (f *samplesFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "samples", "",
		"write each request as a row to FILE, which ends in .csv or .ndjson, or in .gz after that")
	c.Flags().BoolVar(&f.keep, "keep-samples", false,
		"keep the journal in the results folder, so that 'mfaload samples' can write the rows later")
	c.Flags().BoolVar(&f.users, "users", false,
		"show the IDs of users in samples, instead of a hash of each")
}

func (f *samplesFlags) check(several bool) error {
	switch wanted := f.file != "" || f.keep; {
	case f.users && !wanted:
		return errors.New("--users needs --samples or --keep-samples")
	case wanted && several:
		return errors.New("--samples and --keep-samples are for one process and one target: run the shards " +
			"with --shard, and give their folders to 'mfaload samples'")
	case f.file == "":
		return nil
	}
	_, err := samples.FormatOf(f.file)
	return sampleFlag(err)
}

func sampleFlag(err error) error {
	if err != nil {
		return fmt.Errorf("--samples %w", err)
	}
	return nil
}

// names is how the journal knows users; nil if it tells of none.
func (f *samplesFlags) names() func(string) string {
	switch {
	case f.file == "" && !f.keep:
		return nil
	case f.users:
		return func(id string) string { return id }
	}
	return samples.HashUser
}

// write writes the samples of a run that is over, before its journal is removed.
func (f *samplesFlags) write(dir *session.Folder) error {
	dir.KeepJournal = f.keep
	if f.file == "" {
		return nil
	}
	format, err := samples.FormatOf(f.file)
	if err == nil {
		err = format.WriteFile(f.file, dir.Journal())
	}
	if err != nil {
		dir.KeepJournal = true
		return fmt.Errorf("write the samples: %w\n%s", err,
			hint("the journal is kept: 'mfaload samples --file FILE %s' writes them", dir.Path()))
	}
	return nil
}

func newSamples(a *app) *cobra.Command {
	var out, form string
	c := &cobra.Command{
		Use:   "samples DIR...",
		Short: "Write each request of a run as a row of CSV or NDJSON",
		Long: `Write each request that a run sent as a row: when it was due, sent and received,
how it ended, which rules its response broke, its connection, and the IDs that the
service knows it by. Each DIR is the results folder of a run with --keep-samples, or
of one that was interrupted before its results were written. The rows of several
folders, those of shards for example, follow one another.

'mfaload run --samples FILE' writes the same when the run ends.`,
		Example: `  mfaload samples --file friday.csv.gz results/friday
  mfaload samples --format ndjson shards/* | jq 'select(.outcome != "as expected")'`,
		ValidArgsFunction: resultFolders,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("DIR")(c, args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			name := out
			if out == "" {
				name = "stdout." + form
			}
			format, err := samples.FormatOf(name)
			if err != nil {
				return usage(c, err)
			}
			var journals []string
			for _, dir := range args {
				file, err := session.FindJournal(dir)
				if err != nil {
					return err
				}
				journals = append(journals, file)
			}
			if out == "" {
				err = format.WriteAll(a.ui.Data, journals...)
			} else {
				err = format.WriteFile(out, journals...)
			}
			if incomplete := new(samples.Incomplete); errors.As(err, &incomplete) {
				a.ui.Tell("mfaload: %v\n", incomplete)
				return nil
			}
			return err
		},
	}
	c.Flags().StringVar(&out, "file", "", "file to write, which ends in .csv or .ndjson, or in .gz after "+
		"that (default: stdout)")
	c.Flags().StringVar(&form, "format", "csv", "what stdout gets: csv or ndjson")
	return c
}
