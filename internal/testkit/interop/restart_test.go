//go:build linux

package interop

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/skip"

	"announcer/internal/testkit/netlab"
)

// floor is a machine that plays phones, joined to a server. Its addresses are floorAddress(0), floorAddress(1) and so on.
type floor struct{ machine }

const phonesOnFloor = 6

func floorAddress(i int) string { return fmt.Sprintf("192.0.2.%d", 31+i) }

// newFloor joins a floor of phones to a server. It skips the test where sipp is missing.
func newFloor(t *testing.T) (server machine, f floor) {
	t.Helper()
	skip.Without(t, "sipp")
	server, f = newMachine(t, hostname), floor{newMachine(t, "floor")}
	var addrs []string
	for i := range phonesOnFloor {
		addrs = append(addrs, floorAddress(i)+"/24")
	}
	netlab.Veth(t, netlab.End{Host: server.Host, Name: "v0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: f.Host, Name: "eth0", Addrs: addrs})
	return server, f
}

// receive and respond are steps of a scenario of sipp's.
const receive = `<recv request="NOTIFY"/>` + "\n"

func respond(status string) string {
	return `<send><![CDATA[
SIP/2.0 ` + status + `
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
`
}

// silence receives more copies of a request than are sent in the time that it is waited for.
var silence = strings.Repeat(receive, 20)

// phone starts sipp as a phone that goes through the steps once. The messages are in the file that phoneLog gives.
func (f floor) phone(t *testing.T, i int, transport, steps string) *process {
	t.Helper()
	return f.sipp(t, floorAddress(i), steps, "-t", transport, "-m", "1", "-trace_msg", "-message_file", f.phoneLog(i))
}

func (f floor) phoneLog(i int) string { return fmt.Sprintf("%s/phone%d.log", f.dir, i) }

// sipp starts sipp on port 5060 of an address, where each call goes through the steps, and waits until it listens.
func (m machine) sipp(t *testing.T, address, steps string, args ...string) *process {
	t.Helper()
	file := write(t, m.dir, address+".xml", `<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="interop">
`+steps+`</scenario>
`)
	// -nr: each copy of a request is a request, so that a scenario can lose one.
	p := m.start(t, "sipp", append([]string{"-sf", file, "-i", address, "-p", "5060", "-nr", "-nostdin"}, args...)...)
	m.listening(t, address)
	return p
}

// listening waits until something listens on port 5060 of an address.
func (m machine) listening(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var out []byte
		m.do(t, func() (err error) {
			out, err = exec.Command("ss", "-Hlntu", "src", address, "and", "sport", "=", "5060").CombinedOutput()
			return err
		})
		if len(out) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody listens on %s within %v", address, patience)
		}
	}
}

// testRestart lets phones that sipp plays restart, and compares what each is said to have answered.
func testRestart(t *testing.T, announcer string) {
	server, f := newFloor(t)
	took := f.phone(t, 0, "u1", receive+respond("200 OK"))
	lost := f.phone(t, 1, "u1", receive+receive+respond("200 OK"))
	f.phone(t, 2, "u1", receive+respond("481 Call/Transaction Does Not Exist"))
	f.phone(t, 3, "u1", silence)
	// No program plays phone 4, and 192.0.2.40 has no address at all.
	code, out := server.run(t, announcer, "restart", "--json", "--timeout", "6s", "--user", "1001",
		floorAddress(0), floorAddress(1), floorAddress(2), floorAddress(3), floorAddress(4), "192.0.2.40")
	var got struct {
		Version, Restarted int
		Phones             []struct {
			Phone, Result string
			Seconds       float64
		}
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&got); err != nil { // what stands behind it is of stderr
		t.Fatalf("%v\n%s", err, out)
	}
	var results []string
	for _, p := range got.Phones {
		results = append(results, p.Result)
	}
	if want := "200 200 481 timeout refused timeout"; code != 1 || got.Version != 1 || got.Restarted != 2 || strings.Join(results, " ") != want {
		t.Errorf("exit status %d, results %q; want 1 and %q\n%s", code, results, want, out)
	}
	if s := got.Phones[1].Seconds; s < 0.5 {
		t.Errorf("the phone that lost a packet answered after %v s; want T1, 0.5 s, at least", s)
	}
	took.wait(t)
	lost.wait(t)
	request := read(t, f.phoneLog(0))
	for _, want := range []string{"NOTIFY sip:1001@192.0.2.31:5060;ob SIP/2.0", "Event: check-sync", "Subscription-State: terminated", "Contact: <sip:asterisk@192.0.2.1:"} {
		if !strings.Contains(request, want) {
			t.Errorf("the phone got no %q:\n%s", want, request)
		}
	}
}

// testRestartByTCP asks phones by TCP, all of which restart.
func testRestartByTCP(t *testing.T, announcer string) {
	server, f := newFloor(t)
	f.phone(t, 0, "t1", receive+respond("200 OK"))
	f.phone(t, 1, "t1", receive+respond("100 Trying")+respond("200 OK"))
	list := write(t, server.dir, "list", floorAddress(0)+" # reception\n"+floorAddress(1)+":5060\n")
	code, out := server.run(t, announcer, "restart", "--transport", "tcp", "--file", list)
	if code != 0 || strings.Count(out, " 200 ") != 2 || !strings.Contains(out, "does not look for a server again") {
		t.Errorf("exit status %d; want 0 and 200 twice\n%s", code, out)
	}
}

// testRestartInterrupted ends announcer while a phone is silent: the table reports what is known.
func testRestartInterrupted(t *testing.T, announcer string) {
	server, f := newFloor(t)
	f.phone(t, 0, "u1", receive+respond("200 OK"))
	f.phone(t, 1, "u1", silence)
	p := server.start(t, announcer, "restart", "--parallel", "1", "--timeout", "30s", floorAddress(0), floorAddress(1), floorAddress(2))
	for deadline := time.Now().Add(patience); !strings.Contains(readIfThere(f.phoneLog(1)), "NOTIFY"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the second phone was not asked")
		}
	}
	p.cmd.Process.Signal(syscall.SIGINT)
	p.wait(t)
	rows := strings.Fields(p.out.String())
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	table := strings.Join(rows, " ")
	for _, want := range []string{"192.0.2.31:5060 200", "192.0.2.32:5060 stopped", "192.0.2.33:5060 not asked"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, p.out.String())
		}
	}
}

// run runs a program to its end, and returns its exit status and what it printed.
func (m machine) run(t *testing.T, name string, args ...string) (code int, out string) {
	t.Helper()
	p := m.start(t, name, args...)
	p.wait(t)
	return p.cmd.ProcessState.ExitCode(), p.out.String()
}
