package main

import (
	"errors"

	"github.com/spf13/cobra"

	"mfaload/session"
	"mfaload/session/samples"
)

// samplesFlags say whether a run keeps each of its requests.
type samplesFlags struct{ samples.Keeping }

func (f *samplesFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.File, "samples", "",
		"write each request as a row to FILE, which ends in .csv or .ndjson, or in .gz after that")
	f.addKeep(c)
}

// addKeep adds the flags of who only keeps the journal.
func (f *samplesFlags) addKeep(c *cobra.Command) {
	c.Flags().BoolVar(&f.Journal, "keep-samples", false,
		"keep the journal in the results folder, so that 'mfaload samples' can write the rows later")
	c.Flags().BoolVar(&f.Users, "users", false,
		"show the IDs of users in samples, instead of a hash of each")
}

func newSamples(a *app) *cobra.Command {
	var out, form string
	c := &cobra.Command{
		Use:   "samples DIR...",
		Short: "Write each request of a run as a row of CSV or NDJSON",
		Long: `Write each request that a run sent as a row: when it was due, sent and received,
how it ended, which rules its response broke, its connection, and the IDs that the
service knows it by. Each DIR is the results folder of a run with --keep-samples, or
of one that was interrupted before its results were written. A folder of 'run
--shards', and one that holds results folders, stands for all of its shards. The
rows of several folders are merged by the time at which each request was due.

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
				files, err := session.FindJournals(dir)
				if err != nil {
					return err
				}
				journals = append(journals, files...)
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
