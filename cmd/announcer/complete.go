package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/convert"
	"announcer/internal/dnsname"
	"announcer/internal/phones"
	"announcer/internal/preset"
	"announcer/internal/publication"
	"announcer/internal/restart"
	"announcer/internal/sip"
)

// completeName is the name of the command that the completion scripts call.
const completeName = "complete"

func completeCommand() *cli.Command {
	return command(cli.Command{
		Name:   completeName,
		Hidden: true,
		Action: func(c *cli.Context) error {
			for _, line := range complete(c.App, c.Args().Slice()).lines() {
				fmt.Fprintln(c.App.Writer, line)
			}
			return nil
		},
	})
}

// shellPart is what the shell itself adds to the words of a completion.
type shellPart string

const (
	noPart      shellPart = "nothing"
	files       shellPart = "files"
	directories shellPart = "directories"
	programs    shellPart = "programs"
)

// proposal is what may stand in place of a word.
type proposal struct {
	words []item
	part  shellPart
}

// lines returns what the scripts read: what the shell must add, then each word, with a tab and its explanation.
func (p proposal) lines() []string {
	lines := []string{string(p.part)}
	for _, w := range p.words {
		lines = append(lines, w.word+"\t"+w.text)
	}
	return lines
}

// kinds are the names of values in flags and arguments for which there is something to propose.
var kinds = map[string]func() proposal{
	"DIR":       func() proposal { return proposal{part: directories} },
	"DOMAIN":    func() proposal { return oneOf(dnsname.Local.String()) },
	"ENCODING":  func() proposal { return oneOf("text", "json") },
	"ENGINE":    func() proposal { return oneOf(publication.Engines()...) },
	"EVENT":     func() proposal { return oneOf(restart.Events()...) },
	"FILE":      func() proposal { return proposal{part: files} },
	"FORMAT":    func() proposal { return oneOf(convert.Formats()...) },
	"GLOB":      interfaces,
	"LEVEL":     func() proposal { return oneOf("debug", "info", "warn", "error") },
	"LIST":      func() proposal { return proposal{part: files} },
	"PATH":      func() proposal { return proposal{part: files} },
	"POLICY":    func() proposal { return oneOf(publication.PolicyWords()...) },
	"PRESET":    func() proposal { return oneOf(preset.Presets()...) },
	"PROTOCOL":  func() proposal { return oneOf("ipv4", "ipv6", "any") },
	"SERVER":    func() proposal { return oneOf(phones.DHCPServers()...) },
	"SHELL":     func() proposal { return oneOf(shells()...) },
	"TRANSPORT": func() proposal { return oneOf(sip.Transports()...) },
	"TYPE":      func() proposal { return oneOf(phoneType.String()) },
}

// oneOf proposes words.
func oneOf(words ...string) proposal {
	p := proposal{part: noPart}
	for _, w := range words {
		p.words = append(p.words, item{w, ""})
	}
	return p
}

// interfaces proposes those of this host.
func interfaces() proposal {
	all, err := net.Interfaces()
	if err != nil {
		return oneOf()
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	return oneOf(names...)
}

// valuesOf proposes values of a kind.
func valuesOf(kind string) proposal {
	if propose, ok := kinds[kind]; ok {
		return propose()
	}
	return oneOf()
}

// complete proposes what may stand in place of the last of the words, which follow the name of the program.
func complete(app *cli.App, words []string) proposal {
	if len(words) == 0 {
		return oneOf()
	}
	word := words[len(words)-1]
	before, behind, dashes := cutDashes(words[:len(words)-1])
	line := readLine(app, before)
	switch name, _, hasValue := strings.Cut(word, "="); {
	case dashes && line.runsCommand():
		return programOrFiles(behind)
	case dashes:
		line.args = append(line.args, behind...)
		return line.argument(app)
	case line.pending != nil:
		return valuesOf(valueName(line.pending))
	case isFlag(word) && hasValue:
		return flagValue(lookUpFlag(line.flags, word), name)
	case strings.HasPrefix(word, "-"):
		return line.flag()
	}
	return line.argument(app)
}

func programOrFiles(before []string) proposal {
	if len(before) == 0 {
		return proposal{part: programs}
	}
	return proposal{part: files}
}

// flagValue proposes values behind "--flag=".
func flagValue(f cli.Flag, name string) proposal {
	if !takesValue(f) {
		return oneOf()
	}
	p := valuesOf(valueName(f))
	for i := range p.words {
		p.words[i].word = name + "=" + p.words[i].word
	}
	return p
}

// typedLine is what stands in front of the word that is to be completed.
type typedLine struct {
	command *cli.Command // the innermost; nil if none is named yet
	choices []*cli.Command
	flags   []cli.Flag
	given   []cli.Flag
	pending cli.Flag // its value comes next
	args    []string
}

func readLine(app *cli.App, words []string) *typedLine {
	l := &typedLine{choices: app.Commands, flags: globalFlags()}
	for _, word := range words {
		l.read(word)
	}
	return l
}

func (l *typedLine) read(word string) {
	switch {
	case l.pending != nil:
		l.pending = nil
	case isFlag(word):
		f := lookUpFlag(l.flags, word)
		if f != nil {
			l.given = append(l.given, f)
		}
		if takesValue(f) && !strings.Contains(word, "=") {
			l.pending = f
		}
	case len(l.args) == 0 && slices.Contains(namesOf(l.choices), word):
		l.command = l.choices[slices.Index(namesOf(l.choices), word)]
		l.choices, l.flags = l.command.Subcommands, allFlags(l.command)
	default:
		l.args = append(l.args, word)
	}
}

func (l *typedLine) runsCommand() bool { return l.command != nil && l.command.Name == runsCommand }

// flag proposes flags: those that may be repeated, and those that are not given yet.
func (l *typedLine) flag() proposal {
	p := oneOf()
	for _, f := range l.flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		_, repeats := f.(*cli.StringSliceFlag)
		if repeats || lookUpFlag(l.given, f.Names()[0]) == nil {
			p.words = append(p.words, item{"--" + f.Names()[0], flagText(f)})
		}
	}
	p.words = append(p.words, item{"--help", "show help"})
	if l.command == nil {
		p.words = append(p.words, item{"--version", "print the version"})
	}
	return p
}

// argument proposes commands, or arguments of the one that is named.
func (l *typedLine) argument(app *cli.App) proposal {
	p := oneOf()
	if l.command != nil {
		p = l.value(app)
	}
	if len(l.args) > 0 {
		return p
	}
	for _, c := range l.choices {
		if !c.Hidden {
			p.words = append(p.words, item{c.Name, c.Usage})
		}
	}
	return p
}

// value proposes arguments by their kind: a command has one for each place, the last of which may be repeated.
func (l *typedLine) value(app *cli.App) proposal {
	if l.command.Name == helpName {
		return helpTopics(app, l.args)
	}
	all := strings.Fields(l.command.ArgsUsage)
	place := len(l.args)
	if n := len(all); n > 0 && place >= n && strings.HasSuffix(all[n-1], "...") {
		place = n - 1
	}
	if place >= len(all) {
		return oneOf()
	}
	return valuesOf(strings.TrimSuffix(all[place], "..."))
}

// helpTopics proposes the commands that help knows behind the names.
func helpTopics(app *cli.App, names []string) proposal {
	choices := app.Commands
	if cmd, err := commandNamed(app, names); err == nil && cmd != nil {
		choices = cmd.Subcommands
	} else if err != nil {
		return oneOf()
	}
	return (&typedLine{choices: choices}).argument(app)
}
