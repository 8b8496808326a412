package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"announcer/internal/escape"

	"github.com/urfave/cli/v2"
)

// versionName is the name of the command that announcer --version stands for.
const versionName = "version"

func versionCommand() *cli.Command {
	return command(cli.Command{
		Name:      versionName,
		UsageText: "announcer version",
		Usage:     "print the version, the commit it was built from, and the Go release",
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			_, err := escape.Fprintf(c.App.Writer, "%s\n", "announcer "+version())
			return err
		},
	})
}

// version reports what the build recorded: the module's version, the commit and whether it was clean.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(no build information) " + runtime.Version()
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v += " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			v += " (modified)"
		}
	}
	return fmt.Sprintf("%s %s %s/%s", v, info.GoVersion, runtime.GOOS, runtime.GOARCH)
}
