package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestComplete(t *testing.T) {
	for _, test := range []struct {
		name  string
		words []string
		part  shellPart
		want  string // words, or some of them if it ends with ...
	}{
		{"nothing", nil, noPart, ""},
		{"commands", []string{""}, noPart, "run announce convert validate..."},
		{"commands behind a flag", []string{"--log-level", "debug", ""}, noPart, "run announce convert..."},
		{"flags without a command", []string{"-"}, noPart, "--log-level --log-format --help --version"},
		{"subcommands", []string{"firmware", ""}, noPart, "scan service xml serve"},
		{"flags or a subcommand", []string{"dhcp", ""}, noPart, "decode"},
		{"flags that are not given yet", []string{"status", "--json", "--socket=x", "--"}, noPart, "--config --help"},
		{"a flag that may be repeated", []string{"browse", "-i", "lo", "--i"}, noPart, "--interface..."},
		{"engines", []string{"list", "--engine", ""}, noPart, "native zeroconf"},
		{"engines behind an equals sign", []string{"list", "--engine=z"}, noPart, "--engine=native --engine=zeroconf"},
		{"levels in front of the command", []string{"--log-level", ""}, noPart, "debug info warn error"},
		{"presets", []string{"announce", "--preset", ""}, noPart, "dpma switchvox firmware"},
		{"free text", []string{"announce", "--name", ""}, noPart, ""},
		{"a value of a flag without values", []string{"list", "--json="}, noPart, ""},
		{"a value of an unknown flag", []string{"list", "--jsn="}, noPart, ""},
		{"behind an unknown flag", []string{"list", "--jsn", ""}, files, ""},
		{"files", []string{"validate", "a", ""}, files, ""},
		{"a directory", []string{"firmware", "scan", ""}, directories, ""},
		{"no second directory", []string{"firmware", "scan", "a", ""}, noPart, ""},
		{"no arguments", []string{"status", ""}, noPart, ""},
		{"the second argument", []string{"resolve", "PBX", ""}, noPart, "_digiumproxy._udp"},
		{"arguments behind --", []string{"validate", "--", "-"}, files, ""},
		{"a program", []string{"announce", "a.service", "--", ""}, programs, ""},
		{"arguments of a program", []string{"announce", "--", "ls", "--"}, files, ""},
		{"help", []string{"help", "dhcp", ""}, noPart, "decode"},
		{"help for what is no command", []string{"help", "x", ""}, noPart, ""},
		{"an unknown command", []string{"x", ""}, noPart, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := complete(newApp(io.Discard, io.Discard), test.words)
			var words []string
			for _, w := range p.words {
				words = append(words, w.word)
			}
			got := strings.Join(words, " ")
			some, isSome := strings.CutSuffix(test.want, "...")
			if p.part != test.part || got != test.want && !(isSome && strings.HasPrefix(got, some)) {
				t.Errorf("%s, %q; want %s, %q", p.part, got, test.part, test.want)
			}
		})
	}
}

// What a flag or an argument takes is either free text or of a kind for which something is proposed.
func TestEveryValueHasAKind(t *testing.T) {
	freeText := strings.Fields("ADDRESS [ADDRESS:]PORT [ADDRESS]:PORT HOST[:PORT] MODEL=PATH NAME NETWORK NUMBER PORT SITE STRING SUBTYPE TIME URL USER VERSION")
	var check func(t *testing.T, cmd *cli.Command)
	check = func(t *testing.T, cmd *cli.Command) {
		var values []string
		for _, f := range cmd.Flags {
			if takesValue(f) {
				values = append(values, valueName(f))
			}
		}
		for _, v := range append(values, strings.Fields(strings.ReplaceAll(cmd.ArgsUsage, "...", ""))...) {
			if _, known := kinds[v]; known == slices.Contains(freeText, v) {
				t.Errorf("%s: is %s free text, or one of a kind?", cmd.Name, v)
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
