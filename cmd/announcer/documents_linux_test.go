package main

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/config"
	"announcer/internal/testkit/netlab"
)

// step is a command of a document with the output that stands below it, where "…" stands for any text.
type step struct {
	command string
	want    []string
}

// install is the section of the README whose commands change the machine; the test of the packages runs it.
var install = regexp.MustCompile(`(?ms)^## Install$.*?^## `)

const (
	deploying = "docs/deploying.md" // its commands need phones: TestDeployment runs them
	manySites = "docs/fleet.md"     // its commands need servers: TestFleet runs them
	moving    = "docs/moving.md"    // its commands need Avahi: internal/testkit/interop runs them
	promises  = "docs/promises.md"  // its commands need a release: release runs them
)

// documents returns the text of each document with commands, by its path from the root of the project.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		paths, err := filepath.Glob("../../" + pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, file := range paths {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.TrimPrefix(filepath.ToSlash(file), "../../")] = string(text)
		}
	}
	return all
}

// blocks returns the contents of the fenced blocks of a kind.
func blocks(text, kind string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^ *```"+kind+"\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// steps returns the commands of a document, in order.
func steps(t *testing.T, text string) []step {
	t.Helper()
	var all []step
	for _, block := range blocks(text, "console") {
		for line := range strings.Lines(block) {
			line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "   ") // in a list
			command, isCommand := strings.CutPrefix(line, "$ ")
			switch {
			case isCommand:
				all = append(all, step{command: strings.Replace(command, "go run ./cmd/announcer", "announcer", 1)})
			case len(all) == 0:
				t.Fatalf("output without a command: %s", line)
			default:
				last := &all[len(all)-1]
				last.want = append(last.want, line)
			}
		}
	}
	return all
}

// TestDocuments runs every command of the documents, except those that other tests run. Each document has a host of its own
// with an eth0 and another host behind that.
func TestDocuments(t *testing.T) {
	netlab.Need(t)
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	ran := 0
	for name, text := range documents(t) {
		all := steps(t, install.ReplaceAllString(text, "## "))
		if slices.Contains([]string{deploying, manySites, moving, promises}, name) || len(all) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			neighbour := netlab.NewHost(t)
			netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: neighbour, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
			dir := t.TempDir()
			t.Setenv("RUNTIME_DIRECTORY", dir)
			if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS("../../examples")); err != nil {
				t.Fatal(err)
			}
			firmwareFolder(t, dir)
			for _, s := range all {
				follow(t, dir, s)
			}
		})
		ran += len(all)
	}
	if ran < 40 {
		t.Errorf("the documents have %d commands; want at least 40", ran)
	}
}

// TestFirstCommand runs the first command of the README in a session that has no directory for the control socket: that is worth
// one line, not a warning.
func TestFirstCommand(t *testing.T) {
	netlab.Need(t)
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	if err := unix.Mount("announcer", "/run", "tmpfs", 0, ""); err != nil { // an announcer may be installed
		t.Fatal("mount: ", err)
	}
	t.Cleanup(func() { unix.Unmount("/run", unix.MNT_DETACH) })
	readme := documents(t)["README.md"]
	first, noSocket := steps(t, readme)[0], strings.TrimSpace(blocks(readme, "text")[0])
	want := slices.Concat([]string{noSocket}, first.want, []string{"time=… level=INFO msg=ended"})
	var out *output
	t.Run("run", func(t *testing.T) { out = console{dir: "../.."}.inBackground(t, first) })
	if got := out.lines(); !slices.EqualFunc(want, got, matches) {
		t.Errorf("$ %s\nprinted:\n%s\nwant:\n%s", first.command, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// console is where the steps of a document run.
type console struct {
	dir  string
	host *netlab.Host // nil: that of the test
	path string       // a directory with programs; "": none but those of the test
}

// follow runs a step in a directory.
func follow(t *testing.T, dir string, s step) {
	t.Helper()
	console{dir: dir}.follow(t, s)
}

// follow runs a step. Of commands that build or test the project, or fetch it, it checks that there is such a thing.
func (c console) follow(t *testing.T, s step) {
	t.Helper()
	words := strings.Fields(s.command)
	switch {
	case words[0] == "git" || words[0] == "cd":
	case words[0] == "make":
		dryRun := exec.Command("make", append([]string{"--dry-run"}, words[1:]...)...)
		dryRun.Dir = "../.."
		if out, err := dryRun.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s.command, err, out)
		}
	case strings.HasPrefix(s.command, "go test "):
		list := exec.Command("go", "list", words[len(words)-1])
		list.Dir = "../.."
		if out, err := list.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s.command, err, out)
		}
	case strings.HasPrefix(s.command, "announcer run "):
		c.inBackground(t, s)
	default:
		cmd := c.shell(s.command)
		var out []byte
		var err error
		c.host.Do(func() { out, err = cmd.CombinedOutput() })
		if code := cmd.ProcessState.ExitCode(); code < 0 || len(s.want) == 0 && code != 0 && (words[0] != "timeout" || code != 124) {
			t.Errorf("%s: %v\n%s", s.command, err, out)
		}
		compare(t, s, strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"))
	}
}

// shell returns a command of the shell.
func (c console) shell(command string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", "exec "+command)
	if strings.ContainsAny(command, ";|&") {
		cmd = exec.Command("sh", "-c", command)
	}
	cmd.Dir = c.dir
	if c.path != "" {
		cmd.Env = append(os.Environ(), "PATH="+c.path+":"+os.Getenv("PATH"))
	}
	return cmd
}

// compare wants the lines of a step, no more and no less.
func compare(t *testing.T, s step, got []string) {
	t.Helper()
	if len(s.want) == 0 {
		return
	}
	if last := len(s.want) - 1; s.want[last] == "…" && len(got) >= last { // and so on, or not
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

// output collects what a process writes, and reports every write.
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
// It returns the output.
func (c console) inBackground(t *testing.T, s step) *output {
	t.Helper()
	out := &output{writes: make(chan struct{}, 1)}
	cmd := c.shell(s.command)
	cmd.Stdout, cmd.Stderr = out, out
	if err := c.host.Start(cmd); err != nil {
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
	return out
}

// TestDocumentsConfiguration loads every snippet of configuration in the documents.
func TestDocumentsConfiguration(t *testing.T) {
	loaded := 0
	for name, text := range documents(t) {
		for _, snippet := range blocks(text, "toml") {
			if _, written := config.Load(name, []byte(snippet)); len(written.Check("pbx")) > 0 {
				t.Errorf("%s\n%v", snippet, written.Found.List())
			}
			loaded++
		}
	}
	if loaded < 2 {
		t.Errorf("the documents have %d snippets of configuration; want at least 2", loaded)
	}
}

// TestDocumentsLinks follows every link from a document to a file or a heading of the project.
func TestDocumentsLinks(t *testing.T) {
	all := documents(t)
	for name, text := range all {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, anchor, hasAnchor := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := name
			if target != "" {
				to = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat("../../" + to); err != nil {
				t.Errorf("%s: %s: %v", name, m[1], err)
			}
			if hasAnchor && !slices.Contains(anchors(all[to]), anchor) {
				t.Errorf("%s: %s: no such heading; want one of %q", name, m[1], anchors(all[to]))
			}
		}
	}
}

// anchors returns the names by which links can refer to the headings of a document.
func anchors(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^##+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// TestReadmeIsShort limits the README to what a reader of it needs first; all else is in docs.
func TestReadmeIsShort(t *testing.T) {
	if lines := strings.Count(documents(t)["README.md"], "\n"); lines > 200 {
		t.Errorf("the README has %d lines; want at most 200", lines)
	}
}
