package netwatch

import (
	"cmp"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"

	"announcer/internal/publication"
)

// table holds the interfaces of a host, of which there can be thousands. What changes costs as much as it concerns: the
// interface, and those that are seen in another way by it.
type table struct {
	devices []device            // by index
	ports   map[uint32][]uint32 // by what they are ports of
	above   map[uint32][]uint32 // by what they are on
	links   publication.Links   // of the devices; a new slice after each change
}

func newTable(links []rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage) *table {
	t := &table{ports: map[uint32][]uint32{}, above: map[uint32][]uint32{}}
	for _, d := range newDevices(links) {
		t.add(d)
	}
	t.devices = slices.Clip(t.devices)
	of := byIndex(addrs)
	t.links = make(publication.Links, len(t.devices))
	for i, d := range t.devices {
		t.links[i] = t.link(d, linkAddrs(of[d.index]))
	}
	return t
}

// newDevices reads messages about interfaces, and returns these by index. Of several messages about one, the last counts.
func newDevices(links []rtnetlink.LinkMessage) []device {
	var devices []device
	for _, m := range slices.Backward(links) {
		if d, ok := newDevice(m); ok {
			devices = append(devices, d)
		}
	}
	slices.SortStableFunc(devices, func(a, b device) int { return cmp.Compare(a.index, b.index) })
	return slices.CompactFunc(devices, func(a, b device) bool { return a.index == b.index })
}

func byIndex(addrs []rtnetlink.AddressMessage) map[uint32][]rtnetlink.AddressMessage {
	by := map[uint32][]rtnetlink.AddressMessage{}
	for _, a := range addrs {
		by[a.Index] = append(by[a.Index], a)
	}
	return by
}

// linkAddrs returns the addresses that messages are about, in order.
func linkAddrs(messages []rtnetlink.AddressMessage) (addrs []publication.LinkAddr) {
	for _, m := range messages {
		if a, ok := linkAddr(m); ok {
			addrs = append(addrs, a)
		}
	}
	slices.SortFunc(addrs, inAddrOrder)
	return addrs
}

func (t *table) add(d device) {
	at, _ := t.place(d.index)
	t.devices = slices.Insert(t.devices, at, d)
	if d.master != 0 {
		t.ports[d.master] = append(t.ports[d.master], d.index)
	}
	if d.lower != 0 {
		t.above[d.lower] = append(t.above[d.lower], d.index)
	}
}

func (t *table) remove(index uint32) {
	at, ok := t.place(index)
	if !ok {
		return
	}
	drop(t.ports, t.devices[at].master, index)
	drop(t.above, t.devices[at].lower, index)
	t.devices = slices.Delete(t.devices, at, at+1)
}

// device returns the interface with an index.
func (t *table) device(index uint32) (d device, ok bool) {
	at, ok := t.place(index)
	if !ok {
		return device{}, false
	}
	return t.devices[at], true
}

// place returns the position of the interface with an index, or the one where it would be.
func (t *table) place(index uint32) (at int, ok bool) {
	return slices.BinarySearchFunc(t.devices, index, func(d device, index uint32) int { return cmp.Compare(d.index, index) })
}

// drop takes an index out of a list.
func drop(lists map[uint32][]uint32, of, index uint32) {
	lists[of] = slices.DeleteFunc(lists[of], func(i uint32) bool { return i == index })
	if len(lists[of]) == 0 {
		delete(lists, of)
	}
}

// news is what the kernel says of an interface now.
type news struct {
	link  *rtnetlink.LinkMessage // nil: it is gone
	addrs []rtnetlink.AddressMessage
}

// update takes news of interfaces, by index.
func (t *table) update(all map[uint32]news) {
	affected := map[uint32]bool{}
	t.affect(affected, all)
	for index, n := range all {
		t.remove(index)
		if n.link == nil {
			continue
		}
		if d, ok := newDevice(*n.link); ok {
			t.add(d)
		}
	}
	t.affect(affected, all)
	t.links = slices.Clone(t.links)
	for index := range affected {
		t.relink(index, all)
	}
}

// affect adds the interfaces that are seen in another way when some have changed: these, their ports, and what is on them or
// has them as ports, and so on upwards.
func (t *table) affect(affected map[uint32]bool, changed map[uint32]news) {
	var up []uint32
	for index := range changed {
		up = append(up, index)
		for _, port := range t.ports[index] {
			affected[port] = true
		}
	}
	seen := map[uint32]bool{}
	for i := 0; i < len(up); i++ {
		index := up[i]
		if seen[index] {
			continue
		}
		seen[index], affected[index] = true, true
		up = append(up, t.above[index]...)
		if d, _ := t.device(index); d.master != 0 {
			up = append(up, d.master)
		}
	}
}

// relink puts an interface as it is now among the links. Its addresses stay if there is no news of it.
func (t *table) relink(index uint32, all map[uint32]news) {
	at, had := slices.BinarySearchFunc(t.links, int(index), func(l publication.Link, index int) int { return l.Index - index })
	d, has := t.device(index)
	n, isNews := all[index]
	addrs := linkAddrs(n.addrs)
	if had && !isNews {
		addrs = t.links[at].Addrs
	}
	switch {
	case had && has:
		t.links[at] = t.link(d, addrs)
	case had:
		t.links = slices.Delete(t.links, at, at+1)
	case has:
		t.links = slices.Insert(t.links, at, t.link(d, addrs))
	}
}
