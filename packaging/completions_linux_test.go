package packaging

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// completion is a command line, and what a shell makes of it.
type completion struct{ name, typed, want string }

var completions = []completion{
	{"a command", "announcer val", "announcer validate"},
	{"a subcommand", "announcer firmware sc", "announcer firmware scan"},
	{"a command as an argument", "announcer help firm", "announcer help firmware"},
	{"a flag", "announcer announce --until", "announcer announce --until-seen"},
	{"a flag of a subcommand", "announcer firmware serve --until", "announcer firmware serve --until-done"},
	{"an engine", "announcer list --engine nat", "announcer list --engine native"},
	{"an engine behind an equals sign", "announcer list --engine=nat", "announcer list --engine=native"},
	{"a preset", "announcer announce --preset sw", "announcer announce --preset switchvox"},
	{"a format", "announcer convert --to dn", "announcer convert --to dnssd"},
	{"an interface", "announcer browse --interface completed", "announcer browse --interface completed0"},
	{"an interface by the short flag", "announcer browse -i completed", "announcer browse -i completed0"},
	{"a DHCP server", "announcer dhcp --for k", "announcer dhcp --for kea"},
	{"a policy", "announcer announce --on-conflict st", "announcer announce --on-conflict standby"},
	{"a shell", "announcer completion fi", "announcer completion fish"},
	{"a service type", "announcer browse _dig", "announcer browse _digiumproxy._udp"},
	{"a file", "announcer validate /tmp/completed-f", "announcer validate /tmp/completed-file"},
	{"a file for a flag", "announcer run --config /tmp/completed-f", "announcer run --config /tmp/completed-file"},
	{"a file behind an equals sign", "announcer run --config=/tmp/completed-f", "announcer run --config=/tmp/completed-file"},
	{"a directory", "announcer firmware scan /tmp/completed", "announcer firmware scan /tmp/completed-dir/"},
	{"no file for a flag with words", "announcer list --engine /tmp/completed-f", "announcer list --engine /tmp/completed-f"},
	{"no file where there are no arguments", "announcer status /tmp/completed-f", "announcer status /tmp/completed-f"},
	{"no file for free text", "announcer announce --name /tmp/completed-f", "announcer announce --name /tmp/completed-f"},
	{"a program", "announcer announce x -- fish_ind", "announcer announce x -- fish_indent"},
	{"an argument of a program", "announcer announce x -- rm /tmp/completed-f", "announcer announce x -- rm /tmp/completed-file"},
}

// testCompletions has each shell complete, with the script from the place where it looks for such scripts.
func testCompletions(t *testing.T, d debian, zshPlace string) {
	run(t, ".", "ip", "link", "add", "completed0", "type", "veth", "peer", "name", "peer0")
	defer run(t, ".", "ip", "link", "delete", "completed0")
	d.write(t, "tmp/completed-file", "")
	defer d.remove(t, "tmp/completed-file")
	if err := os.Mkdir(d.path("tmp/completed-dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	defer d.remove(t, "tmp/completed-dir")
	t.Run("bash", func(t *testing.T) {
		testInteractive(t, d.command("bash", "--norc", "--noprofile", "-i"), ". /usr/share/bash-completion/completions/announcer")
	})
	t.Run("zsh", func(t *testing.T) {
		testInteractive(t, d.command("zsh", "-f", "-i"), "fpath=(/"+zshPlace+" $fpath); autoload -U compinit; compinit -u -D; setopt no_auto_remove_slash")
	})
	t.Run("fish", func(t *testing.T) {
		for _, c := range completions {
			t.Run(c.name, func(t *testing.T) {
				proposed := output(t, d.command("fish", "-c", `complete --do-complete "$argv"`, c.typed))
				word, _, _ := strings.Cut(strings.TrimSuffix(proposed, "\n"), "\t")
				line := c.typed
				if word != "" {
					line = c.typed[:strings.LastIndex(c.typed, " ")+1] + word
				}
				if line != c.want || strings.Count(proposed, "\n") > 1 {
					t.Errorf("proposed\n%swant %q", proposed, c.want)
				}
			})
		}
	})
}

// testInteractive types at a shell, and has it print what it makes of each line.
func testInteractive(t *testing.T, shell *exec.Cmd, setup string) {
	const prompt = "ready> "
	shell.Env = append(shell.Env, "PS1="+prompt, "TERM=dumb", "INPUTRC=/dev/null", "HISTFILE=")
	screen := startInTerminal(t, shell)
	screen.await(t, regexp.QuoteMeta(prompt))
	screen.typed(t, setup+"\r")
	screen.await(t, regexp.QuoteMeta(prompt))
	for _, c := range completions {
		t.Run(c.name, func(t *testing.T) {
			const begin, end = "\x01", "\x05" // of the line, as in Emacs
			screen.typed(t, c.typed+"\t"+end+">'"+begin+"echo '<"+"\r")
			got := screen.await(t, `\n<(announcer [^>\n]*?) ?>\r?\n`)
			if got[1] != c.want {
				t.Errorf("completed to %q, want %q", got[1], c.want)
			}
			screen.await(t, regexp.QuoteMeta(prompt))
		})
	}
}

// terminal is one end of a pseudo-terminal with a program at the other.
type terminal struct {
	file *os.File
	seen string // what was printed and not awaited yet
}

// startInTerminal runs a program in a terminal until the test ends.
func startInTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	near, far, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		near.Close() // a hangup
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &terminal{file: near}
}

// openTerminal returns both ends of a new pseudo-terminal.
func openTerminal() (near, far *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	near = os.NewFile(uintptr(fd), "/dev/ptmx")
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, near.Close())
	}
	return near, far, nil
}

func (s *terminal) typed(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.file.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// await waits for text that matches, and returns the match with its groups.
func (s *terminal) await(t *testing.T, pattern string) []string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	if err := s.file.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		if at := wanted.FindStringIndex(s.seen); at != nil {
			match := wanted.FindStringSubmatch(s.seen)
			s.seen = s.seen[at[1]:]
			return match
		}
		n, err := s.file.Read(buf)
		if err != nil {
			t.Fatalf("no %s: %v:\n%q", pattern, err, s.seen)
		}
		s.seen += string(buf[:n])
	}
}
