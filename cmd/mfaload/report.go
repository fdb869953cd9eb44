package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"mfaload/report/render"
	"mfaload/session"
)

func newReport(a *app) *cobra.Command {
	var formats session.Formats
	var out string
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "Render the results of a run again",
		Long: `Render the results of a run again: read report.json and measurement.json.gz of a
results folder, print the summary, and write the other files anew. The same results
give the same bytes, on any machine. The run is not judged again: the verdict is
the one that report.json holds, and the exit code is 0 whatever it is.

Of a run that was killed, or ended by a power cut, the results are rebuilt from its
journal, up to its last second. Such a run is judged now: it is interrupted, and the
exit code is 130; when its schedule had come to its end, or the scenario had ended it,
the exit code is that of its verdict (0, 1 or 4).`,
		Example: `  mfaload report results/friday
  mfaload report --csv --hgrm --out /tmp/friday results/friday`,
		Args: exactly("DIR"), ValidArgsFunction: resultFolders,
		RunE: func(_ *cobra.Command, args []string) error { return a.render(args[0], out, formats) },
	}
	c.Flags().StringVar(&out, "out", "", "folder for the files (default DIR)")
	addFormats(c, &formats)
	return c
}

func (a *app) render(path, out string, formats session.Formats) error {
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
		return a.judge(unfinished, dir, formats, nil)
	}
	r, m, err := session.ReadResults(path)
	if err != nil {
		return err
	}
	if err := dir.Render(r, m, formats); err != nil {
		return fmt.Errorf("%w\n%s", err, hint("choose another folder with --out"))
	}
	if err := (render.Terminal{Color: a.ui.Color, Width: a.ui.Width}).Write(a.ui.Out, r); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	fmt.Fprintf(a.ui.Out, "\nreport: %s\n", dir.Path())
	return nil
}

// addFormats adds the flags that ask for more files.
func addFormats(c *cobra.Command, f *session.Formats) {
	c.Flags().BoolVar(&f.CSV, "csv", false, "write series.csv too: the run second by second")
	c.Flags().BoolVar(&f.HGRM, "hgrm", false,
		"write percentile distributions too: response.hgrm, service.hgrm, and those of each group")
}
