//go:build linux

package world

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/status"
)

// telling is how the daemon of a host reports an event: by a line of its log, or by a metric that grows.
type telling struct {
	event  string // the name of the action
	draw   uint64 // of its choices
	before func(w *World, h *host)
	after  func(w *World, h *host)
	told   string  // what a line of the log has, or the beginning of a metric
	idle   float64 // by how much that metric grows in minutes in which nothing happens
	over   string  // the same for the next time that it happens, which ends it; "": it has no end
	silent string  // why it is not reported, or tried here
}

var (
	withCheck  = func(_ *World, h *host) { h.save("c0.service", h.draw(h.dice, "c0.service"), h.dice) }
	withRival  = func(w *World, _ *host) { h := w.hosts[1]; h.save("s0.service", h.draw(h.dice, "s0.service"), h.dice) }
	withEdit   = func(_ *World, h *host) { h.save("f2.service", h.draw(h.dice, "f2.service"), h.dice) }
	withRemote = func(w *World, h *host) { h.save("r0.toml", h.draw(h.dice, "r0.toml"), h.dice); w.rest(promisedTime) }
	withKey    = func(w *World, h *host) { h.save("e0.toml", h.draw(h.dice, "e0.toml"), h.dice); w.rest(settleTime) }
	withAsking = func(w *World, _ *host) { w.rest(promisedTime) }
	terminated = func(_ *World, h *host) { h.stop(errTerminated) }
)

// askedAlone is the most questions that a host hears in three minutes in which nothing happens.
const askedAlone = 12

// tellings has every action, with how it is reported.
var tellings = []telling{
	{event: "save", told: `msg="files changed" changed=`},
	{event: "save", draw: 1, before: withRival, told: "announcer_conflicts_total"},
	{event: "save", draw: 1, before: withRival, told: "Shared PBX #2"},
	{event: "spoil", told: "level=ERROR"},
	{event: "half a file", draw: 2, told: "level=ERROR", over: "refused=none"},
	{event: "delete", told: `msg="files changed" removed=`},
	{event: "chmod", told: "permission denied", over: "refused=none"},
	{event: "directory hangs", told: "has not answered since", over: "refused=none"},
	{event: "directory goes", told: "does not exist any more", over: `msg="files changed" added=`},
	{event: "directory replaced", draw: 1, told: `msg="files changed" changed=`},
	{event: "disk fails", told: "it can't be read", over: "refused=none"},
	{event: "short reads", silent: "the rest is read then"},
	{event: "events are lost", told: `msg="files changed" changed=`},
	{event: "rename host", told: `msg="host name changed"`},
	{event: "provision", draw: 2, after: withAsking, told: "stays in use", over: `msg="server of definitions answers"`},
	{event: "etcd", draw: 1, told: `msg="files changed" added=`},
	{event: "etcd fails", before: withKey, told: "stays in use", over: `msg="server of definitions answers"`},
	{event: "etcd turns", before: withKey, told: "in use all the same"},
	{event: "server", before: withCheck, told: "does not answer", over: "server answers, service announced"},
	{event: "touch nothing", silent: "nothing happens"},
	{event: "carrier", told: `change="without a carrier"`, over: `change="up, with`},
	{event: "down", told: "change=down", over: `change="up, with`},
	{event: "multicast", told: `change="without multicast"`, over: `change="up, with`},
	{event: "address", told: `change="address 10.0.0.1/16 removed"`},
	{event: "address", draw: 1, told: `change="address 10.0.1.216/16 added"`},
	{event: "address state", draw: 1, told: `change="address fe80::1/64 deprecated"`},
	{event: "rename link", told: `change="renamed, it was eth0"`},
	{event: "reindex", draw: 3, told: "change=removed"},
	{event: "reindex", draw: 8, told: `change=removed`},
	{event: "unplug", draw: 3, told: "change=removed", over: `change="up, with`},
	{event: "mtu", told: `change="MTU`},
	{event: "netlink fails", told: `msg="the change of the links is not applied yet"`, over: `msg="all changes are applied"`},
	{event: "netlink hangs", told: `msg="the change of the links is not applied yet"`, over: `msg="all changes are applied"`},
	{event: "netlink overrun", told: `change="without a carrier"`},
	{event: "bridge", told: `change="port of br-eth0"`, over: "change=removed"},
	{event: "clock", draw: 1, told: "msg=woke"},
	{event: "clock", silent: "it is set back, and everything is measured by a clock that can't be set"},
	{event: "disk full", after: withEdit, told: `msg="what is announced is not noted for the next start"`, over: "is noted for the next start again"},
	{event: "disk full", after: withRemote, told: "no space left on device"},
	{event: "writing fails", after: withEdit, told: "is not noted for the next start", over: "is noted for the next start again"},
	{event: "writing fails", draw: 2, after: withEdit, told: "is not noted for the next start", over: "is noted for the next start again"},
	{event: "writing fails", draw: 4, after: withEdit, told: "is not noted for the next start", over: "is noted for the next start again"},
	{event: "writing fails", draw: 2, after: withRemote, told: "read-only file system"},
	{event: "writing fails", draw: 4, after: withRemote, told: "input/output error"},
	{event: "configuration fails", told: "it has not answered since", over: "refused=none"},
	{event: "configuration fails", draw: 6, told: "it can't be opened", over: "refused=none"},
	{event: "configuration fails", draw: 4, told: "it can't be read", over: "refused=none"},
	{event: "watching fails", told: `msg="about the files"`, over: `msg="no longer so about the files"`},
	{event: "start without configuration", told: "the configuration is waited for"},
	{event: "manager is deaf", told: "the service manager is not notified", over: "the service manager is notified again"},
	{event: "control socket", told: "the socket has been removed"},
	{event: "control socket", draw: 1, told: "the control socket does not work", over: "the control socket works again"},
	{event: "control socket", draw: 2, told: "the control socket does not work", over: "the control socket works again"},
	{event: "control socket", draw: 9, told: "the control socket does not work", over: "the control socket works again"},
	{event: "control socket", draw: 10, told: "the control socket does not work", over: "the control socket works again"},
	{event: "control socket", draw: 12, told: "the control socket does not work", over: "the control socket works again"},
	{event: "control socket", draw: 14, told: "the control socket does not work", over: "the control socket works again"},
	{event: "control socket", draw: 4, told: "the control socket takes no clients", over: "the control socket takes clients again"},
	{event: "reflector", draw: 1, told: "announcer_packets_received_total", idle: askedAlone},
	{event: "firewall", told: "no packet can be sent", over: "msg=reachable"},
	{event: "sending fails", told: "no packet can be sent", over: "msg=reachable"},
	{event: "sockets fail", told: "too many open files", over: "msg=reachable"},
	{event: "hiccup", draw: 2, told: "announcer_send_errors_total"},
	{event: "port held", told: "is held by dnsmasq", over: "msg=reachable"},
	{event: "storm", silent: "a packet that is lost is lost for all"},
	{event: "partition", silent: "likewise"},
	{event: "garbage", told: `announcer_packets_dropped_total{reason="malformed"}`},
	{event: "flood", told: `announcer_packets_received_total{kind="query"}`, idle: askedAlone},
	{event: "questions", told: `announcer_packets_received_total{kind="query"}`, idle: askedAlone},
	{event: "echo", told: `announcer_packets_received_total{kind="response"}`},
	{event: "stale records", told: `announcer_packets_received_total{kind="response"}`},
	{event: "mend", before: terminated, told: "msg=announced"},
	{event: "kill", told: "msg=announced"},
	{event: "kill and delete", told: "msg=announced"},
	{event: "restart", told: `msg="ended without goodbyes, for a restart"`},
	{event: "terminate", told: "msg=ended"},
	{event: "start", before: terminated, told: "msg=announced"},
	{event: "hangup", told: "msg=reloaded"},
	{event: "suspend", told: "msg=woke"},
	{event: "signals", silent: "each has a row: terminate, hangup, restart, kill"},
	{event: "second process", silent: "it ends with an error of its own"},
	{event: "avahi", silent: "a conflict has rows: save"},
	{event: "rival", told: "msg=conflict"},
	{event: "clone", draw: 2, told: "announcer_conflicts_total"},
	{event: "SIGSTOP", draw: 1, told: "msg=announced"},
}

