package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/status"
)

// broken returns an interface on which no multicast goes out.
func broken(index int, name string, addrs ...publication.LinkAddr) publication.Link {
	return publication.Link{Index: index, Name: name, Addrs: addrs, Outage: publication.Outage{Why: "down", Remedy: "ip link set " + name + " up"}}
}

// TestInterfacesThatAreNotUsed has a row and a reason for each interface that is named or has an address.
func TestInterfacesThatAreNotUsed(t *testing.T) {
	here, eth0 := "[daemon]\nservices = [\".\"]\n", testLink(1, "eth0")
	for _, test := range []struct {
		name   string
		config string
		links  []publication.Link
		rows   string
	}{
		{"nothing named", here, []publication.Link{eth0, broken(2, "eth1", eth0.Addrs...), broken(3, "eth2")}, "eth0, eth1 not used: down; ip link set eth1 up"},
		{"named", here + "interfaces = [\"eth0\", \"eth2\"]\n", []publication.Link{eth0, broken(2, "eth1", eth0.Addrs...), broken(3, "eth2")},
			"eth0, eth1 not used: not in the list of interfaces: eth0, eth2, eth2 not used: down; ip link set eth2 up"},
		{"named by a glob", here + "interfaces = [\"eth*\"]\n", []publication.Link{eth0, broken(2, "eth1"), broken(3, "sit0")}, "eth0, eth1 not used: down; ip link set eth1 up"},
		{"named by a rule", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"eth1\", \"eth2\"]\n", []publication.Link{eth0, broken(2, "eth1")},
			"eth0, eth1 not used: down; ip link set eth1 up, eth2 not used: it does not exist; check the name, or plug it in"},
		{"named and absent", here + "interfaces = [\"ea\", \"eth*\", \"wl*\"]\n", []publication.Link{eth0}, "eth0, ea not used: it does not exist; check the name, or plug it in"},
		{"named and denied", here + "interfaces = [\"eth*\"]\ninterfaces_deny = [\"eth1\"]\n", []publication.Link{eth0, broken(2, "eth1")}, "eth0, eth1 not used: denied by interfaces_deny"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, map[string]string{"x.service": definition}, func(b *bench) { b.config, b.links = test.config, test.links })
				defer b.end()
				var rows []string
				for _, l := range b.status(t).Links {
					row := l.Name
					if !l.Used {
						row += " not used: " + l.Unused()
					}
					rows = append(rows, row)
				}
				if got := strings.Join(rows, ", "); got != test.rows {
					t.Errorf("got  %q\nwant %q", got, test.rows)
				}
			})
		})
	}
}

// TestAbsence has an interface go away: that is a problem after a minute, if anything needs it, and none when it is back.
func TestAbsence(t *testing.T) {
	here := "[daemon]\nservices = [\".\"]\n"
	eth0, eth1, again := testLink(1, "eth0"), testLink(2, "eth1"), testLink(7, "eth1")
	for _, test := range []struct {
		name     string
		config   string
		gone     []publication.Link // what is here meanwhile
		problems int                // after a minute
		warning  string             // in the log then; "": none
	}{
		{"the name", here + "interfaces = [\"eth0\", \"eth1\"]\n", []publication.Link{eth0}, 1, `no interface matches \"eth1\"`},
		{"down", here + "interfaces = [\"eth0\", \"eth1\"]\n", []publication.Link{eth0, broken(2, "eth1")}, 1, "eth1 is down (ip link set eth1 up)"},
		{"the only one that is named", here + "interfaces = [\"eth1\"]\n", []publication.Link{eth0}, 3, `no interface matches \"eth1\"`},
		{"the only one of a definition", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"eth1\"]\n", []publication.Link{eth0, broken(2, "eth1")}, 1, "none of its interfaces is used"},
		{"the only one of a definition, by a glob", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"eth1*\"]\n", []publication.Link{eth0}, 1, "none of its interfaces is used"},
		{"one of two of a definition", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"eth0\", \"eth1\"]\n", []publication.Link{eth0}, 1, ""},
		{"one that nothing names", here, []publication.Link{eth0, broken(2, "eth1")}, 0, ""},
		{"all, and nothing is named", here, []publication.Link{}, 2, "no interface was named, and none is usable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, map[string]string{"x.service": definition}, func(b *bench) { b.config, b.links = test.config, []publication.Link{eth0, eth1} })
				defer b.end()
				change := func(links ...publication.Link) {
					b.setLinks(nil, links...)
					b.changed <- struct{}{}
					synctest.Wait()
				}
				expect := func(when string, problems int, warning string) {
					t.Helper()
					if s := b.status(t); len(s.Problems) != problems || s.Healthy != (problems == 0) {
						t.Errorf("%s: problems %q, want %d", when, s.Problems, problems)
					}
					var serious []string
					for line := range strings.Lines(b.log.String()) {
						if strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") {
							serious = append(serious, line)
						}
					}
					if warning == "" && len(serious) > 0 || warning != "" && (len(serious) != 1 || !strings.Contains(serious[0], warning)) {
						t.Errorf("%s: warnings and errors %q, want %q", when, serious, warning)
					}
				}
				expect("at the start", 0, "")

				change(test.gone...)
				b.expectLog(t, `msg="link changed" link=eth1`)
				expect("gone", 0, "")
				time.Sleep(status.AbsenceMost - time.Second)
				expect("gone for a while", 0, "")
				change(eth0, again)
				expect("back in time", 0, "")

				change(test.gone...)
				time.Sleep(status.AbsenceMost + 2*heartbeat)
				expect("gone for long", test.problems, test.warning)
				change(test.gone...)
				expect("still gone", test.problems, test.warning)
				change(eth0, again)
				expect("back", 0, test.warning)
			})
		})
	}
}

