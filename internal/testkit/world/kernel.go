//go:build linux

package world

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// kernel holds the interfaces of a host, and says so by netlink.
type kernel struct {
	mu         sync.Mutex
	interfaces []*nic
	out        *nic // is unplugged; nil: none
	last       int  // index
	made       int  // interfaces: what the hardware address of one ends with
	listeners  map[*func(index uint32)]bool
	said       map[uint32]messages // about each interface, the last time
	fails      error               // of the next reads
	hangs      chan struct{}       // a read waits until it is closed; nil: none does
	overrun    bool                // messages are lost, and netlink reports only that
}

// nic is an interface, and the cable to a segment that is in it.
type nic struct {
	index   int
	number  int // of all that were made
	name    string
	flags   uint32
	mtu     uint32
	ups     uint32 // how often it got a carrier
	master  int    // index; 0: it is no port
	kind    string // "": hardware
	addrs   []address
	home    []address     // those that it was made with
	port    *memlink.Port // nil: it has no cable
	segment *segment
	deaf    time.Time // when it last could not say anything
	bridge  *nic      // that it can be a port of; nil: it is one
}

type address struct {
	netip.Prefix
	flags uint32
}

const working = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_MULTICAST

var errNetlink = errors.New("netlink receive: no buffer space available")

// plug adds an interface with a cable to a segment, and a spare one for its bridge.
func (k *kernel) plug(s *segment, port, spare *memlink.Port, name string, prefixes ...netip.Prefix) *nic {
	k.made += 2
	n := &nic{number: k.made - 1, name: name, flags: working, mtu: 1500, ups: 1, port: port, segment: s}
	for _, p := range prefixes {
		n.addrs = append(n.addrs, address{Prefix: p})
	}
	n.home = n.addrs
	n.bridge = &nic{number: k.made, name: "br-" + name, kind: "bridge", flags: working, mtu: 1500, ups: 1, port: spare, segment: s}
	spare.SetDown(true)
	k.change(func() { k.add(n) })
	return n
}

// add adds an interface, with the next index if it has none, or another one has it now.
func (k *kernel) add(n *nic) {
	if n.index == 0 || slices.ContainsFunc(k.interfaces, func(other *nic) bool { return other.index == n.index }) {
		k.last++
		n.index = k.last
	}
	k.interfaces = append(k.interfaces, n)
}

// reindex sets the index of an interface to one that no other has: a new one, or that of one that is gone. If another has it, they swap.
func (k *kernel) reindex(n *nic, dice *rand.Rand) {
	index := 2 + dice.IntN(k.last)
	for _, other := range k.interfaces {
		if other.index == index {
			other.index = n.index
		}
	}
	n.index, k.last = index, max(k.last, index)
}

// unplug takes an interface out of the machine. If one is out, that is put back: instead of this one, with a new index or with
// its own.
func (k *kernel) unplug(n *nic, dice *rand.Rand) {
	if n.bridge == nil || n.master != 0 {
		return // it is a bridge or a port of one
	}
	back := k.out
	if back == nil {
		k.takeOut(n)
		return
	}
	switch dice.IntN(3) {
	case 0:
		k.takeOut(n)
		back.index = n.index
	case 1:
		back.index = 0
	}
	k.putBack(back)
}

func (k *kernel) takeOut(n *nic) {
	k.interfaces = slices.DeleteFunc(k.interfaces, func(other *nic) bool { return other == n })
	n.port.SetDown(true)
	k.out = n
}

func (k *kernel) putBack(n *nic) {
	if k.out == n {
		k.out = nil
	}
	n.deaf = time.Now()
	n.ups++
	k.add(n)
}

// hang has reads wait, or those that wait go on.
func (k *kernel) hang() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hangs == nil {
		k.hangs = make(chan struct{})
		return
	}
	close(k.hangs)
	k.hangs = nil
}

// isBlind reports whether the daemon can't know what interfaces there are.
func (k *kernel) isBlind() bool { return k.fails != nil || k.hangs != nil }

// bridge makes an interface a port of a bridge, which takes its addresses, or undoes that.
func (k *kernel) bridge(n *nic) {
	if n.bridge == nil {
		return // it is a bridge
	}
	k.change(func() {
		if n.master != 0 {
			k.interfaces = slices.DeleteFunc(k.interfaces, func(other *nic) bool { return other == n.bridge })
			n.bridge.port.SetDown(true)
			n.addrs, n.master = n.bridge.addrs, 0
			return
		}
		n.bridge.addrs, n.addrs, n.bridge.index = n.addrs, nil, 0
		k.add(n.bridge)
		n.master = n.bridge.index
	})
}

// change changes interfaces, moves the cables accordingly, and reports by netlink that something has changed.
func (k *kernel) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
	for _, n := range k.interfaces {
		if n.master != 0 {
			n.master = n.bridge.index
			n.bridge.follow(n)
		}
	}
	links := publication.Links(k.links())
	for _, n := range k.interfaces {
		if n.port == nil {
			continue
		}
		l, _ := links.ByIndex(n.index)
		n.port.SetLink(l)
		n.port.SetDown(!n.passes())
		if !n.works() {
			n.deaf = time.Now()
		}
	}
	k.notify()
}

