//go:build linux

package world

import (
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// TestAnnounced checks that a world fails in which a record is not announced that is new, or that is old and must be said again.
func TestAnnounced(t *testing.T) {
	for _, test := range []struct {
		name, file string // of which nothing is heard; "": all is
		check      func(w *World)
		want       string
	}{
		{"what is new is heard", "", (*World).checkAnnounced, ""},
		{"what is new is not heard", "f2.service", (*World).checkAnnounced, `f2\.service`},
		{"what is old is not heard", "f0.service", (*World).checkAnnounced, ""},
		{"what was there while netlink failed is not heard", "", func(w *World) {
			h := w.hosts[0]
			h.netlinkFails()
			h.flip(h.dice, unix.IFF_UP)
			w.begin()
			h.mend(w)
			w.rest(mendTime)
			w.checkAnnounced()
		}, ""},
		{"nothing is said after a sleep", "", func(w *World) { w.hosts[0].checkWake(w, longSleep+1) }, "pbx0.local"},
		{"nothing is said after a nap", "", func(w *World) { w.hosts[0].checkWake(w, longSleep) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(settleTime)
				h := w.hosts[0]
				w.begin()
				h.save("f2.service", h.draw(h.dice, "f2.service"), h.dice)
				w.rest(settleTime)
				for said := range w.segments[0].spoken {
					if test.file != "" && strings.Contains(said.fact, test.file) {
						delete(w.segments[0].spoken, said)
					}
				}
				test.check(w)
				if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
					t.Errorf("the failures are %q; want %q", got, test.want)
				}
				w.end()
			})
		})
	}
}

// TestAnswers checks that a world fails in which a host says what no definition has.
func TestAnswers(t *testing.T) {
	const name = "pbx0 f0.service"
	defined := service{name, 5060, "v=1"}
	srv := func(port uint16, host string) mdns.Data { return mdns.SRV{Port: port, Target: mdns.HostName(host)} }
	for _, test := range []struct {
		name, instance string
		data           mdns.Data
		isDefined      bool
	}{
		{"port and host", name, srv(5060, "pbx0"), true},
		{"text", name, mdns.NewTXT("v=1"), true},
		{"renamed", name + " #2", srv(5060, "pbx0"), true},
		{"host of before", name, srv(5060, "pbx0-17"), true},
		{"another port", name, srv(5061, "pbx0"), false},
		{"another host", name, srv(5060, "pbx1"), false},
		{"another text", name, mdns.NewTXT("v=2"), false},
		{"another name", "pbx0 f1.service", srv(5060, "pbx0"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				h := w.hosts[0]
				h.truth.known = map[string]service{"f0.service": defined}
				instance, err := typeName.Child(test.instance)
				if err != nil {
					t.Fatal(err)
				}
				h.answers(w.segments[0], &wire.Message{Answers: []mdns.Record{{Name: instance, TTL: 120, Data: test.data}}})
				if (len(w.failures) == 0) != test.isDefined {
					t.Errorf("the failures are %q", w.failures)
				}
				w.end()
			})
		})
	}
}

// TestPrompt checks that a world fails in which a file that is saved where nothing is wrong is announced late.
func TestPrompt(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(w *World, h *host)
		want   string
	}{
		{"soon", func(*World, *host) {}, ""},
		{"late", func(_ *World, h *host) { h.gate.close() }, "has not announced"},
		{"while there is a fault", func(_ *World, h *host) { h.gate.close(); h.setJam(&jam{why: unix.EPERM, segment: 0}) }, ""},
		{"while the network is split", func(w *World, h *host) { h.gate.close(); w.part(h.dice); w.rest(settleTime) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				w := newWorld(1, Settings{Hosts: 1})
				w.rest(2 * settleTime)
				test.before(w, w.hosts[0])
				w.begin()
				w.live(Step{Action: "save", Draw: 3})
				if got := strings.Join(w.failures, "\n"); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
					t.Errorf("the failures are %q; want %q", got, test.want)
				}
				w.hosts[0].resume()
				w.end()
			})
		})
	}
}