// TestAbsentRow has an interface that nothing names be shown for as long as its absence is short.
func TestAbsentRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition}, func(b *bench) { b.links = []publication.Link{testLink(1, "eth0"), testLink(2, "eth1")} })
		defer b.end()
		b.setLinks(nil, testLink(1, "eth0"))
		b.changed <- struct{}{}
		synctest.Wait()
		lost := time.Now()
		row := func() (l status.Link, ok bool) {
			links := b.status(t).Links
			i := slices.IndexFunc(links, func(l status.Link) bool { return l.Name == "eth1" })
			if i < 0 {
				return l, false
			}
			return links[i], true
		}
		time.Sleep(time.Second)
		if l, ok := row(); !ok || l.Used || !l.Lost.Equal(lost) {
			t.Errorf("after a second: %+v, %t", l, ok)
		}
		time.Sleep(status.AbsenceMost)
		if l, ok := row(); ok {
			t.Errorf("after a minute: %+v", l)
		}
	})
}

// TestAssumedLinks has the choice of links be no warning, in one line for each change of it.
func TestAssumedLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many []publication.Link
		for i := range 120 {
			many = append(many, testLink(i+1, fmt.Sprintf("lan%d", i)))
		}
		b := start(t, map[string]string{"x.service": definition}, func(b *bench) { b.links = many })
		defer b.end()
		lines := func(want int) {
			t.Helper()
			var all []string
			for line := range strings.Lines(b.log.String()) {
				if strings.Contains(line, "no interface was named") {
					all = append(all, line)
				}
			}
			if len(all) != want || !strings.Contains(all[0], "level=INFO") || !strings.Contains(all[0], "using lan0, lan1, ") ||
				!strings.Contains(all[0], "lan9 and 110 more") || strings.Contains(all[0], "lan10") {
				t.Errorf("the log has %d lines about the choice, want %d: %q", len(all), want, all)
			}
		}
		lines(1)
		for range 3 {
			b.reloaded(t)
		}
		b.setLinks(nil, append(many, broken(121, "eth1", many[0].Addrs...), testLink(122, "docker0"))...)
		b.changed <- struct{}{}
		time.Sleep(time.Hour)
		lines(1)
		b.setLinks(nil, append(many, testLink(123, "lan120"))...)
		b.changed <- struct{}{}
		time.Sleep(heartbeat)
		lines(2)
	})
}

// TestLevelsOfRefusal has a service that waits for an address of its link be no error, unlike others.
func TestLevelsOfRefusal(t *testing.T) {
	refused := func(why string) mdns.Event { return mdns.Event{Kind: mdns.ServiceRefused, Detail: why} }
	for _, test := range []struct {
		name   string
		events []mdns.Event
		want   slog.Level
	}{
		{"no address", []mdns.Event{refused(mdns.NoAddress)}, slog.LevelInfo},
		{"no IPv4 address", []mdns.Event{refused(mdns.NoIPv4Address)}, slog.LevelInfo},
		{"another host has the name", []mdns.Event{refused("another host has it")}, slog.LevelError},
		{"both", []mdns.Event{refused(mdns.NoAddress), refused("another host has it")}, slog.LevelError},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := levelOfAll(test.events); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
