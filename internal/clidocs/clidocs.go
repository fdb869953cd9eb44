// Package clidocs writes what is made from the command line itself: docs/cli.md, man pages, and
// completion scripts. It is not linked into the program that users get.
package clidocs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"mfaload/internal/cli"
	"mfaload/internal/disk"
)

// Generate writes what the arguments name: "reference", to stdout, "man DIR" or "completion DIR".
func Generate(root *cobra.Command, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "reference":
		return reference(os.Stdout, root)
	case len(args) == 2 && args[0] == "man":
		return manPages(args[1], root)
	case len(args) == 2 && args[0] == "completion":
		return completions(args[1], root)
	}
	return fmt.Errorf("usage: reference | man DIR | completion DIR")
}

func reference(w io.Writer, root *cobra.Command) error {
	var b bytes.Buffer
	b.WriteString("# Command line\n\nMade from the program itself by `make docs`; `mfaload help COMMAND` " +
		"shows the same.\n\n")
	root.InitDefaultCompletionCmd()
	for _, c := range commands(root) {
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"),
			c.Short)
	}
	for _, c := range commands(root) {
		c.InitDefaultHelpFlag()
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s\n", c.CommandPath(), strings.TrimSpace(c.Long))
		if c.Runnable() {
			fmt.Fprintf(&b, "\n%s", c.UsageString())
		}
		b.WriteString("```\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// commands are the root's, in order: those that can be run, then the topics.
func commands(root *cobra.Command) (all []*cobra.Command) {
	var last []*cobra.Command
	for _, c := range root.Commands() {
		switch {
		case c.IsAvailableCommand() && c.Name() != "completion":
			all = append(all, c)
		case c.IsAdditionalHelpTopicCommand():
			last = append(last, c)
		}
	}
	return append(all, last...)
}

// manPages writes what cobra makes of the commands, and a page for each topic,
// which cobra leaves out.
func manPages(dir string, root *cobra.Command) error {
	root.DisableAutoGenTag = true
	verbatim(root)
	for _, c := range root.Commands() {
		verbatim(c)
	}
	header := doc.GenManHeader{Section: "1", Source: "mfaload", Manual: "mfaload"}
	if err := doc.GenManTree(root, &header, dir); err != nil {
		return err
	}
	for _, c := range append(commands(root), root) {
		if c.Runnable() {
			if err := fixOptions(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"), c,
				root); err != nil {
				return err
			}
			continue
		}
		if err := disk.Replace(filepath.Join(dir, "mfaload-"+c.Name()+".7"), topicPage(c),
			0o644); err != nil {
			return err
		}
	}
	return nil
}

// verbatim keeps the lines of what is indented in a command's description:
// cobra takes it for Markdown, in which an empty line and four spaces do that.
func verbatim(c *cobra.Command) {
	c.Long = regexp.MustCompile(`(?m)^(\S.*)\n( {2,})`).ReplaceAllString(c.Long, "$1\n\n$2")
	c.Long = regexp.MustCompile("(?m)^ {2,}").ReplaceAllString(c.Long, "    $0")
}

// fixOptions writes the options of a page the way pages have them: cobra gives each
// the value that it has when it is left out, an empty one too. The first page
// refers to the topics as well, and the others to it.
func fixOptions(file string, c, root *cobra.Command) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), ".SH OPTIONS\n")
	_, after, _ := strings.Cut(rest, "\n.SH ")
	if !found || after == "" {
		return fmt.Errorf("%s: no options, or nothing after them", file)
	}
	page := before + ".SH OPTIONS\n" + options(c) + "\n.SH " + strings.TrimRight(after, "\n")
	if c == root {
		for _, topic := range commands(root) {
			if !topic.Runnable() {
				page += `, \fBmfaload-` + topic.Name() + `(7)\fP`
			}
		}
	}
	return disk.Replace(file, []byte(page+"\n"), 0o644)
}

func options(c *cobra.Command) string {
	var b strings.Builder
	for _, g := range cli.Groups(c) {
		fmt.Fprintf(&b, ".SS %s\n", g.Title)
		for _, f := range g.Flags {
			option(&b, f)
		}
	}
	return b.String()
}

func option(b *strings.Builder, f *pflag.Flag) {
	plain := strings.NewReplacer(`\`, `\e`, "-", `\-`)
	value, usage := pflag.UnquoteUsage(f)
	b.WriteString(".TP\n")
	if f.Shorthand != "" {
		fmt.Fprintf(b, `\fB\-%s\fP, `, f.Shorthand)
	}
	fmt.Fprintf(b, `\fB\-\-%s\fP`, plain.Replace(f.Name))
	if value != "" {
		fmt.Fprintf(b, ` \fI%s\fP`, plain.Replace(value))
	}
	if !slices.Contains([]string{"", "false", "0", "[]", "0s"}, f.DefValue) {
		usage += " (default " + f.DefValue + ")"
	}
	fmt.Fprintf(b, "\n\\&%s\n", plain.Replace(usage))
}

// topicPage is a topic's text as it is, in the language of man pages.
func topicPage(c *cobra.Command) []byte {
	text := strings.ReplaceAll(c.Long, `\`, `\e`)
	text = regexp.MustCompile(`(?m)^[.']`).ReplaceAllString(text, `\&$0`)
	text = strings.ReplaceAll(text, "-", `\-`)
	return fmt.Appendf(nil, ".TH MFALOAD-%s 7 \"\" mfaload mfaload\n.SH NAME\nmfaload\\-%s \\- %s\n.SH "+
		"DESCRIPTION\n.nf\n%s\n.fi\n",
		strings.ToUpper(c.Name()), c.Name(), c.Short, text)
}

func completions(dir string, root *cobra.Command) error {
	for name, write := range map[string]func(string) error{
		"mfaload.bash": func(f string) error { return root.GenBashCompletionFileV2(f, true) },
		"_mfaload":     root.GenZshCompletionFile,
		"mfaload.fish": func(f string) error { return root.GenFishCompletionFile(f, true) },
		"mfaload.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
