package netwatch

import (
	"maps"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"

	"announcer/internal/publication"
)

// table holds the interfaces of a host, of which there can be thousands. What changes costs as much as it concerns: the
// interface, and those that are seen in another way by it.
type table struct {
	devices map[uint32]device // by index
	addrs   map[uint32][]publication.LinkAddr
	ports   map[uint32][]uint32 // by what they are ports of
	above   map[uint32][]uint32 // by what they are on
	links   publication.Links   // by index; a new slice after each change
}

func newTable(links []rtnetlink.LinkMessage, addrs []rtnetlink.AddressMessage) *table {
	t := &table{map[uint32]device{}, map[uint32][]publication.LinkAddr{}, map[uint32][]uint32{}, map[uint32][]uint32{}, nil}
	for _, m := range links {
		if d, ok := newDevice(m); ok {
			t.remove(d.index)
			t.add(d)
		}
	}
	for index, messages := range byIndex(addrs) {
		t.addrs[index] = linkAddrs(messages)
	}
	for _, index := range slices.Sorted(maps.Keys(t.devices)) {
		t.links = append(t.links, t.link(t.devices[index]))
	}
	return t
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
	t.devices[d.index] = d
	if d.master != 0 {
		t.ports[d.master] = append(t.ports[d.master], d.index)
	}
	if d.lower != 0 {
		t.above[d.lower] = append(t.above[d.lower], d.index)
	}
}

func (t *table) remove(index uint32) {
	d := t.devices[index]
	drop(t.ports, d.master, index)
	drop(t.above, d.lower, index)
	delete(t.devices, index)
	delete(t.addrs, index)
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
			t.addrs[index] = linkAddrs(n.addrs)
		}
	}
	t.affect(affected, all)
	t.links = slices.Clone(t.links)
	for index := range affected {
		t.relink(index)
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
		if master := t.devices[index].master; master != 0 {
			up = append(up, master)
		}
	}
}

// relink puts an interface as it is now among the links.
func (t *table) relink(index uint32) {
	at, had := slices.BinarySearchFunc(t.links, int(index), func(l publication.Link, index int) int { return l.Index - index })
	d, has := t.devices[index]
	switch {
	case had && has:
		t.links[at] = t.link(d)
	case had:
		t.links = slices.Delete(t.links, at, at+1)
	case has:
		t.links = slices.Insert(t.links, at, t.link(d))
	}
}
