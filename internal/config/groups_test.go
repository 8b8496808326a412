package config

import (
	"testing"

	"announcer/internal/publication"
)

func TestDefinitionFileHoldsGroupsOnly(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"daemon", "[daemon]\nhost = 'a'", "x.toml:1:1: daemon: a definition file holds [[group]] only; want [daemon] in announcer.toml"},
		{"rule", "\n[[rule]]\nmatch = '*'", "x.toml:2:1: rule: a definition file holds [[group]] only; want [[rule]] in announcer.toml"},
		{"nothing", "", "x.toml: it defines nothing; want at least one [[group]], or group = [] to define nothing on purpose"},
		{"remote", "[remote]\nuser = 'a'", "x.toml:1:1: remote: a definition file holds [[group]] only; want [remote] in announcer.toml"},
		{"nothing on purpose", "group = []", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			findings := LoadGroups("x.toml", []byte(test.text), publication.Rename).Check("pbx")
			if got := findings.Error(); got != test.want {
				t.Errorf("%s\nwant\n%s", got, test.want)
			}
		})
	}
}
