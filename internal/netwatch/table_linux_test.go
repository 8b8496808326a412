package netwatch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
)

// TestTable has interfaces change at random, and holds what a table makes of the news against a table of all.
func TestTable(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			h := host{r: r, now: map[uint32]news{}}
			follows := newTable(nil, nil)
			for range 40 {
				changed := map[uint32]news{}
				for range 1 + r.IntN(3) {
					index := 1 + r.Uint32N(7)
					h.change(index)
					changed[index] = h.now[index]
				}
				before, copied := follows.links, slices.Clone(follows.links)
				follows.update(changed)
				if diff := cmp.Diff(h.all(), follows.links, comparePrefixes, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("after %v:\n%s", changed, diff)
				}
				if diff := cmp.Diff(copied, before, comparePrefixes); diff != "" {
					t.Fatalf("the links that were returned before have changed:\n%s", diff)
				}
			}
			for index := range uint32(8) {
				follows.update(map[uint32]news{index: {}})
			}
			if len(follows.devices)+len(follows.ports)+len(follows.above)+len(follows.links) > 0 {
				t.Errorf("when all interfaces are gone, %+v is left", follows)
			}
		})
	}
}

// host has interfaces that change at random.
type host struct {
	r   *rand.Rand
	now map[uint32]news
}

// all reads all interfaces.
func (h host) all() publication.Links {
	var links []rtnetlink.LinkMessage
	var addrs []rtnetlink.AddressMessage
	for _, n := range h.now {
		if n.link != nil {
			links, addrs = append(links, *n.link), append(addrs, n.addrs...)
		}
	}
	return FromKernel(links, addrs)
}

// change makes an interface, has another in its place, or removes it.
func (h host) change(index uint32) {
	if h.r.IntN(5) == 0 {
		h.now[index] = news{}
		return
	}
	pick := func() uint32 { return h.r.Uint32N(8) }
	one := func(of ...string) string { return of[h.r.IntN(len(of))] }
	a := &rtnetlink.LinkAttributes{
		Name: fmt.Sprintf("%s%d", one("eth", "lan"), index), MTU: 1500, CarrierUpCount: new(h.r.Uint32N(3)),
		Info: &rtnetlink.LinkInfo{Kind: one("", "vlan", "bridge", "bond", vrf), SlaveKind: one("", "bridge", vrf)},
	}
	if h.r.IntN(2) == 0 {
		a.Type = pick()
	}
	if h.r.IntN(2) == 0 {
		a.Master = new(pick())
	}
	flags := []uint32{0, unix.IFF_UP, unix.IFF_UP | unix.IFF_RUNNING, unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST}
	n := news{link: &rtnetlink.LinkMessage{Index: index, Flags: flags[h.r.IntN(len(flags))], Attributes: a}}
	for range h.r.IntN(3) {
		n.addrs = append(n.addrs, rtnetlink.AddressMessage{Index: index, PrefixLength: 24, Attributes: &rtnetlink.AddressAttributes{
			Address: netip.AddrFrom4([4]byte{192, 0, 2, uint8(h.r.IntN(250))}).AsSlice(),
		}})
	}
	if h.r.IntN(9) == 0 {
		n.link.Attributes = nil // a message that says nothing
	}
	h.now[index] = n
}

// counted counts what is asked of a kernel.
type counted struct {
	Messages
	all, of int
	fails   bool // to say anything of one interface
}

func (c *counted) All() ([]rtnetlink.LinkMessage, []rtnetlink.AddressMessage, error) {
	c.all++
	return c.Messages.All()
}

func (c *counted) Of(index uint32) (*rtnetlink.LinkMessage, []rtnetlink.AddressMessage, error) {
	c.of++
	if c.fails {
		return nil, nil, errors.New("refused")
	}
	return c.Messages.Of(index)
}

