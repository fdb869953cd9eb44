package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"mfaload/report"
)

func newReport(a *app) *cobra.Command {
	var formats formatFlags
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
	formats.add(c)
	return c
}

func (a *app) render(path, out string, formats formatFlags) error {
	dir := &results{path: path}
	if err := dir.lockToRender(); err != nil {
		return err
	}
	defer dir.unlock()
	unfinished, err := dir.unfinished()
	if err != nil {
		return err
	}
	if out != "" {
		if dir, err = renderInto(path, out); err != nil {
			return err
		}
		defer dir.unlock()
	}
	if unfinished != nil {
		return a.judge(unfinished, dir, formats, nil)
	}
	r, m, err := readResults(path)
	if err != nil {
		return err
	}
	if err := dir.render(r, m, formats); err != nil {
		return fmt.Errorf("%w\n%s", err, hint("choose another folder with --out"))
	}
	if err := (report.Terminal{Color: a.ui.color, Width: a.ui.width}).Write(a.ui.out, r); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	fmt.Fprintf(a.ui.out, "\nreport: %s\n", dir.path)
	return nil
}

// lockToRender keeps runs and other commands from writing to the folder meanwhile.
// Of one that is not there, who reads it says so.
func (r *results) lockToRender() (err error) {
	r.lock, err = lockFolder(r.path)
	switch {
	case errors.Is(err, errWriting):
		return fmt.Errorf("%w: nothing was made\n%s", err, hint("wait until that run ends: it writes all files itself"))
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// renderInto makes another folder for the files. It never mixes those of two
// runs.
func renderInto(path, out string) (*results, error) {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder: %w\n%s", err, hint("choose another one with --out"))
	}
	here, hereErr := os.Stat(path)
	there, thereErr := os.Stat(out)
	if err := errors.Join(hereErr, thereErr); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(out, reportFile)); err == nil && !os.SameFile(here, there) {
		return nil, fmt.Errorf("%s holds the report of another run\n%s", out, hint("choose another --out"))
	}
	dir := &results{path: out}
	if os.SameFile(here, there) {
		return dir, nil // its lock is held
	}
	return dir, dir.lockToRender()
}
