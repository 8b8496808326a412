package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
)

func manCommand() *cli.Command {
	return command(cli.Command{
		Name:        "man",
		UsageText:   "announcer man",
		Usage:       "print the manual page",
		Description: "Read it with: announcer man | man -l -",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			cli.MarkdownDocTemplate = strings.ReplaceAll(manTemplate, "DATE", buildDate())
			page, err := c.App.ToManWithSection(1)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.App.Writer, strings.ReplaceAll(page, `=""`, "")) // the library's sign that a flag has a value
			return err
		},
	})
}

// manTemplate is the manual page, as Markdown. What the library gives for each command begins with "## NAME".
const manTemplate = `% {{.App.Name}} {{.SectionNum}} DATE

# NAME

{{.App.Name}} - {{.App.Usage}}

# SYNOPSIS

**{{.App.Name}}** *COMMAND* [*FLAG*]... [*ARGUMENT*]...

# DESCRIPTION

Digium and Sangoma phones look for their server by multicast DNS. {{.App.Name}} answers them: it reads the *.service* files that
people have for Avahi, or TOML, and publishes the same records. It runs as a daemon (**{{.App.Name}}**(8)), for a while, or
while another command runs; and it shows what is on the network.

Flags may stand before or behind arguments. Every command has **--help**.

# COMMANDS
{{range .Commands}}
#{{.}}{{end}}

# EXIT STATUS

0
:   Done.

1
:   Failed.

2
:   Wrong usage.

3
:   A definition or the configuration is wrong.

4
:   There is no daemon to talk to.

5
:   The socket of the daemon is for other users: root, and the group that Group= of the unit sets.

64
:   Wrong usage of **run**.

# SEE ALSO

**announcer.toml**(5), **announcer-services**(5), **announcer**(8), **avahi.service**(5)
`

// buildDate is the day of the commit that the program was built from, "" if the build recorded none.
func buildDate() string {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if day, _, ok := strings.Cut(s.Value, "T"); ok && s.Key == "vcs.time" {
			return day
		}
	}
	return ""
}
