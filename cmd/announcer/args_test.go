package main

import (
	"io"
	"strings"
	"testing"
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
		{"help of a command", "run --help", "run --help --", "", ""},
		{"help", "--help", "--help", "", ""},
		{"version", "--version", "version", "", ""},
		{"no command", "", "", "", "no command; want one of run, announce,"},
		{"unknown command", "ron", "", "", `"ron" is not a command; did you mean run? (see announcer --help)`},
		{"unknown flag", "run --interfaces eth0", "", "", "run has no flag --interfaces; did you mean --interface? (see announcer run --help)"},
		{"a flag of another command", "run --strict", "", "", "run has no flag --strict (see announcer run --help)"},
		{"no value", "run --services", "", "", "run --services: the flag has no value; want --services DIR"},
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
