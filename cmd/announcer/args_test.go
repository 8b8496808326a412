package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestArrange(t *testing.T) {
	tests := []struct {
		name, args string
		arranged   string
		command    string
		err        string
	}{
		{"flags behind arguments", "convert a.service --to toml b.service -o DIR", "convert --to toml -o DIR -- a.service b.service", "", ""},
		{"flags before the command", "--log-level debug validate a --strict", "validate --log-level debug --strict -- a", "", ""},
		{"a value with =", "convert --to=toml a", "convert --to=toml -- a", "", ""},
		{"a value that looks like a flag", "announce --name --type --type _http._tcp", "announce --name --type --type _http._tcp --", "", ""},
		{"the first -- divides", "convert a -- -b --to c", "convert -- a -b --to c", "", ""},
		{"a command to run", "announce --preset dpma -- ./deploy.sh --fast -- x", "announce --preset dpma --", "./deploy.sh --fast -- x", ""},
		{"nothing to run", "announce a --", "", "", "no command follows --; want the command to run, such as -- ./deploy.sh"},
		{"standard input is no flag", "convert --to toml -", "convert --to toml -- -", "", ""},
		{"commas are left alone", "announce --txt a,b", "announce --txt a,b --", "", ""},
		{"help of a command", "run --help", "help -- run", "", ""},
		{"help among other flags", "run --log-level debug -h --services .", "help -- run", "", ""},
		{"help of a subcommand", "firmware serve --help", "help -- firmware serve", "", ""},
		{"the command help", "help run", "help -- run", "", ""},
		{"help behind a command with subcommands", "firmware help serve", "help -- firmware serve", "", ""},
		{"help behind a command that does something, too", "dhcp help decode", "help -- dhcp decode", "", ""},
		{"the value of a flag is no call for help", "announce --name --help", "announce --name --help --", "", ""},
		{"help", "--help", "help", "", ""},
		{"-h", "-h", "help", "", ""},
		{"version", "--version", "version", "", ""},
		{"-v", "-v", "version", "", ""},
		{"-V", "-V", "version", "", ""},
		{"no command", "", "", "", "no command; want one of run, announce,"},
		{"unknown command", "ron", "", "", `"ron" is not a command; did you mean run? (see announcer --help)`},
		{"unknown flag", "run --interfaces eth0", "", "", "run has no flag --interfaces; did you mean --interface? (see announcer run --help)"},
		{"an unknown short flag", "run -x", "", "", "run has no flag -x (see announcer run --help)"},
		{"a short flag with its value behind it", "browse -ieth0", "", "", "browse has no flag -ieth0; did you mean -i eth0? (see announcer browse --help)"},
		{"a dash alone with a value", "browse -=x", "", "", "browse has no flag - (see announcer browse --help)"},
		{"only dashes", "browse ---", "", "", "browse has no flag --- (see announcer browse --help)"},
		{"-v of a command", "run -v", "", "", "run has no flag -v (see announcer run --help)"},
		{"an unknown flag without a command", "-x", "", "", "unknown flag -x (see announcer --help)"},
		{"a mistyped flag without a command", "--verison=1", "", "", "unknown flag --verison; did you mean --version? (see announcer --help)"},
		{"too many dashes", "list ---json", "", "", "list has no flag ---json; did you mean --json? (see announcer list --help)"},
		{"a time without a unit", "browse --wait 5", "", "", `--wait: "5" is not a time; want a number with its unit, such as 5s`},
		{"no time", "announce --for=soon", "", "", `--for: "soon" is not a time; want a number with its unit, such as 10m or 1h30m`},
		{"no number", "restart --parallel many", "", "", `--parallel: "many" is not a whole number of 0 or more`},
		{"a negative number", "firmware serve --until-done -1", "", "", `--until-done: "-1" is not a whole number of 0 or more`},
		{"a number that is too large", "announce --until-seen 9999999999999999999", "", "", `--until-seen: "9999999999999999999" is not a whole number of 0 or more`},
		{"a number with a fraction", "announce --port 1.5", "", "", `--port: "1.5" is not a whole number of 0 or more`},
		{"no number with a fraction", "restart --rate fast", "", "", `--rate: "fast" is not a number; want one such as 10 or 0.5`},
		{"a flag without a value", "list --json=maybe", "", "", `--json: "maybe" is not allowed; want --json alone`},
		{"a flag of another command", "run --strict", "", "", "run has no flag --strict (see announcer run --help)"},
		{"no value", "run --services", "", "", "run --services: the flag has no value; want --services PATH"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			arranged, command, err := arrange(newApp(io.Discard, io.Discard), strings.Fields(test.args))
			if test.err != "" {
				failure, ok := err.(*exitError)
				if !ok || failure.code != exitUsage || !strings.Contains(failure.err.Error(), test.err) {
					t.Errorf("error %v, want usage: %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(arranged, " "); got != "announcer "+test.arranged {
				t.Errorf("arranged %q, want %q", got, "announcer "+test.arranged)
			}
			if got := strings.Join(command, " "); got != test.command {
				t.Errorf("command %q, want %q", got, test.command)
			}
		})
	}
}

// Whatever a flag takes, a bad value of it never gets as far as the flag library, whose words are those of a programmer.
func TestNoFlagLeavesABadValueToTheLibrary(t *testing.T) {
	library := []string{"invalid value", "invalid boolean", "parse error", "flag needs", "flag provided", "bad flag syntax", "strconv", "time:"}
	var try func(path []string, commands []*cli.Command)
	try = func(path []string, commands []*cli.Command) {
		for _, cmd := range commands {
			names := append(slices.Clone(path), cmd.Name)
			try(names, cmd.Subcommands)
			for _, f := range cmd.Flags {
				if _, text := f.(*cli.StringFlag); text {
					continue // it takes anything
				}
				if _, texts := f.(*cli.StringSliceFlag); texts {
					continue
				}
				for _, value := range []string{"", "x", "-", "1e999", "0x", "１"} {
					arg := "--" + f.Names()[0] + "=" + value
					t.Run(strings.Join(append(names, arg), " "), func(t *testing.T) {
						var stderr strings.Builder
						code := run(append(slices.Clone(names), arg), io.Discard, &stderr)
						if code != exitUsage && code != exitRunUsage {
							t.Errorf("exit code %d", code)
						}
						for _, words := range library {
							if strings.Contains(stderr.String(), words) {
								t.Errorf("%q has %q", stderr.String(), words)
							}
						}
					})
				}
			}
		}
	}
	try(nil, newApp(io.Discard, io.Discard).Commands)
}
