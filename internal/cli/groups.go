// Package cli groups the flags and verbs of the command line in its help, and leads wrong ones to the
// right ones.
package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mfaload/internal/text"
)

// FlagGroup are flags of a verb that belong together.
type FlagGroup struct {
	Title string
	Flags []*pflag.Flag
}

// flagGroups are all flags in the order in which help shows them, with what help calls their value. A
// name means the same for all verbs.
var flagGroups = []struct{ title, names string }{
	{"What to run", "target=SCENARIO set=KEY=VALUE group=NAME,... user=ID expect=STATUS,... owner-agreed " +
		"negative follow generate max-requests=NUMBER seed=NUMBER replay=FILE " +
		"against=SCENARIO alternate addr=HOST:PORT faults contract=FILE contract-overlay=FILE resume=DIR"},
	{"Load", "rate=RATE duration=TIME rate-factor=PERCENT max-rate=RATE budget=TIME target-rate=RATE " +
		"logins-per-day=NUMBER peak-factor=NUMBER soak=TIME soak-share=PERCENT"},
	{"Comparison", "baseline=PATH baseline-margin=FIGURE=PERCENT baseline-metrics=FIGURE,... " +
		"baseline-between=PERCENT baseline-rule=RULE baseline-allow-drift margin=FIGURE=PERCENT " +
		"metrics=FIGURE,... between=PERCENT rule=RULE allow-drift force against-history=DIR last=NUMBER all"},
	{"The log", "path=REGEXP time-field=NAME time-unit=UNIT user-field=NAME path-field=NAME " +
		"method-field=NAME users-file=FILE"},
	{"Output", "out=DIR overwrite summary=KIND verbose open quiet format=FORMAT json html=FILE csv hgrm " +
		"save-answers=NUMBER label=KEY=VALUE listen=HOST:PORT samples=FILE keep-samples users file=FILE " +
		"without=PART,... max-age=TIME peak=RATE"},
	{"Safety", "plan latency=TIME at=TIME yes host=HOST,... ledger=DIR prune=TIME"},
	{"Many machines", "shards=NUMBER tolerate-lost=PERCENT shard=SHARD start-at=TIME join-file=FILE " +
		"join-within=TIME start-within=TIME identity=FILE advertise=HOST:PORT,... nats=URL,... run=NAME " +
		"creds=FILE nkey=FILE nats-ca=FILE nats-cert=FILE nats-key=FILE"},
	{"Kubernetes", "image=IMAGE namespace=NAME cpu=QUANTITY memory=QUANTITY env-secret=NAME " +
		"creds-secret=NAME results-claim=NAME"},
	{"Help", "help version"},
}

// verbGroups are all verbs in the order in which help shows them.
var verbGroups = []struct{ title, names string }{
	{"Begin", "init validate simulate check users replay-from"},
	{"Load", "run capacity"},
	{"Results", "report compare samples dossier ledger"},
	{"Many machines", "coordinate worker merge k8s"},
	{"Reference", "help contract schema version completion"},
}

// named is a flag's value with what help calls it.
type named struct {
	pflag.Value
	name string
}

func (v named) Type() string { return v.name }

// String is empty for an empty list: that is no default to show.
func (v named) String() string { return strings.TrimPrefix(v.Value.String(), "[]") }

// Groups are the flags of a verb that are not hidden, by group.
func Groups(c *cobra.Command) (groups []FlagGroup) {
	c.InitDefaultHelpFlag()
	c.InitDefaultVersionFlag()
	left := map[string]*pflag.Flag{}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			left[f.Name] = f
		}
	})
	for _, g := range flagGroups {
		group := FlagGroup{Title: g.title}
		for field := range strings.FieldsSeq(g.names) {
			name, value, _ := strings.Cut(field, "=")
			if f := left[name]; f != nil {
				shown := *f
				if shown.DefValue == "[]" {
					shown.DefValue = ""
				}
				if value != "" && f.Value.Type() != "bool" {
					shown.Value = named{f.Value, value}
				}
				group.Flags = append(group.Flags, &shown)
			}
		}
		if len(group.Flags) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

// Usage is how a verb is used, in so many columns: its arguments, examples, verbs of its own, and its
// flags by group.
func Usage(c *cobra.Command, columns int) string {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND [flags]\n", c.CommandPath())
	} else {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	verbs(&b, c)
	for _, g := range Groups(c) {
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		for _, f := range g.Flags {
			set.AddFlag(f)
		}
		fmt.Fprintf(&b, "\n%s:\n%s\n", g.Title, strings.TrimRight(set.FlagUsagesWrapped(columns), " \n"))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n'%s help COMMAND' explains one of them.\n", c.CommandPath())
	}
	return b.String()
}

// verbs lists the verbs of a command by group, and its help topics.
func verbs(b *strings.Builder, c *cobra.Command) {
	if !c.HasAvailableSubCommands() {
		return
	}
	shown := func(title string, wanted func(*cobra.Command) bool) {
		var rows [][]string
		for _, sub := range c.Commands() {
			if wanted(sub) {
				rows = append(rows, []string{"  " + sub.Name(), sub.Short})
			}
		}
		if len(rows) > 0 {
			text.Align(rows, 0, 1)
			fmt.Fprintf(b, "\n%s:\n", title)
			for _, row := range rows {
				fmt.Fprintln(b, strings.Join(row, "  "))
			}
		}
	}
	listed := map[string]bool{}
	for _, g := range verbGroups {
		names := map[string]bool{}
		for name := range strings.FieldsSeq(g.names) {
			names[name], listed[name] = true, true
		}
		shown(g.title, func(sub *cobra.Command) bool {
			return names[sub.Name()] && (sub.IsAvailableCommand() || sub.Name() == "help")
		})
	}
	shown("Other", func(sub *cobra.Command) bool { return sub.IsAvailableCommand() && !listed[sub.Name()] })
	shown("Help topics", (*cobra.Command).IsAdditionalHelpTopicCommand)
}
