package native

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// panicEnv names the case in which TestPanicSaysGoodbye panics, in a process of its own.
const panicEnv = "ANNOUNCER_TEST_PANIC_OF"

// frail is a network that fails as a test wants, and prints which records it takes away.
type frail struct {
	link.Conn
	breaks, hangs chan struct{}
}

func (f frail) Read(batch []link.Packet, until time.Time) (int, error) {
	select {
	case <-f.breaks:
		panic("a bug")
	default:
		return f.Conn.Read(batch, until)
	}
}

func (f frail) Write(batch []link.Packet) int {
	select {
	case <-f.hangs:
		select {}
	default:
	}
	for _, p := range batch {
		m, _ := wire.Decode(p.Data)
		for _, r := range m.Answers {
			if r.TTL == 0 {
				fmt.Println("goodbye", r.Name, r.Data.Type())
			}
		}
	}
	return f.Conn.Write(batch)
}

// panicsOf are the panics of the engine by name, and whether goodbyes are possible.
var panicsOf = map[string]struct {
	cause   func(p *Publisher, f frail)
	goodbye bool
}{
	"the network":           {func(_ *Publisher, f frail) { close(f.breaks); f.Wake() }, true},
	"a job":                 {func(p *Publisher, _ frail) { p.have(func() { panic("a bug") }) }, true},
	"the responder is lost": {func(p *Publisher, _ frail) { p.have(func() { p.responder = nil; panic("a bug") }) }, false},
	"the network hangs":     {func(p *Publisher, f frail) { close(f.hangs); p.have(func() { panic("a bug") }) }, false},
}

// have has the loop do something, and does not wait for it.
func (p *Publisher) have(job func()) { go p.do(context.Background(), job) }

// A panic of the engine ends the process with the exit code and the dump of Go, but first it withdraws the services, if
// that is possible.
func TestPanicSaysGoodbye(t *testing.T) {
	if name := os.Getenv(panicEnv); name != "" {
		synctest.Test(t, func(t *testing.T) { panicOf(t, name) })
		return
	}
	for name, c := range panicsOf {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicSaysGoodbye$")
			cmd.Env = append(os.Environ(), panicEnv+"="+name)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 2 {
				t.Errorf("exit code %d (%v), want 2", code, err)
			}
			text := string(out)
			if !strings.Contains(text, "panic: a bug") || !strings.Contains(text, "\ngoroutine ") {
				t.Error("it is no panic")
			}
			for _, record := range []string{"Desk._sip._udp.local SRV", "Desk._sip._udp.local TXT", "_sip._udp.local PTR", "pbx.local A"} {
				if strings.Contains(text, "goodbye "+record+"\n") != c.goodbye {
					t.Errorf("a goodbye for %s: want %v", record, c.goodbye)
				}
			}
			if t.Failed() {
				t.Logf("%s", text)
			}
		})
	}
}

// panicOf announces a service and panics.
func panicOf(t *testing.T, name string) {
	net := memlink.Live(1)
	h := net.NewHost("pbx")
	h.Plug(net.NewSegment(), netip.MustParsePrefix("192.0.2.1/24"))
	f := frail{h.Conn(), make(chan struct{}), make(chan struct{})}
	p := New(Config{Conn: f, Log: slog.New(slog.DiscardHandler)})
	if err := p.Apply(t.Context(), publication.Desired{Host: "pbx", Links: h.Links(), Groups: []publication.Publication{sip("Desk")}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	panicsOf[name].cause(p, f)
	time.Sleep(time.Minute)
	t.Error("it lives")
}
