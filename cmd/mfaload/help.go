package main

import (
	"embed"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"
)

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

// newHelp is cobra's command of the same name, but a topic that is not there is
// an error.
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

// scenarioFiles completes the name of a scenario.
func scenarioFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// resultFolders completes the name of a folder.
func resultFolders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// formats completes the values of the flag --format, which c has.
func formats(c *cobra.Command, values ...string) {
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(values,
		cobra.ShellCompDirectiveNoFileComp))
}