// TestFollow changes interfaces and checks that all is known after asking for what has changed only.
func TestFollow(t *testing.T) {
	messages := &counted{Messages: rtnetlinkMessages{}}
	k := NewKernel(messages)
	changes := k.Changes(t.Context())
	if _, err := k.Read(); err != nil {
		t.Fatal(err)
	}
	here := (*netlab.Host)(nil)
	for _, command := range [][]string{
		{"link", "add", "lan0", "type", "veth", "peer", "name", "far0"},
		{"link", "add", "lan1", "type", "veth", "peer", "name", "far1"},
		{"link", "set", "far0", "up"},
		{"link", "set", "lan0", "up"},
		{"addr", "add", "192.0.2.1/24", "dev", "lan0"},
		{"addr", "add", "192.0.2.2/24", "dev", "lan0"},
		{"addr", "add", "2001:db8::1/64", "dev", "lan0", "nodad"},
		{"addr", "change", "2001:db8::1/64", "dev", "lan0", "preferred_lft", "0", "valid_lft", "1000"},
		{"addr", "add", "198.51.100.1/24", "dev", "lan1"},
		{"addr", "del", "192.0.2.1/24", "dev", "lan0"},
		{"link", "add", "br0", "type", "bridge"},
		{"link", "set", "br0", "up"},
		{"link", "set", "lan0", "master", "br0"},
		{"link", "set", "lan1", "master", "br0"},
		{"link", "set", "far1", "up"},
		{"link", "set", "lan1", "up"},
		{"link", "set", "br0", "down"},
		{"link", "set", "br0", "name", "br1"},
		{"link", "set", "lan0", "nomaster"},
		{"link", "set", "lan0", "mtu", "1400"},
		{"link", "set", "far0", "down"},
		{"link", "set", "lan0", "multicast", "off"},
		{"link", "del", "br1"},
		{"link", "del", "lan0"},
	} {
		t.Run(fmt.Sprint(command), func(t *testing.T) {
			here.IP(t, command...)
			for diff := "no change"; diff != ""; {
				select {
				case <-changes:
				case <-time.After(10 * time.Second):
					t.Fatal(diff)
				}
				got, err := k.Follow()
				if err != nil {
					t.Fatal(err)
				}
				diff = cmp.Diff(readAll(t), got, comparePrefixes)
			}
		})
	}
	if messages.all != 1 || messages.of < 20 {
		t.Errorf("it asked %d times for all and %d times for one interface; want all once", messages.all, messages.of)
	}
}

// TestFollowWithoutNews has a kernel that says nothing of one interface, and one that has lost messages.
func TestFollowWithoutNews(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails bool
		heard uint32
	}{
		{"refused", true, 1},
		{"messages lost", false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			messages := &counted{Messages: rtnetlinkMessages{}, fails: test.fails}
			k := &kernel{messages: messages}
			for want := 1; want <= 3; want++ { // also before the first reading
				k.changes.add(test.heard)
				got, err := k.Follow()
				if err != nil || messages.all != want {
					t.Fatalf("%v, and all was asked for %d times; want %d", err, messages.all, want)
				}
				if diff := cmp.Diff(readAll(t), got, comparePrefixes); diff != "" {
					t.Errorf("-all +got:\n%s", diff)
				}
			}
		})
	}
}

// A table takes little more memory than what it returns.
func TestMemoryOfATable(t *testing.T) {
	const interfaces, most = 4000, 400 // bytes each
	links := make([]rtnetlink.LinkMessage, interfaces)
	addrs := make([]rtnetlink.AddressMessage, interfaces)
	for i := range uint32(interfaces) {
		links[i] = rtnetlink.LinkMessage{Index: i, Flags: unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST, Attributes: &rtnetlink.LinkAttributes{}}
		addrs[i] = rtnetlink.AddressMessage{Index: i, Attributes: &rtnetlink.AddressAttributes{Address: []byte{10, 0, byte(i >> 8), byte(i)}}}
	}
	before := heap()
	table := newTable(links, addrs)
	if got := (heap() - before) / interfaces; got > most {
		t.Errorf("%d bytes an interface, want at most %d", got, most)
	} else {
		t.Logf("%d bytes an interface", got)
	}
	runtime.KeepAlive(table)
	runtime.KeepAlive(links)
	runtime.KeepAlive(addrs)
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
