package oneshot

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/testkit/mdnstest"
	"announcer/services"
)

func desired(policies ...publication.Policy) publication.Desired {
	d := publication.Desired{Host: "pbx", Links: []publication.Link{{Index: 1, Name: "eth0", Addrs: []publication.LinkAddr{{Prefix: netip.MustParsePrefix("192.0.2.5/24")}}}}}
	for i, policy := range policies {
		d.Groups = append(d.Groups, publication.Publication{ID: string(rune('a' + i)), OnConflict: policy, Group: services.Group{
			Name: "x", Services: []services.Service{{Type: dnsname.MustParse("_http._tcp"), Port: uint16(80 + i)}},
		}})
	}
	return d
}

func TestAnnounce(t *testing.T) {
	failure := errors.New("it failed")
	tests := []struct {
		name      string
		desired   publication.Desired
		while     error
		announced []string // before while
		err       string
	}{
		{"two names", desired(publication.Rename, publication.Rename), nil, []string{"x", "x #2"}, ""},
		{"a failure passes through", desired(publication.Rename), failure, []string{"x"}, "it failed"},
		{"a refused service", desired(publication.Rename, publication.Fail), nil, nil, `"x" is not announced on eth0: service 1 of a has the name "x"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := mdnstest.New()
			var announced, before []string
			err := Announce(t.Context(), p, test.desired, func(events []mdns.Event) {
				for _, e := range events {
					announced = append(announced, e.Name)
				}
			}, func() error {
				before = slices.Clone(announced)
				return test.while
			})
			if !slices.Equal(before, test.announced) {
				t.Errorf("announced before the command: %q, want %q", before, test.announced)
			}
			if got := errorText(err); got != test.err {
				t.Errorf("error %q, want %q", got, test.err)
			}
			if !p.Closed() {
				t.Error("no goodbye was said")
			}
		})
	}
}

// observing is a publisher with faults.
type observing struct {
	*mdnstest.Publisher
	faults []publication.Fault
}

func (o observing) Asked() <-chan []mdns.Asked { return nil }
func (o observing) Observe() mdns.Observation  { return mdns.Observation{Faults: o.faults} }

// Nothing is called announced where a link with IPv4 addresses can't be served by IPv4.
func TestAnnounceWhereALinkIsUnreachable(t *testing.T) {
	fault := func(link string, v publication.IPVersion) publication.Fault {
		return publication.Fault{Link: link, Version: v, Why: "somebody has the port"}
	}
	const lost = "no phone can be reached by IPv4 on eth0: somebody has the port"
	tests := []struct {
		name     string
		protocol services.Protocol
		on       []string
		faults   []publication.Fault
		err      string
	}{
		{"IPv4", services.AnyProtocol, nil, []publication.Fault{fault("eth0", publication.V4)}, lost},
		{"a service for IPv4", services.IPv4, nil, []publication.Fault{fault("eth0", publication.V4)}, lost},
		{"both", services.AnyProtocol, nil, []publication.Fault{fault("eth0", publication.V4), fault("eth0", publication.V6)}, lost},
		{"IPv6 beside IPv4", services.AnyProtocol, nil, []publication.Fault{fault("eth0", publication.V6)}, ""},
		{"a service for IPv6", services.IPv6, nil, []publication.Fault{fault("eth0", publication.V4)}, ""},
		{"a service that is not for the link", services.AnyProtocol, []string{"lo"}, []publication.Fault{fault("eth0", publication.V4)}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := desired(publication.Rename)
			d.Groups[0].Group.Services[0].Protocol, d.Groups[0].Interfaces = test.protocol, test.on
			p := observing{mdnstest.New(), test.faults}
			announced, ran := 0, false
			err := Announce(t.Context(), p, d, func(events []mdns.Event) { announced += len(events) }, func() error { ran = true; return nil })
			if got := errorText(err); got != test.err {
				t.Errorf("error %q, want %q", got, test.err)
			}
			if ran != (test.err == "") || test.err != "" && announced > 0 || !p.Closed() {
				t.Errorf("ran %t, announced %d, closed %t", ran, announced, p.Closed())
			}
		})
	}
}

func TestAnnounceSaysGoodbyeInAPanic(t *testing.T) {
	p := mdnstest.New()
	defer func() {
		if cause := recover(); cause != "a bug" || !p.SaidGoodbye() {
			t.Errorf("panic %v, goodbye %t", cause, p.SaidGoodbye())
		}
	}()
	_ = Announce(t.Context(), p, desired(publication.Rename), func([]mdns.Event) {}, func() error { panic("a bug") })
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// silent is a publisher that never gets anything announced.
type silent struct{ *mdnstest.Publisher }

func (silent) Apply(context.Context, publication.Desired) error { return nil }
func (silent) Status() []mdns.ServiceStatus                     { return []mdns.ServiceStatus{{State: mdns.Probing}} }

func TestAnnounceEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := silent{mdnstest.New()}
		err := Announce(t.Context(), p, desired(publication.Rename), func([]mdns.Event) {}, func() error {
			t.Error("the command ran though nothing was announced")
			return nil
		})
		if !errors.Is(err, errTooLong) || !p.Closed() {
			t.Errorf("error %v, closed %t", err, p.Closed())
		}
	})
}

func TestRun(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		command []string
		code    int
		says    string
	}{
		{"success", []string{"true"}, 0, ""},
		{"exit status", []string{"sh", "-c", "exit 7"}, 7, "7"},
		{"ended by a signal", []string{"sh", "-c", "kill -TERM $$"}, 143, "143"},
		{"not in PATH", []string{"no-such-command-anywhere"}, 127, "no-such-command-anywhere can't be run"},
		{"missing file", []string{filepath.Join(t.TempDir(), "missing")}, 127, "can't be run"},
		{"not executable", []string{notExecutable}, 126, "permission denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Run(t.Context(), test.command, time.Minute)
			exit, _ := errors.AsType[*Exit](err)
			switch {
			case test.code == 0 && err != nil:
				t.Errorf("got %v", err)
			case test.code != 0 && (exit == nil || exit.Code != test.code || !strings.Contains(exit.Error(), test.says)):
				t.Errorf("%v, want exit status %d and %q", err, test.code, test.says)
			}
		})
	}
}

// A command that does not end is left alone when there is no more time for it.
func TestRunLeavesTheCommandAlone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	err := Run(ctx, []string{"sleep", "0.1"}, 0)
	exit, ok := errors.AsType[*Exit](err)
	if !ok || exit.Code != exitAbandoned || !strings.HasSuffix(exit.Error(), " has not ended and goes on: enough") {
		t.Errorf("%v", err)
	}
}

// A command that takes too long is asked to end, and how it does that does not matter.
func TestRunWithALimit(t *testing.T) {
	for _, test := range []struct {
		name    string
		command []string
	}{
		{"it ends by the signal", []string{"sleep", "60"}},
		{"it ends well", []string{"sh", "-c", `trap 'exit 0' TERM; while :; do sleep 0.05; done`}},
		{"it fails", []string{"sh", "-c", `trap 'exit 3' TERM; while :; do sleep 0.05; done`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			err := Run(t.Context(), test.command, 300*time.Millisecond)
			exit, ok := errors.AsType[*Exit](err)
			if !ok || exit.Code != exitLate || exit.Error() != test.command[0]+" was ended: it has run for 300ms" {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); took > termTime {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestRunPassesSignalsOn runs this test binary again, which runs a shell that waits for a signal.
func TestRunPassesSignalsOn(t *testing.T) {
	if os.Getenv("ANNOUNCER_ONESHOT") != "" {
		err := Run(t.Context(), []string{"sh", "-c", `trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done`}, 0)
		exit, _ := errors.AsType[*Exit](err)
		os.Exit(exit.Code)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestRunPassesSignalsOn$")
	cmd.Env = append(os.Environ(), "ANNOUNCER_ONESHOT=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil { // "ready"
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit status says what is to be known
	if code := cmd.ProcessState.ExitCode(); code != 9 {
		t.Errorf("exit status %d, want 9 from the trap", code)
	}
}

// It waits until so many hosts were answered and a little longer, and reports each once; this host, and who got no
// answer, don't count.
func TestWaitUntilSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := mdnstest.New()
		for _, q := range []struct {
			from          string
			answered, own bool
		}{{"192.0.2.1", true, true}, {"192.0.2.7", false, false}, {"192.0.2.8", true, false}, {"192.0.2.8", true, false}, {"192.0.2.7", true, false}, {"192.0.2.9", true, false}} {
			p.Questions <- []mdns.Asked{{From: netip.MustParseAddr(q.from), Link: "eth0", Answered: q.answered, Own: q.own}}
		}
		p.Happen(mdns.Event{Kind: mdns.ServiceConflict})
		var told []string
		macs := func() phones.Lookup { return func(string, netip.Addr) string { return "" } }
		note := func(a phones.Asker, served int) { told = append(told, fmt.Sprintf("%s: %d", a.Host, served)) }
		began := time.Now()
		served := Wait(t.Context(), p, 2, macs, func([]mdns.Event) {}, note)
		if want := []string{"192.0.2.1: 0", "192.0.2.7: 0", "192.0.2.8: 1", "192.0.2.7: 2", "192.0.2.9: 3"}; served != 3 || !slices.Equal(told, want) {
			t.Errorf("%d served, told %q, want 3, %q", served, told, want)
		}
		if d := time.Since(began); d != linger {
			t.Errorf("it took %v, want %v", d, linger)
		}
		began = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p.Questions <- []mdns.Asked{{From: netip.MustParseAddr("192.0.2.9"), Link: "eth0", Answered: true}}
		if served = Wait(ctx, p, 5, macs, func([]mdns.Event) {}, note); served != 1 || time.Since(began) != time.Minute {
			t.Errorf("%d served within %v, want 1 within a minute", served, time.Since(began))
		}
	})
}

// Thousands of services are reported at once, and none is left out.
func TestAnnounceInBulk(t *testing.T) {
	const services = 3000
	d := desired(slices.Repeat([]publication.Policy{publication.Rename}, services)...)
	for i := range d.Groups {
		d.Groups[i].ID, d.Groups[i].Group.Name = fmt.Sprint(i), fmt.Sprint("x", i)
	}
	var batches []int
	err := Announce(t.Context(), mdnstest.New(), d, func(events []mdns.Event) { batches = append(batches, len(events)) }, func() error { return nil })
	if err != nil || !slices.Equal(batches, []int{services}) {
		t.Errorf("batches of %v, error %v; want one of %d", batches, err, services)
	}
}
