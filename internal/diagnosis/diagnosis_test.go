package diagnosis

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/wire"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/services"
)

// addr is an address of an interface.
func addr(text string, set ...func(*publication.LinkAddr)) publication.LinkAddr {
	a := publication.LinkAddr{Prefix: netip.MustParsePrefix(text)}
	for _, f := range set {
		f(&a)
	}
	return a
}

func eth0(addrs ...publication.LinkAddr) publication.Link {
	return publication.Link{Index: 2, Name: "eth0", Addrs: addrs, Carriers: []publication.Carrier{{Index: 2, Name: "eth0"}}}
}

// TestAddresses checks what is said of the addresses of a link.
func TestAddresses(t *testing.T) {
	deprecated := func(a *publication.LinkAddr) { a.Deprecated = true }
	tentative := func(a *publication.LinkAddr) { a.Tentative = true }
	duplicate := func(a *publication.LinkAddr) { a.Tentative, a.Duplicate = true, true }
	for _, test := range []struct {
		name  string
		addrs []publication.LinkAddr
		state State
		text  string
	}{
		{"none", nil, Wrong, "it has no address"},
		{"good", []publication.LinkAddr{addr("192.0.2.5/24")}, OK, "192.0.2.5/24"},
		{"IPv6 alone", []publication.LinkAddr{addr("2001:db8::5/64")}, Hint, "phones speak IPv4"},
		{"link-local IPv6 alone", []publication.LinkAddr{addr("fe80::5/64")}, Wrong, "link-local addresses alone"},
		{"link-local IPv4 alone", []publication.LinkAddr{addr("169.254.1.5/16"), addr("fe80::5/64")}, Wrong, "link-local addresses alone"},
		{"tentative", []publication.LinkAddr{addr("2001:db8::5/64", tentative)}, Hint, "tentative"},
		{"duplicate", []publication.LinkAddr{addr("192.0.2.5/24"), addr("2001:db8::5/64", duplicate)}, Wrong, "another host has 2001:db8::5, too"},
		{"run out", []publication.LinkAddr{addr("192.0.2.5/24", deprecated), addr("fe80::5/64")}, Wrong, "the lifetime of 192.0.2.5/24 has run out"},
		{"one of two has run out", []publication.LinkAddr{addr("192.0.2.5/24"), addr("192.0.2.6/24", deprecated)}, Hint, "the lifetime of 192.0.2.6/24 has run out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := addresses(eth0(test.addrs...))
			if len(found) != 1 || found[0].State != test.state || !strings.Contains(found[0].Text, test.text) {
				t.Errorf("got %+v; want %s: %q", found, test.state, test.text)
			}
		})
	}
}

// sound returns a sight in which all is well on eth0.
func sound() Sight {
	v4 := Leg{2, publication.V4}
	return Sight{
		Links:   publication.Links{eth0(addr("192.0.2.5/24"))},
		Hearing: Hearing{Sent: map[Leg]error{v4: nil}, Own: map[Leg]bool{v4: true}, Heard: map[int][]netip.Addr{2: {netip.MustParseAddr("192.0.2.6")}}},
		Daemon:  Running{Why: "no daemon listens"},
		Failed:  map[Subject]string{},
	}
}

// second returns another link.
func second(address string) publication.Link {
	return publication.Link{Index: 3, Name: "eth1", Addrs: []publication.LinkAddr{addr(address)}}
}