// follow has a bridge have a carrier while its port has one.
func (n *nic) follow(port *nic) {
	had, has := n.flags&unix.IFF_RUNNING != 0, port.flags&unix.IFF_UP != 0 && port.flags&unix.IFF_RUNNING != 0
	switch {
	case has && !had:
		n.ups++
		n.flags |= unix.IFF_RUNNING
	case !has:
		n.flags &^= unix.IFF_RUNNING
	}
}

// overflow has netlink lose the messages about what act changes.
func (k *kernel) overflow(act func()) {
	k.overrun = true
	act()
	k.overrun = false
}

// notify reports which interfaces have changed, or only that messages were lost, as it also does where nothing has changed. It needs
// the lock.
func (k *kernel) notify() {
	before := k.said
	k.said = map[uint32]messages{}
	for _, n := range k.interfaces {
		k.said[uint32(n.index)] = n.messages()
	}
	var changed []uint32
	for index := range uint32(k.last) + 1 {
		if !reflect.DeepEqual(before[index], k.said[index]) {
			changed = append(changed, index)
		}
	}
	if len(changed) == 0 || k.overrun {
		changed = []uint32{0}
	}
	for heard := range k.listeners {
		for _, index := range changed {
			(*heard)(index)
		}
	}
}

// passes reports whether multicast goes out on an interface by itself.
func (n *nic) passes() bool { return n.flags&working == working && n.master == 0 }

// works reports whether the interface can be announced on.
func (n *nic) works() bool { return n.port != nil && n.passes() && len(n.published()) > 0 }

// has reports whether an address is one of the interface's.
func (n *nic) has(a netip.Addr) bool {
	return slices.ContainsFunc(n.addrs, func(own address) bool { return own.Addr() == a })
}

// published returns the addresses that the host's records are to hold there, sorted.
func (n *nic) published() []netip.Addr {
	l := n.port.Link()
	if !l.Has(publication.V4) && !l.Has(publication.V6) {
		return nil
	}
	return sorted(l.Published())
}

// All implements [netwatch.Messages].
func (k *kernel) All() (links []rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage, err error) {
	err = k.answer(func() { links, addrs = k.all() })
	return links, addrs, err
}

// Of implements [netwatch.Messages].
func (k *kernel) Of(index uint32) (link *rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage, err error) {
	err = k.answer(func() {
		if said, ok := k.said[index]; ok {
			link, addrs = &said.link, said.addrs
		}
	})
	return link, addrs, err
}

// answer has f answer, once the kernel does not hang, unless it fails.
func (k *kernel) answer(f func()) error {
	k.mu.Lock()
	hangs := k.hangs
	k.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fails != nil {
		return k.fails
	}
	f()
	return nil
}

// Subscribe implements [netwatch.Messages].
func (k *kernel) Subscribe(ctx context.Context, heard func(index uint32)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listeners[&heard] = true
	context.AfterFunc(ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.listeners, &heard)
	})
}

// sockets returns how many processes listen to messages.
func (k *kernel) sockets() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.listeners)
}

// byIndex returns an interface, nil if there is none.
func (k *kernel) byIndex(index int) *nic {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.interfaces {
		if n.index == index {
			return n
		}
	}
	return nil
}

// links returns what the daemon is to know of the interfaces. It needs the lock.
func (k *kernel) links() []publication.Link { return netwatch.FromKernel(k.all()) }

// all returns the messages about all interfaces. It needs the lock.
func (k *kernel) all() (links []rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage) {
	for _, n := range k.interfaces {
		m := n.messages()
		links, addrs = append(links, m.link), append(addrs, m.addrs...)
	}
	return links, addrs
}

// messages are what netlink says of an interface.
type messages struct {
	link  rtnetlink.LinkMessage
	addrs []rtnetlink.AddressMessage
}

func (n *nic) messages() messages {
	ups := n.ups
	m := messages{link: rtnetlink.LinkMessage{
		Index: uint32(n.index), Flags: n.flags,
		Attributes: &rtnetlink.LinkAttributes{Name: n.name, Address: net.HardwareAddr{2, 0, 0, 0, 0, byte(n.number)}, MTU: n.mtu, CarrierUpCount: &ups},
	}}
	if n.master != 0 {
		m.link.Attributes.Master = new(uint32(n.master))
	}
	if n.kind != "" {
		m.link.Attributes.Info = &rtnetlink.LinkInfo{Kind: n.kind}
	}
	for _, a := range n.addrs {
		m.addrs = append(m.addrs, rtnetlink.AddressMessage{
			Index: uint32(n.index), PrefixLength: uint8(a.Bits()), Flags: uint8(a.flags),
			Attributes: &rtnetlink.AddressAttributes{Address: a.Addr().AsSlice(), Flags: a.flags},
		})
	}
	return m
}
