package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mfaload/internal/cli"
	"mfaload/internal/text"
	"mfaload/live/console"
	"mfaload/report"
	"mfaload/scenario/form"
)

type app struct {
	env invocation
	ui  *console.Console
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "mfaload",
		Short: "Load and conformance testing for PingOne MFA device authentications",
		Long: `mfaload sends PingOne MFA "Initialize Device Authentication" requests on a
schedule, checks every response in full against the documented contract, and
judges what it measured against the thresholds of a scenario.

Exit codes:
  0  pass          1  fail: a threshold or the contract was broken
  2  usage         3  not started: target unreachable, no token
  4  inconclusive  130  interrupted; a report of what was measured is written

'mfaload init' writes a scenario to begin with.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		Version:       versionText(),
	}
	root.SetVersionTemplate(versionLine())
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, flagError(c, err)) })
	root.SetUsageFunc(func(c *cobra.Command) error {
		_, err := io.WriteString(c.OutOrStderr(), cli.Usage(c, a.ui.Width))
		return err
	})
	root.AddCommand(newRun(a), newCheck(a), newReport(a), newCompare(a), newCapacity(a), newMerge(a),
		newSamples(a), newDossier(a), newLedger(a), newCoordinate(a), newWorker(a), newK8s(a), newValidate(a),
		newInit(a), newSimulate(a), newUsers(a), newReplayFrom(a), newContract(a), newSchema(a),
		newVersion(a))
	root.AddCommand(newTopics()...)
	root.SetHelpCommand(newHelp())
	return root
}

// noCommand wants no arguments: what stands there is a command that there is not.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(c, cli.VerbError(c, args[0]))
}

func usage(c *cobra.Command, err error) error {
	return &exitError{exitUsage, fmt.Errorf("%w\n%s", err, hint("see '%s --help'", c.CommandPath()))}
}

var flagKinds = map[string]string{
	"int": "a whole number", "float64": "a number", "bool": "true or false", "duration": "a duration such " +
		"as 90s, 10m or 2h",
	"stringSlice": "a list separated by commas",
}

// flagError says in our words what the library of flags says in Go's.
func flagError(c *cobra.Command, err error) error {
	if instead := cli.FlagError(c, err); instead != nil {
		return instead
	}
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	kind := flagKinds[invalid.GetFlag().Value.Type()]
	switch {
	case kind == "":
		return err
	case errors.Is(invalid, strconv.ErrRange):
		return fmt.Errorf("--%s %.80q is out of range: write a smaller number", invalid.GetFlag().Name,
			invalid.GetValue())
	}
	return fmt.Errorf("--%s %.80q is not %s", invalid.GetFlag().Name, invalid.GetValue(), kind)
}

// exactly wants so many arguments, and names them where they are missing.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(c, fmt.Errorf("%s is missing", strings.Join(names[len(args):], " and ")))
		case len(args) > len(names):
			return usage(c, fmt.Errorf("unexpected argument %q", args[len(names)]))
		}
		return nil
	}
}

// atMostOne takes no argument, or one.
func atMostOne(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exactly("FILE")(c, args)
}

// invocation is what the command line gets from the system.
type invocation struct {
	args     []string
	in       io.Reader // users, where a scenario has them come that way
	out, err io.Writer
	lookup   func(string) (string, bool)
	leave    func(code int) // leaves at once, on a second signal
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, env invocation) int {
	a := newApp(env)
	root := newRoot(a)
	root.SetArgs(env.args)
	root.SetOut(a.ui.Out)
	stderr, _ := a.ui.Stderr()
	root.SetErr(stderr)
	return a.end(root.ExecuteContext(ctx))
}

func newApp(env invocation) *app {
	return &app{env: env, ui: console.New(env.out, env.err, env.lookup)}
}

// Exit codes, as documented.
const (
	exitPass         = 0
	exitFail         = 1
	exitUsage        = 2
	exitNotStarted   = 3
	exitInconclusive = 4
	exitInterrupted  = 130
)

var verdictCodes = map[report.Verdict]int{
	report.Pass: exitPass, report.Fail: exitFail,
	report.Inconclusive: exitInconclusive, report.Interrupted: exitInterrupted,
}

// exitError is an error with an exit code. Its err is nil where all was said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func (a *app) exitCode(err error) int {
	var problems form.Problems
	var exit *exitError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &problems):
		// They name their places themselves, in the form that editors read.
		a.ui.Tell("%v\n", problems)
		return exitUsage
	case errors.As(err, &exit):
		if exit.err != nil {
			a.ui.Tell("mfaload: %v\n", console.Advised(exit.err))
		}
		return exit.code
	default:
		a.ui.Tell("mfaload: %v\n", console.Advised(err))
		return exitUsage
	}
}

// interruptible is [console.Console.Interruptible] with the exit code of a second signal.
func (a *app) interruptible(ctx context.Context, kept func() string) (context.Context, func()) {
	return a.ui.Interruptible(ctx, kept, func() { a.env.leave(exitInterrupted) })
}

// nothingKept is what a second signal leaves of a verb that writes nothing.
func nothingKept() string { return "nothing is kept" }

// end says what is left to say and returns the exit code. An error waits for its
// reader, progress does not.
func (a *app) end(err error) (code int) {
	if failed := a.ui.Failed(); err == nil && failed != nil {
		err = fmt.Errorf("write to the standard output: %w", failed)
	}
	code = a.exitCode(err)
	patience := time.Second
	var exit *exitError
	if err != nil && !(errors.As(err, &exit) && exit.err == nil) {
		patience = 0
	}
	a.ui.Flush(patience)
	return code
}

// hint is the line below an error that says what to do.
func hint(format string, args ...any) string { return text.Hint(format, args...) }

// topics are the texts of 'mfaload help TOPIC': a line that says what it is
// about, then the text.
//
//go:embed help/*.txt
var topics embed.FS

// newTopics returns a command for each topic: cobra lists one that can't be run
// as a further help topic.
func newTopics() []*cobra.Command {
	files, err := topics.ReadDir("help")
	if err != nil {
		panic("mfaload: the help topics are not embedded: " + err.Error())
	}
	all := make([]*cobra.Command, 0, len(files))
	for _, f := range files {
		text, err := topics.ReadFile(path.Join("help", f.Name()))
		if err != nil {
			panic("mfaload: " + err.Error())
		}
		about, long, _ := strings.Cut(string(text), "\n")
		all = append(all, &cobra.Command{Use: strings.TrimSuffix(f.Name(), ".txt"), Short: about,
			Long: strings.TrimSpace(long)})
	}
	return all
}

// newHelp is cobra's command, but a topic that is not there is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC]",
		Short: "Explain a command or a topic",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (found []string,
			_ cobra.ShellCompDirective) {
			if at, _, err := c.Root().Find(args); err == nil {
				for _, sub := range at.Commands() {
					if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
						found = append(found, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return found, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			at, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return &exitError{exitUsage, fmt.Errorf("no command and no help topic is called %q\n%s",
					strings.Join(args, " "), hint("'mfaload help' lists them"))}
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}

func scenarioFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

func resultFolders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func formats(c *cobra.Command, values ...string) {
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(values,
		cobra.ShellCompDirectiveNoFileComp))
}

// version is set when a release is linked.
var version = ""

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func versionLine() string {
	return fmt.Sprintf("mfaload %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.ui.Out, versionLine())
			return err
		},
	}
}
