package main

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"announcer/internal/layout"
)

// Help fits the terminal and has one default a flag, and no default that is none.
func TestHelp(t *testing.T) {
	for _, columns := range []int{40, 60, 80, 100} {
		t.Setenv("COLUMNS", strconv.Itoa(columns))
		for _, name := range commandNames("", newApp(io.Discard, io.Discard).Commands) {
			t.Run(strconv.Itoa(columns)+name, func(t *testing.T) {
				text := helpOf(t, name)
				for line := range strings.Lines(text) {
					if layout.Width(strings.TrimSuffix(line, "\n")) > columns {
						t.Errorf("%q is wider than %d columns", line, columns)
					}
				}
				flat := strings.Join(strings.Fields(text), " ")
				if odd := regexp.MustCompile(`\(default: (0s?|false|""|".*")?\)|\(default[^()]*\) \(default`).FindString(flat); odd != "" {
					t.Errorf("%q", odd)
				}
			})
		}
	}
}

// The ways to call a command fit on a line each, so that they can be copied.
func TestUsageLines(t *testing.T) {
	var check func(t *testing.T, cmd *cli.Command)
	check = func(t *testing.T, cmd *cli.Command) {
		if cmd.UsageText == "" && !cmd.Hidden {
			t.Errorf("%s has no usage", cmd.Name)
		}
		for way := range strings.Lines(cmd.UsageText) {
			if helpIndent+layout.Width(strings.TrimSuffix(way, "\n")) > usualWidth-helpIndent {
				t.Errorf("%q is too long for a line", way)
			}
		}
		for _, sub := range cmd.Subcommands {
			check(t, sub)
		}
	}
	for _, cmd := range newApp(io.Discard, io.Discard).Commands {
		t.Run(cmd.Name, func(t *testing.T) { check(t, cmd) })
	}
}

// Without a terminal, help has 80 columns; more than 100 are never used, and less than 40 neither.
func TestHelpColumns(t *testing.T) {
	for _, test := range []struct {
		name, columns string
		want          int
	}{
		{"no terminal", "", 80},
		{"no number", "wide", 80},
		{"a terminal", "72", 72},
		{"wide", "250", 100},
		{"narrow", "7", 40},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("COLUMNS", test.columns)
			if got := helpColumns(io.Discard); got != test.want {
				t.Errorf("%d columns, want %d", got, test.want)
			}
		})
	}
}

// commandNames returns what each command is called by: " firmware", " firmware scan".
func commandNames(before string, commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		name := before + " " + c.Name
		names = append(names, name)
		names = append(names, commandNames(name, c.Subcommands)...)
	}
	return names
}

func helpOf(t *testing.T, name string) string {
	t.Helper()
	var out, faults strings.Builder
	if code := run(append(strings.Fields(name), "--help"), &out, &faults); code != exitDone || faults.Len() > 0 {
		t.Fatalf("exit code %d: %s", code, &faults)
	}
	return out.String()
}