// TestEventsAreTold checks that each event is in the log of the daemon or in its metrics.
func TestEventsAreTold(t *testing.T) {
	for i, test := range tellings {
		if test.silent != "" {
			continue
		}
		t.Run(fmt.Sprint(i, " ", test.event), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, h := test.begin()
				for _, want := range []string{test.told, test.over} {
					if want != "" && !test.isTold(w, h, want) {
						t.Errorf("neither log nor metrics have %s; the log:\n%s", want, h.log.String())
					}
				}
				w.end()
			})
		})
	}
}

// TestQuietIsNotTold checks that no row is satisfied if nothing happens.
func TestQuietIsNotTold(t *testing.T) {
	for i, test := range tellings {
		if test.silent != "" {
			continue
		}
		t.Run(fmt.Sprint(i, " ", test.event), func(t *testing.T) {
			synctest.Test(t, func(*testing.T) {
				w, h := test.begin()
				quiet := test
				quiet.event, quiet.after = "touch nothing", func(w *World, _ *host) { w.rest(2 * time.Minute) }
				if quiet.isTold(w, h, test.told) {
					t.Errorf("it is told though nothing happens; the log:\n%s", h.log.String())
				}
				w.end()
			})
		})
	}
}

// begin returns a world in which the event can happen, and the host that reports it.
func (test telling) begin() (*World, *host) {
	w := newWorld(1, Settings{Hosts: 2})
	w.rest(settleTime)
	h := w.hosts[0]
	if test.before != nil {
		test.before(w, h)
		w.rest(settleTime)
	}
	return w, h
}

// isTold makes the event happen, and reports whether the host says so.
func (test telling) isTold(w *World, h *host, want string) bool {
	h.log.Reset()
	before := h.metrics()
	w.do(Step{Action: test.event, Draw: test.draw})
	if test.after != nil {
		test.after(w, h)
	}
	w.rest(recentTime)
	for metric, value := range h.metrics() {
		if strings.HasPrefix(metric, want) && value > before[metric]+test.idle {
			return true
		}
	}
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, want) && !strings.Contains(line, "level=DEBUG") {
			return true
		}
	}
	return false
}

// metrics returns the metrics of the daemon, by name and labels.
func (h *host) metrics() map[string]float64 {
	all := map[string]float64{}
	if h.process == nil {
		return all
	}
	answer := httptest.NewRecorder()
	status.Metrics(func() (status.Status, error) {
		s, _ := h.process.status()
		return s, nil
	}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		var value float64
		at := strings.LastIndex(lines.Text(), " ")
		if _, err := fmt.Sscan(lines.Text()[at+1:], &value); err == nil {
			all[lines.Text()[:at]] = value
		}
	}
	return all
}

// TestAllActionsHaveATelling checks that no action is left out.
func TestAllActionsHaveATelling(t *testing.T) {
	for _, a := range actions {
		t.Run(a.name, func(t *testing.T) {
			for _, test := range tellings {
				if test.event == a.name && (test.told == "") != (test.silent == "") {
					return
				}
			}
			t.Error("it is not said how the daemon reports it; want a row in tellings")
		})
	}
}