// TestSoundShapes wants no hint about networks in which nothing is wrong.
func TestSoundShapes(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Sight)
	}{
		{"one link", func(*Sight) {}},
		{"another network", func(s *Sight) { s.Links = append(s.Links, second("198.51.100.5/24")) }},
		{"two addresses of hosts alone", func(s *Sight) {
			s.Links = append(s.Links, second("192.0.2.5/32"))
		}},
		{"a second network on the link", func(s *Sight) {
			s.Links[0].Addrs = append(s.Links[0].Addrs, addr("198.51.100.5/24"))
			s.Hearing.Heard[2] = append(s.Hearing.Heard[2], netip.MustParseAddr("198.51.100.9"))
		}},
		{"a host with a link-local address", func(s *Sight) { s.Hearing.Heard[2] = []netip.Addr{netip.MustParseAddr("169.254.7.9")} }},
		{"an address of this host alone", func(s *Sight) { s.Links[0].Addrs[0] = addr("198.51.100.5/32") }},
		{"a line with two ends", func(s *Sight) { s.Links[0].Addrs[0] = addr("198.51.100.4/31") }},
		{"a tunnel", func(s *Sight) { s.Links[0].PointToPoint, s.Links[0].Addrs[0] = true, addr("198.51.100.5/24") }},
		{"an IPv6 address of this host alone", func(s *Sight) {
			s.Links[0].Addrs = []publication.LinkAddr{addr("198.51.100.5/32"), addr("2001:db8::5/128")}
			s.Hearing.Heard[2] = append(s.Hearing.Heard[2], netip.MustParseAddr("2001:db8:1::6"))
		}},
		{"an address of this host alone beside a network", func(s *Sight) { s.Links[0].Addrs = append(s.Links[0].Addrs, addr("198.51.100.5/32")) }},
		{"IPv6 alone", func(s *Sight) { s.Links[0].Addrs = []publication.LinkAddr{addr("2001:db8::5/64")} }},
		{"an MTU of Ethernet", func(s *Sight) { s.Links[0].MTU = 1500 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := sound()
			test.change(&s)
			for _, l := range s.Links {
				if found := s.shape(l, s.Links); found != nil {
					t.Errorf("got %+v", found)
				}
			}
		})
	}
}

