package firewall

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"announcer/internal/publication"
)

// ErrNoTool reports that there is no program that lists the rules.
var ErrNoTool = errors.New("neither nft nor iptables-save is installed")

// lister is a program that lists rules.
type lister struct {
	name  string
	args  []string
	parse func([]byte) (Rules, error)
}

// listers returns the programs that may be installed. Those for the old tables of the kernel are asked only if it has such
// tables, because they would make it load them.
func listers() []lister {
	all := []lister{{"nft", []string{"--json", "list", "ruleset"}, ParseNFT}}
	saved := func(name string, v publication.IPVersion) {
		all = append(all, lister{name, nil, func(text []byte) (Rules, error) { return ParseIPTables(name, v, text), nil }})
	}
	saved("iptables-save", publication.V4)
	saved("ip6tables-save", publication.V6)
	if hasTables("ip_tables_names") {
		saved("iptables-legacy-save", publication.V4)
	}
	if hasTables("ip6_tables_names") {
		saved("ip6tables-legacy-save", publication.V6)
	}
	return all
}

// hasTables reports whether the kernel has old tables. The list of their names can be read by root alone.
func hasTables(file string) bool {
	names, err := os.ReadFile("/proc/thread-self/net/" + file)
	return err == nil && len(bytes.TrimSpace(names)) > 0
}

// Read asks the programs that list the rules of this host. The error says why some rules can't be read, [ErrNoTool] if there
// is no such program; the rules are those that can.
func Read(ctx context.Context) (Rules, error) {
	var lists []Rules
	var failed error
	found := false
	for _, l := range listers() {
		program := find(l.name)
		if program == "" {
			continue
		}
		found = true
		rs, err := l.run(ctx, program)
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		lists = append(lists, rs)
	}
	if !found {
		return Rules{}, ErrNoTool
	}
	return Join(lists...), failed
}

// find returns the path of a program, which users often don't have in their PATH; "" if there is none.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

func (l lister) run(ctx context.Context, program string) (Rules, error) {
	cmd := exec.CommandContext(ctx, program, l.args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = append(os.Environ(), "LC_ALL=C"), &stderr
	text, err := cmd.Output()
	switch {
	case err != nil && os.Geteuid() != 0:
		return Rules{}, fmt.Errorf("%s lists the rules to root only", l.name)
	case err != nil:
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return Rules{}, fmt.Errorf("%s: %s", l.name, cmp.Or(line, err.Error()))
	}
	return l.parse(text)
}
