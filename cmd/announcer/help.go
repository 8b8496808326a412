package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
	"announcer/internal/layout"
)

// helpName is the name of the command that every --help stands for.
const helpName = "help"

func helpCommand() *cli.Command {
	return command(cli.Command{
		Name:      helpName,
		Usage:     "show what a command does, with its flags",
		UsageText: "announcer help [COMMAND]",
		Action:    help,
	})
}

func help(c *cli.Context) error {
	page := helpPage{columns: helpColumns(c.App.Writer)}
	if names := c.Args().Slice(); len(names) == 0 {
		page.ofApp(c.App)
	} else {
		cmd, err := commandNamed(c.App, names)
		if err != nil {
			return err
		}
		page.ofCommand(cmd, c.App.Name+" "+strings.Join(names, " "))
	}
	_, err := fmt.Fprint(c.App.Writer, page.String())
	return err
}

// commandNamed returns the command that the names lead to, each a subcommand of the one before.
func commandNamed(app *cli.App, names []string) (cmd *cli.Command, err error) {
	commands := app.Commands
	for i, name := range names {
		found := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == name })
		if found < 0 {
			return nil, usagef("help: %q is not a command%s (see announcer --help)", strings.Join(names[:i+1], " "), diag.DidYouMean(name, namesOf(commands)))
		}
		cmd = commands[found]
		commands = cmd.Subcommands
	}
	return cmd, nil
}

const (
	helpIndent  = 3
	widestWord  = 26 // of the flags and commands; a wider one has its text below
	usualWidth  = 80
	leastWidth  = 40
	widestLines = 100 // longer ones are hard to read
)

// helpColumns returns the width of help: that of the terminal, within limits.
func helpColumns(w io.Writer) int {
	columns := columnsOf(w)
	if columns == 0 {
		return usualWidth
	}
	return min(max(columns, leastWidth), widestLines)
}

// helpPage is help as it is written, section by section.
type helpPage struct {
	strings.Builder
	columns int
}

func (p *helpPage) ofApp(app *cli.App) {
	p.section("NAME", app.Name+" - "+app.Usage)
	p.usage(app.Name + " COMMAND [FLAG]... [ARGUMENT]...")
	p.commands(app.Commands)
	p.items("FLAGS", []item{
		{"-h, --help", "show this help, or behind a command that of the command"},
		{"-v, -V, --version", "print the version"},
	})
}

func (p *helpPage) ofCommand(cmd *cli.Command, name string) {
	p.section("NAME", name+" - "+cmd.Usage)
	p.usage(cmp.Or(cmd.UsageText, name))
	if cmd.Description != "" {
		p.section("DESCRIPTION", cmd.Description)
	}
	p.commands(cmd.Subcommands)
	var flags []item
	for _, f := range cmd.VisibleFlags() {
		flags = append(flags, item{flagWord(f), flagText(f)})
	}
	p.items("FLAGS", append(flags, item{"-h, --help", "show this help"}))
}

func (p *helpPage) commands(commands []*cli.Command) {
	var shown []item
	for _, c := range commands {
		if !c.Hidden {
			shown = append(shown, item{c.Name, c.Usage})
		}
	}
	p.items("COMMANDS", shown)
}

func (p *helpPage) heading(text string) {
	if p.Len() > 0 {
		p.WriteString("\n")
	}
	p.WriteString(text + ":\n")
}

func (p *helpPage) section(heading, text string) {
	p.heading(heading)
	for _, line := range layout.Wrap(text, p.columns-helpIndent) {
		p.WriteString(strings.Repeat(" ", helpIndent) + line + "\n")
	}
}

// usage writes ways to call a command. Their second lines hang, so that it is seen where the next one begins.
func (p *helpPage) usage(text string) {
	p.heading("USAGE")
	for way := range strings.Lines(text) {
		for i, line := range layout.Wrap(way, p.columns-2*helpIndent) {
			indent := helpIndent * min(i+1, 2)
			p.WriteString(strings.Repeat(" ", indent) + line + "\n")
		}
	}
}

// item is a flag or a command with what it means.
type item struct{ word, text string }

// items writes a list, with the texts in a column, if there are any.
func (p *helpPage) items(heading string, all []item) {
	if len(all) == 0 {
		return
	}
	p.heading(heading)
	indent := 0
	for _, t := range all {
		indent = max(indent, helpIndent+min(len(t.word), widestWord)+2)
	}
	if p.columns < usualWidth { // too narrow for two columns
		indent = 2*helpIndent + 2
	}
	for _, t := range all {
		p.item(t, indent)
	}
}

// item writes an item, with its text from the column indent on.
func (p *helpPage) item(t item, indent int) {
	p.WriteString(strings.Repeat(" ", helpIndent) + t.word)
	at := helpIndent + len(t.word)
	if at+2 > indent {
		p.WriteString("\n")
		at = 0
	}
	for _, line := range layout.Wrap(t.text, p.columns-indent) {
		p.WriteString(strings.Repeat(" ", indent-at) + line + "\n")
		at = 0
	}
}

// flagWord returns a flag as it is typed: "-i, --interface GLOB".
func flagWord(f cli.Flag) string {
	words := []string{}
	for _, name := range f.Names()[1:] {
		words = append(words, "-"+name)
	}
	word := strings.Join(append(words, "--"+f.Names()[0]), ", ")
	if takesValue(f) {
		word += " " + valueName(f)
	}
	return word
}

// flagText returns what a flag does, with its default unless the text has one.
func flagText(f cli.Flag) string {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	text := strings.ReplaceAll(doc.GetUsage(), "`", "")
	if preset := defaultOf(f); preset != "" && !strings.Contains(text, "(default:") {
		text += " (default: " + preset + ")"
	}
	return text
}

// defaultOf returns the default of a flag for people, "" if it has none.
func defaultOf(f cli.Flag) string {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok || !takesValue(f) {
		return ""
	}
	text := strings.Trim(doc.GetDefaultText(), `"`)
	if text == "0" || text == "0s" {
		return ""
	}
	return text
}
