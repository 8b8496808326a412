package main

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"announcer/internal/escape"
	"announcer/internal/status"

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

// dirty is what the revision of a build ends in if files differed from the commit.
const dirty = "-modified"

// build returns what the build recorded: the module's version, the commit and whether it was clean, and the release of Go.
func build() status.Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return status.Build{Version: "(no build information)", Go: runtime.Version()}
	}
	b := status.Build{Version: cmp.Or(info.Main.Version, "(devel)"), Go: info.GoVersion}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = dirty
		}
	}
	b.Revision += modified
	return b
}

// version returns the build for people, and the platform.
func version() string {
	b := build()
	words := []string{b.Version}
	if commit, modified := strings.CutSuffix(b.Revision, dirty); commit != "" {
		words = append(words, commit[:min(12, len(commit))])
		if modified {
			words = append(words, "(modified)")
		}
	}
	return strings.Join(append(words, b.Go, runtime.GOOS+"/"+runtime.GOARCH), " ")
}