// TestFindings checks what is said of a sight in which one thing is not sound.
func TestFindings(t *testing.T) {
	phone := netwatch.Neighbour{Link: "eth0", Host: netip.MustParseAddr("192.0.2.31"), MAC: "00:0f:d3:00:00:01"}
	digium := dnsname.MustParse("_digiumproxy._udp")
	server := func(name, from string) browse.Entry {
		return browse.Entry{Link: "eth0", Instance: name, Type: digium, From: []browse.Sender{{Addr: netip.MustParseAddr(from)}}}
	}
	ours := []publication.Publication{{ID: "pbx.service", Group: services.Group{Name: "Front office", Services: []services.Service{{Type: digium, Port: 5060}}}}}
	deaf := Running{Time: time.Unix(5000, 0)}
	deaf.Daemon.PID, deaf.Daemon.Started = 1, time.Unix(1000, 0)
	deaf.Links = []RunningLink{{Name: "eth0", Used: true}}
	var renamed Running
	if err := json.Unmarshal([]byte(`{"daemon": {"pid": 1}, "services": [{"name": "Front office #2"}], "hints": ["port 5353 is shared"]}`), &renamed); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*Sight)
		state  State
		step   Step
		text   string
	}{
		{"an interface that is not there", func(s *Sight) { s.Allow = []string{"eth7"} }, Wrong, Interface, `no interface matches "eth7"`},
		{"no interface", func(s *Sight) { s.Links = nil }, Wrong, Interface, "no interface is usable"},
		{"interfaces that can't be read", func(s *Sight) { s.Failed[lookLinks] = "netlink is refused" }, Wrong, Interface, "netlink is refused"},
		{"the port of IPv6 is held", func(s *Sight) {
			s.Links[0].Addrs = append(s.Links[0].Addrs, addr("2001:db8::5/64"))
			s.Hearing.Faults = []link.Fault{{Version: publication.V6, Why: "held by x"}}
		}, Hint, Socket, "held by x"},
		{"the group can't be joined", func(s *Sight) {
			s.Hearing.Faults = []link.Fault{{Version: publication.V4, Link: 2, Why: "failed to listen"}}
		}, Wrong, Multicast, "failed to listen"},
		{"no route", func(s *Sight) { s.Hearing.Sent[Leg{2, publication.V4}] = errors.New("network is unreachable") }, Wrong, Multicast, "no packet can be sent to 224.0.0.251: network is unreachable"},
		{"the loopback, which has no route for IPv6", func(s *Sight) {
			s.Links[0].Loopback, s.Allow = true, []string{"eth0"}
			s.Links[0].Addrs = append(s.Links[0].Addrs, addr("::1/128"))
			s.Hearing.Sent[Leg{2, publication.V6}] = errors.New("network is unreachable")
		}, OK, Multicast, "joined: 224.0.0.251"},
		{"rules that can't be read", func(s *Sight) { s.Failed[lookRules] = "to root only" }, OK, Firewall, "the rules were not read: to root only"},
		{"port shared", func(s *Sight) { s.Sharers = []string{"avahi-daemon (pid 812)"} }, OK, Socket, "shared with avahi-daemon (pid 812)"},
		{"a port of a bridge that was named", func(s *Sight) { s.Links[0].Master, s.Allow = "br0", []string{"eth0"} }, Hint, Addresses, "it is a port of br0"},
		{"two links on one network", func(s *Sight) { s.Links = append(s.Links, second("192.0.2.7/24")) }, Hint, Addresses, "eth0 is on the same network"},
		{"a host that the netmask leaves out", func(s *Sight) { s.Links[0].Addrs[0] = addr("192.0.2.129/28") }, Hint, Addresses, "192.0.2.6 is in none of its networks (192.0.2.129/28)"},
		{"a host that the netmask leaves out, beside an address of this host alone", func(s *Sight) {
			s.Links[0].Addrs = []publication.LinkAddr{addr("192.0.2.129/28"), addr("192.0.2.7/32")}
		}, Hint, Addresses, "192.0.2.6 is in none of its networks (192.0.2.129/28)"},
		{"ARP that is off", func(s *Sight) { s.Links[0].NoARP = true }, Hint, Addresses, "ARP is off"},
		{"a small MTU", func(s *Sight) { s.Links[0].MTU = 500 }, Hint, Addresses, "its MTU of 500 bytes is small"},
		{"nobody is heard", func(s *Sight) { s.Hearing.Heard = nil }, Hint, Snooping, "no other host was heard"},
		{"a host that answers by unicast alone", func(s *Sight) { s.Unicast = map[int][]netip.Addr{2: {phone.Host}} }, Hint, Snooping, "192.0.2.31 answers by unicast"},
		{"hosts of which no multicast comes", func(s *Sight) { s.Hearing.Heard, s.Unicast = nil, map[int][]netip.Addr{2: {phone.Host}} }, Wrong, Snooping, "192.0.2.31 answers by unicast"},
		{"a frame of another host that does not reach the socket", func(s *Sight) {
			s.Frames.Senders = map[Leg][]netip.Addr{{2, publication.V4}: {phone.Host}}
		}, Wrong, Firewall, "those of 192.0.2.31 reach the interface, not the socket"},
		{"packets that do not come back, and rules that can't be read", func(s *Sight) {
			s.Hearing.Own, s.Failed[lookRules] = nil, "to root only"
		}, Wrong, Firewall, "packets coming in to UDP port 5353 by IPv4 are dropped; own ones do not come back; the rules were not read: to root only"},
		{"own frames that come back", func(s *Sight) {
			s.Frames.Senders = map[Leg][]netip.Addr{{2, publication.V4}: {netip.MustParseAddr("192.0.2.5"), netip.MustParseAddr("192.0.2.6")}}
		}, OK, Firewall, "own packets go out and come back"},
		{"a daemon that hears no host", func(s *Sight) { s.Daemon = deaf }, Hint, Snooping, "the daemon heard no host for 10 minutes"},
		{"a bridge with a querier", func(s *Sight) { s.Switches.Bridges = []netwatch.Bridge{{Name: "eth0", Snoops: true, Querier: true}} }, OK, Snooping, "192.0.2.6"},
		{"a bridge elsewhere", func(s *Sight) { s.Switches.Bridges = []netwatch.Bridge{{Name: "virbr0", Snoops: true}} }, OK, Snooping, "192.0.2.6"},
		{"another server", func(s *Sight) { s.Groups, s.Services = ours, []browse.Entry{server("Old", "192.0.2.9")} }, Wrong, Servers, `phones find "Old" of 192.0.2.9 beside ours`},
		{"the server of another host alone", func(s *Sight) { s.Services = []browse.Entry{server("Old", "192.0.2.9")} }, OK, Servers, `phones find "Old" of 192.0.2.9 alone`},
		{"two servers of others", func(s *Sight) { s.Services = []browse.Entry{server("A", "192.0.2.9"), server("B", "192.0.2.9")} }, Wrong, Servers, `"A" of 192.0.2.9, "B" of 192.0.2.9`},
		{"the same server on a second host", func(s *Sight) { s.Groups, s.Services = ours, []browse.Entry{server("front OFFICE", "192.0.2.9")} }, OK, Servers, "no other host"},
		{"our own server by another name", func(s *Sight) {
			s.Groups, s.Services, s.Daemon = ours, []browse.Entry{server("Front office #2", "192.0.2.5")}, renamed
		}, OK, Servers, "no other host"},
		{"our own server, if the daemon may not be asked", func(s *Sight) {
			s.Groups, s.Services, s.Daemon = ours, []browse.Entry{server("Front office #2", "192.0.2.5")}, Running{Denied: true}
		}, OK, Servers, "no other host"},
		{"DPMA on this host", func(s *Sight) {
			s.Groups, s.Services, s.Daemon = ours, []browse.Entry{server("Asterisk", "192.0.2.5")}, renamed
		}, Wrong, Servers, `phones find "Asterisk" of another program of this host beside ours`},
		{"a hint of the daemon's", func(s *Sight) { s.Daemon = renamed }, Hint, Daemon, "port 5353 is shared"},
		{"frames that can't be read", func(s *Sight) { s.Failed[lookFrames] = "to root only" }, Unseen, VLAN, "to root only"},
		{"bridges that can't be read", func(s *Sight) { s.Failed[lookSwitches] = "netlink is refused" }, Unseen, Snooping, "netlink is refused"},
		{"a phone that asks", func(s *Sight) { s.Hearing.Asked = map[int][]netip.Addr{2: {phone.Host}} }, OK, Phones, "192.0.2.31 asked"},
		{"a phone that was configured before", func(s *Sight) { s.Neighbours = []netwatch.Neighbour{phone} }, Hint, Phones, "192.0.2.31 (00:0f:d3:00:00:01, Digium) did not ask"},
		{"a daemon that may not be asked", func(s *Sight) { s.Daemon = Running{Why: "want sudo", Denied: true} }, Unseen, Daemon, "want sudo"},
		{"a daemon that hangs", func(s *Sight) { s.Failed[lookDaemon] = "no result" }, Wrong, Daemon, "no result"},
		{"definitions that hang", func(s *Sight) { s.Failed[lookFiles] = "no result" }, Wrong, Definitions, "no result"},
		{"too many servers", func(s *Sight) { s.Failed[lookAnswers] = "7 more servers were not asked" }, Unseen, Answers, "7 more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := sound()
			if all := s.Findings(); !IsHealthy(all) {
				t.Fatalf("the sight is not sound: %+v", all)
			}
			test.change(&s)
			all := s.Findings()
			is := func(f Finding) bool {
				return f.State == test.state && f.Step == test.step && strings.Contains(f.Text, test.text)
			}
			if !slices.ContainsFunc(all, is) {
				t.Errorf("got %+v; want %s %s: %q", all, test.state, test.step, test.text)
			}
			if IsHealthy(all) != (test.state != Wrong) {
				t.Errorf("healthy is %v: %+v", IsHealthy(all), all)
			}
		})
	}
}

