package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/testkit/netlab"
)

// notRun are the commands of the README that build or test the project, which the tests are a part of.
var notRun = []string{"make test", "make test-deps"}

// step is a command of the README with the output that stands below it, where "…" stands for any text.
type step struct {
	command string
	want    []string
}

// install is the section of the README whose commands change the machine; the test of the packages runs it.
var install = regexp.MustCompile(`(?ms)^## Install$.*?^## `)

// deploymentHeading begins the section that TestDeployment runs, since it needs phones.
const deploymentHeading = "\n## Deploying phones in ten minutes\n"

// readme returns the section on deployment, and all else.
func readme(t *testing.T) (deploying, others string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), deploymentHeading)
	deploying, after, more := strings.Cut(rest, "\n## ")
	if !found || !more {
		t.Fatalf("the README has no section %q with another behind it", strings.TrimSpace(deploymentHeading))
	}
	return deploying, install.ReplaceAllString(before+"\n## "+after, "## ")
}

// blocks returns the contents of the fenced blocks of a kind.
func blocks(t *testing.T, text, kind string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^ *```"+kind+"\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("the README has no %s block", kind)
	}
	return found
}

func steps(t *testing.T, text string) []step {
	var all []step
	for _, block := range blocks(t, text, "console") {
		for line := range strings.Lines(block) {
			line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "   ") // in a list
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{command: strings.Replace(command, "go run ./cmd/announcer", "announcer", 1)})
			} else {
				last := &all[len(all)-1]
				last.want = append(last.want, line)
			}
		}
	}
	return all
}

// TestReadme runs every command of the README but those of the section on deployment, in order, on a host with an eth0 and another host behind that, and
// compares what each prints.
func TestReadme(t *testing.T) {
	netlab.Need(t)
	neighbour := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: neighbour, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	_, others := readme(t)
	for _, s := range steps(t, others) {
		switch {
		case slices.Contains(notRun, s.command):
		case strings.HasPrefix(s.command, "announcer run "):
			inBackground(t, dir, s)
		default:
			cmd := shell(dir, s.command)
			out, err := cmd.CombinedOutput()
			if err != nil && cmd.ProcessState.ExitCode() < 0 {
				t.Errorf("%s: %v", s.command, err)
			}
			compare(t, s, strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"))
		}
	}
}

func shell(dir, command string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", "exec "+command)
	if strings.ContainsAny(command, ";|&") {
		cmd = exec.Command("sh", "-c", command)
	}
	cmd.Dir = dir
	return cmd
}

// compare wants the lines of a step, no more and no less.
func compare(t *testing.T, s step, got []string) {
	t.Helper()
	if len(s.want) == 0 {
		return
	}
	if last := len(s.want) - 1; s.want[last] == "…" && len(got) > last { // and so on
		s.want, got = s.want[:last], got[:last]
	}
	if !slices.EqualFunc(s.want, got, matches) {
		t.Errorf("$ %s\nprinted:\n%s\nwant:\n%s", s.command, strings.Join(got, "\n"), strings.Join(s.want, "\n"))
	}
}

// matches reports whether a line is as wanted: "…" stands for any text, and runs of blanks for each other.
func matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(strings.Fields(want), " ")), "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(strings.Join(strings.Fields(got), " "))
}

// output collects what a process writes, and tells of every write.
type output struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.writes <- struct{}{}:
	default:
	}
	return o.buf.Write(p)
}

func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Split(strings.TrimSuffix(o.buf.String(), "\n"), "\n")
}

// inBackground starts a step that lasts, waits for the lines that it should print, and ends it with the test.
func inBackground(t *testing.T, dir string, s step) {
	t.Helper()
	out := &output{writes: make(chan struct{}, 1)}
	cmd := shell(dir, s.command)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v after SIGTERM\n%s", s.command, err, strings.Join(out.lines(), "\n"))
		}
	})
	wanted := func(got []string) bool {
		for _, line := range s.want {
			if !slices.ContainsFunc(got, func(g string) bool { return matches(line, g) }) {
				return false
			}
		}
		return true
	}
	deadline := time.After(20 * time.Second)
	for !wanted(out.lines()) {
		select {
		case <-out.writes:
		case <-deadline:
			t.Fatalf("$ %s\nprinted:\n%s\nwant:\n%s", s.command, strings.Join(out.lines(), "\n"), strings.Join(s.want, "\n"))
		}
	}
}

// TestReadmeConfiguration loads every snippet of configuration that the README has.
func TestReadmeConfiguration(t *testing.T) {
	_, others := readme(t)
	for _, snippet := range blocks(t, others, "toml") {
		if _, findings := config.Load("README.md", []byte(snippet), "pbx"); len(findings) > 0 {
			t.Errorf("%s\n%v", snippet, diag.Findings(findings))
		}
	}
}
