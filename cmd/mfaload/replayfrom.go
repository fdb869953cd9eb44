package main

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"mfaload/session/accesslog"
	"mfaload/session/samples"
)

func newReplayFrom(a *app) *cobra.Command {
	var out, paths string
	log := accesslog.Conversion{Stdin: a.env.in}
	c := &cobra.Command{
		Use:   "replay-from FILE",
		Short: "Turn an access log into a recording that load.replay sends again",
		Long: `Turn an access log into a recording, whose rows load.replay sends again. FILE has
the common or the combined log format of Apache and nginx, or a JSON object a line,
also with gzip; - is the standard input. Each POST to /deviceAuthentications becomes
a row with its time, in UTC, to the fraction of a second that the log has.

Nothing personal is kept: no address, agent, path, query or user of the log. The users
of --users-file replace those of the log, each user by the same one every time. Without
it, rows have no user, and each takes the next one of its group.`,
		Example: `  mfaload replay-from --file monday.csv.gz access.log.gz
  zcat -f access.log.2.gz access.log.1 | mfaload replay-from --file monday.csv -
  mfaload replay-from --time-field ts --time-unit s --path-field request.uri \
    --method-field request.method --user-field user_id --users-file users.csv \
    --file monday.csv caddy.log`,
		Args: exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			log.Log = args[0]
			if log.Path, err = regexp.Compile(paths); err != nil {
				return usage(c, fmt.Errorf("--path: %w", err))
			}
			if log.TimeUnit != "" && log.TimeUnit != "s" && log.TimeUnit != "ms" {
				return usage(c, fmt.Errorf("--time-unit %q is neither s nor ms", log.TimeUnit))
			}
			var tally *accesslog.LogTally
			if out == "" {
				tally, err = log.Write(a.ui.Data, false)
			} else if _, err = samples.FormatOf(out); err != nil {
				return usage(c, fmt.Errorf("--file %w", err))
			} else {
				tally, err = log.WriteFile(out)
			}
			if err == nil {
				a.ui.Tell("%s", tally.Text())
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&out, "file", "", "file to write, which ends in .csv or .ndjson, or in .gz after "+
		"that (default: stdout, as CSV)")
	f.StringVar(&paths, "path", "/deviceAuthentications$", "regular expression of the paths to take, "+
		"without their queries")
	f.StringVar(&log.TimeField, "time-field", "time", "JSON member of the time; a dot leads into an object, "+
		"as in request.time")
	f.StringVar(&log.TimeUnit, "time-unit", "", "what times count that are numbers since 1970: s or ms")
	f.StringVar(&log.UserField, "user-field", "", "JSON member of the user (default: none)")
	f.StringVar(&log.PathField, "path-field", "path", "JSON member of the path, the URL or the whole "+
		"request line")
	f.StringVar(&log.MethodField, "method-field", "method", `JSON member of the method; "" if the log has `+
		"none and all requests are POST")
	f.StringVar(&log.UsersFile, "users-file", "", "file of users who replace those of the log, as a "+
		"scenario takes it")
	return c
}
