package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

// journalSocket is where journald listens.
const journalSocket = "/run/systemd/journal/socket"

// underJournal starts announcer where standard error is a stream of the journal, and the journal listens if it is to. It
// returns what is sent to the socket of the journal, and what is written to the stream.
func underJournal(t *testing.T, listens bool, args ...string) (entries <-chan string, stream *bufio.Scanner) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	var stat unix.Stat_t
	if err := unix.Fstat(int(writer.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(binDir(t), "announcer"), args...)
	cmd.Dir, cmd.Stderr = t.TempDir(), writer
	cmd.Env = append(os.Environ(), fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino))
	received, started := make(chan string, 1000), make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread has a /run of its own
		started <- func() error {
			if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
				return err
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return err
			}
			if err := unix.Mount("run", "/run", "tmpfs", 0, ""); err != nil {
				return err
			}
			if listens {
				if err := os.MkdirAll(filepath.Dir(journalSocket), 0o755); err != nil {
					return err
				}
				socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journalSocket, Net: "unixgram"})
				if err != nil {
					return err
				}
				t.Cleanup(func() { socket.Close() })
				go receive(socket, received)
			}
			return cmd.Start()
		}()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	writer.Close()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	reader.SetReadDeadline(time.Now().Add(wireTime))
	return received, bufio.NewScanner(reader)
}

// receive passes on datagrams.
func receive(socket net.Conn, to chan<- string) {
	b := make([]byte, 64<<10)
	for {
		n, err := socket.Read(b)
		if err != nil {
			return
		}
		select {
		case to <- string(b[:n]):
		default: // more than a test wants
		}
	}
}

// TestJournal has a daemon log to the journal by its protocol, or by lines if it does not listen.
func TestJournal(t *testing.T) {
	netlab.Need(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.service"), []byte(phoneService), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.service"), []byte("<x/>"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := []string{"run", "-i", "lo", "--services", dir}
	t.Run("entries", func(t *testing.T) {
		entries, _ := underJournal(t, true, run...)
		missing := []string{"PRIORITY=6\nMESSAGE=msg=announced service=PBX ", "PRIORITY=3\nMESSAGE=msg="}
		for deadline := time.After(wireTime); len(missing) > 0; {
			select {
			case entry := <-entries:
				if strings.HasPrefix(entry, missing[0]) {
					if !strings.Contains(entry, "\nSYSLOG_IDENTIFIER=announcer\n") {
						t.Errorf("no identifier:\n%s", entry)
					}
					if missing[0][:10] == "PRIORITY=6" && !strings.Contains(entry, "\nANNOUNCER_SERVICE=PBX\n") {
						t.Errorf("no field of the service:\n%s", entry)
					}
					missing = missing[1:]
				} else if len(missing) == 2 && strings.HasPrefix(entry, missing[1]) {
					missing = missing[:1]
				}
			case <-deadline:
				t.Fatalf("no entry begins with %q", missing)
			}
		}
	})
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"lines of the log", run, "<6>msg=announced service=PBX "},
		{"errors of the log", run, "<3>msg="},
		{"an error that ends it", []string{"run", "--config", "none.toml"}, "<3>none.toml: "},
		{"wrong usage", []string{"run", "--nope"}, "<3>announcer: "},
		{"a finding", []string{"list", "-i", "lo", filepath.Join(dir, "bad.service")}, "<3>" + dir},
		{"what was assumed", []string{"list", filepath.Join(dir, "a.service")}, "<4>announcer: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, stream := underJournal(t, false, test.args...)
			var lines []string
			for stream.Scan() {
				if lines = append(lines, stream.Text()); strings.HasPrefix(stream.Text(), test.want) {
					return
				}
			}
			t.Errorf("no line begins with %q:\n%s", test.want, strings.Join(lines, "\n"))
		})
	}
}
