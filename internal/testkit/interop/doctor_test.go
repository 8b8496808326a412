//go:build linux

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"announcer/internal/diagnosis"
	mdnslink "announcer/internal/mdns/link"
	"announcer/internal/testkit/siptest"
	"announcer/internal/testkit/skip"
)

// looks are commands that look at the network beside a daemon, and lines of the doctor's that they must print.
var looks = []struct {
	name string
	args string
	deny bool // without any capability, so that the daemon may not be asked
	want []string
}{
	{"doctor", "doctor --json --socket SOCKET", false, []string{
		"ok v0 servers no other host announces a server for phones", "ok daemon process PID announces 1 service on v0", "ok definitions 1 definition in 1 file",
	}},
	{"doctor of a user who may not ask the daemon", "doctor --json --socket SOCKET", true, []string{
		"ok v0 servers no other host announces a server for phones", "unseen daemon ",
	}},
	{"verify", "verify --json --wait 2s --interface v0 FOLDER", false, nil},
	{"browse", "browse --json --wait 1s --interface v0", false, nil},
}

// testLookBeside looks at the network of a host on which the daemon runs, alone and with Avahi. The commands find nothing wrong,
// and the daemon, whose definitions are in a place of its own, does not notice them.
func testLookBeside(t *testing.T, announcer string) {
	for _, withAvahi := range []bool{false, true} {
		t.Run(fmt.Sprintf("with Avahi %v", withAvahi), func(t *testing.T) {
			t.Parallel()
			server, _ := newServer(t)
			folder := t.TempDir()
			write(t, folder, "pbx.service", strings.ReplaceAll(desk, "SERVER", server.answering(t)))
			responders := 1
			if withAvahi {
				responders++
				server.startAvahi(t, "[server]\nallow-interfaces=v0\nenable-dbus=no\n[publish]\npublish-workstation=no\npublish-hinfo=no\n")
			}
			closed := filepath.Join(t.TempDir(), "closed")
			if err := os.Mkdir(closed, 0); err != nil {
				t.Fatal(err)
			}
			socket := filepath.Join(closed, "announcer.sock")
			daemon := server.start(t, announcer, "run", "--services", folder, "--interface", "v0", "--socket", socket)
			daemon.await(t, "msg=announced", 1)
			server.sharers(t) // what is not known yet is looked up
			before := daemon.out.String()
			for _, look := range looks {
				t.Run(look.name, func(t *testing.T) {
					args := strings.Fields(strings.NewReplacer("SOCKET", socket, "FOLDER", folder).Replace(look.args))
					program := announcer
					if look.deny {
						program, args = skip.Without(t, "setpriv"), append([]string{"--bounding-set", "-all", announcer}, args...)
					}
					p := server.start(t, program, args...)
					server.isUnnoticed(t, p, responders)
					for _, want := range look.want {
						want = strings.Replace(want, "PID", strconv.Itoa(daemon.cmd.Process.Pid), 1)
						if lines := findings(t, p); !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
							t.Errorf("no line is %q:\n%s", want, strings.Join(lines, "\n"))
						}
					}
				})
			}
			if said := strings.TrimPrefix(daemon.out.String(), before); quarrelsome.MatchString(said) {
				t.Errorf("the daemon has noticed the commands:\n%s", said)
			}
		})
	}
}

// quarrelsome is what a daemon says that notices another one.
var quarrelsome = regexp.MustCompile(`(?i)conflict|renam|shared with announcer|shared with a program|withdrawn|announced|another`)

// desk is a definition of a PBX.
const desk = `<service-group><name>Desk</name><service><type>_digiumproxy._udp</type><port>5060</port>
<txt-record>sipUrl=sip:proxy@SERVER;transport=udp</txt-record><txt-record>serviceType=asterisk</txt-record></service></service-group>`

// answering starts a SIP server on the machine, and returns its address.
func (m machine) answering(t *testing.T) string {
	t.Helper()
	var server *siptest.Peer
	m.do(t, func() (err error) {
		server, err = siptest.Start("udp", v0.v4+"1:5060", siptest.Answers("200 OK"))
		return err
	})
	t.Cleanup(func() { server.Close() })
	return server.Addr.String()
}

// sharers names the programs that have port 5353 open on the machine, as a responder there sees them.
func (m machine) sharers(t *testing.T) (names []string) {
	t.Helper()
	m.Do(func() { names = mdnslink.NewSharing().Programs() })
	return names
}

// isUnnoticed waits for a command to end, and wants it to have been open on port 5353 beside a number of responders without being
// one of those that share it.
func (m machine) isUnnoticed(t *testing.T, p *process, responders int) {
	t.Helper()
	begun, most, isOpen := time.Now(), 0, false
	for {
		select {
		case <-p.ended:
		default:
			most = max(most, len(m.sharers(t)))
			isOpen = isOpen || m.openSockets(t) > 2*responders
			continue
		}
		break
	}
	if p.result != nil {
		t.Errorf("it ends with %v after %v", p.result, time.Since(begun))
	}
	if most > responders || !isOpen {
		t.Errorf("up to %d programs share the port; want %d; the command was seen: %v", most, responders, isOpen)
	}
}

// openSockets counts the sockets on port 5353.
func (m machine) openSockets(t *testing.T) (count int) {
	t.Helper()
	m.do(t, func() error {
		for _, table := range []string{"udp", "udp6"} {
			text, err := os.ReadFile("/proc/thread-self/net/" + table)
			if err != nil {
				return err
			}
			count += strings.Count(string(text), ":14E9 ")
		}
		return nil
	})
	return count
}

// findings returns what a doctor has found as lines: state, link, step and text.
func findings(t *testing.T, p *process) (lines []string) {
	t.Helper()
	var out struct{ Findings []diagnosis.Finding }
	if err := json.Unmarshal([]byte(p.out.String()), &out); err != nil {
		t.Fatalf("%v in %s", err, p.out.String())
	}
	for _, f := range out.Findings {
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprint(f.State, " ", f.Link, " ", f.Step, " ", f.Text)), " "))
	}
	return lines
}
