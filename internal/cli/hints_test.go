package cli_test

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"mfaload/internal/cli"
)

// verbs are a run with some of its flags, and a verb without them.
func verbs() (run, schema *cobra.Command) {
	root := &cobra.Command{Use: "mfaload"}
	run = &cobra.Command{Use: "run", RunE: func(*cobra.Command, []string) error { return nil }}
	for _, name := range []string{"out", "rate", "duration", "set", "overwrite", "label", "summary"} {
		run.Flags().String(name, "", "")
	}
	run.Flags().Bool("plan", false, "")
	schema = &cobra.Command{Use: "schema", RunE: run.RunE}
	schema.Flags().String("format", "", "")
	root.AddCommand(run, schema)
	return run, schema
}

// What other load tools call a flag leads to ours, as far as the verb has it.
func TestWrongFlagsLeadToRightOnes(t *testing.T) {
	run, schema := verbs()
	for flag, want := range map[string]string{
		"--output=x": "use --out DIR", "-o": "use --out DIR", "--rps=5": "use --rate 50/s",
		"--vus=3": "load.concurrency", "--users=3": "load.concurrency", "-c": "load.concurrency",
		"-n": "load.maxRequests", "-d": "use --duration", "--config=x": "mfaload run SCENARIO",
		"--dryrun": "use --plan", "--tag=a": "use --label", "--json": "use --summary json",
		"--overwrit": "did you mean --overwrite?", "--zzzzzzzz": "", "-Z": "",
	} {
		got := cli.FlagError(run, run.ParseFlags([]string{flag}))
		if got == nil || !strings.Contains(got.Error(), "there is no flag -") ||
			!strings.Contains(got.Error(), want) || want == "" && strings.Contains(got.Error(), "\n") {
			t.Errorf("%s: %v, want %q", flag, got, want)
		}
	}
	for _, flag := range []string{"--rps=5", "--users=3", "-o"} {
		got := cli.FlagError(schema, schema.ParseFlags([]string{flag}))
		if strings.Contains(got.Error(), "\n") {
			t.Errorf("schema has none of these flags: %v", got)
		}
	}
	if got := cli.FlagError(run, run.ParseFlags([]string{"--plan=maybe"})); got != nil {
		t.Errorf("no unknown flag: %v", got)
	}
}

func TestWrongVerbsLeadToRightOnes(t *testing.T) {
	run, _ := verbs()
	run.Root().SuggestionsMinimumDistance = 2
	for word, want := range map[string]string{
		"attack": "'mfaload run'", "Bench": "'mfaload run'", "mock": "'mfaload simulate'", "schem": "schema",
		"hints.go": "'mfaload run hints.go'", ".": "'mfaload report .'",
	} {
		if got := cli.VerbError(run.Root(), word); !strings.Contains(got.Error(), "did you mean "+want) {
			t.Errorf("%s: %v, want %s", word, got, want)
		}
	}
	if got := cli.VerbError(run.Root(), "xyzzy"); got.Error() != `there is no command "xyzzy"` {
		t.Error(got)
	}
}