// TestHang has a look that hangs: it is a line after its time, and the others have their results.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Sight{Failed: map[Subject]string{}}
		hang := make(chan struct{})
		began := time.Now()
		s.run(
			task{lookFiles, 3 * time.Second, func() (func(*Sight), error) { <-hang; return nil, nil }},
			task{lookSharers, time.Second, func() (func(*Sight), error) {
				return func(s *Sight) { s.Sharers = []string{"x"} }, nil
			}},
		)
		if took := time.Since(began); took != 3*time.Second || s.Failed[lookFiles] != "the definitions: no result within 3s: something hangs" || len(s.Sharers) != 1 {
			t.Errorf("after %v: %+v", took, s)
		}
		close(hang)
	})
}

// browsing returns what a phone sends to find its server.
func browsing(t *testing.T) []byte {
	t.Helper()
	data, ok := wire.Message{Questions: []wire.Query{{Name: phoneType, Type: mdns.TypePTR}}}.Encode(512)
	if !ok {
		t.Fatal("the question does not fit")
	}
	return data
}

// TestQuestion wants a question, and one that no phone asks, in what is sent.
func TestQuestion(t *testing.T) {
	if !asksForServer(browsing(t)) || asksForServer(question()) {
		t.Error("the question of a phone is not told from that of this program")
	}
	if flags := question()[2]; flags&0x80 != 0 {
		t.Error("it is a response")
	}
}
