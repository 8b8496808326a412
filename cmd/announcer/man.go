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
:   Wrong usage. For **run** this is 64.

3
:   A definition or the configuration is wrong. For **run** this is 78.

4
:   There is no daemon to talk to.

5
:   The socket of the daemon is for other users: root, and the group that *Group=* of the unit sets.

64
:   Wrong usage of **run**; systemd shows *status=64/USAGE*. A crash exits with 2.

78
:   The configuration of **run** is wrong; systemd shows *status=78/CONFIG*.

124, 125, 126, 127, 128 and above
:   Of **announce** with a command after *--*: the time of **--for** was over; {{.App.Name}} itself failed; the command can't be
    executed; there is no such command; a signal ended it, whose number is added to 128. Any other status is that of the command.

# ENVIRONMENT

COLUMNS
:   The width of tables and help, in columns. The default is the width of the terminal.

RUNTIME_DIRECTORY, XDG_RUNTIME_DIR
:   Directories of the control socket: see **--socket**.

HTTP_PROXY, HTTPS_PROXY, NO_PROXY
:   The proxies by which definitions are read from URLs, and hosts that are asked without one.

SSL_CERT_FILE, SSL_CERT_DIR
:   The certificates of the system by which servers are verified, if *ca* in the configuration sets no other.

ANNOUNCER_LANDLOCK
:   The value *off* keeps **run**, **announce**, **browse** and **firmware serve** from confining themselves by Landlock.

**{{.App.Name}}**(8) lists what the daemon reads.

# FILES

*/etc/announcer/announcer.toml*
:   The configuration: see **announcer.toml**(5).

*/etc/announcer/services/*, */run/announcer/services/*, */usr/lib/announcer/services/*
:   The definitions: see **announcer-services**(5).

*/run/announcer/control/announcer.sock*
:   The control socket of the daemon of the system.

*/usr/share/doc/announcer/*
:   The documents, and examples of definitions and configurations.

# EXAMPLES

Check the definitions that Avahi has, and show what would be announced:

    $ announcer validate /etc/avahi/services
    $ announcer list /etc/avahi/services

Announce a server while a script runs:

    $ announcer announce --preset dpma --server 10.1.2.3 -- ./deploy.sh

Compare the network with the definitions:

    $ announcer verify

# SEE ALSO

**announcer.toml**(5), **announcer-services**(5), **announcer-deploying**(7), **announcer**(8), **avahi.service**(5)
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
