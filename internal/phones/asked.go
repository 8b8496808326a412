package phones

import (
	"cmp"
	"container/list"
	"net/netip"
	"slices"
	"strings"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
)

// AskersMost is the number of hosts that are remembered; of more, those that asked the longest time ago are forgotten.
const AskersMost = 4096

// Asker is a host that asked for a service type.
type Asker struct {
	Host     netip.Addr   `json:"from"`
	Link     string       `json:"link"`
	Type     dnsname.Name `json:"type"`               // that it asked for last
	MAC      string       `json:"mac,omitempty"`      // if known
	Vendor   string       `json:"vendor,omitempty"`   // by the MAC: a hint
	Model    string       `json:"model,omitempty"`    // if it has asked by HTTP, too: by its User-Agent
	Firmware string       `json:"firmware,omitempty"` // the version that it had, likewise
	First    time.Time    `json:"first"`
	Last     time.Time    `json:"last"`
	Count    uint64       `json:"count"`    // questions
	Answered uint64       `json:"answered"` // those of them that were answered, or whose answer was known already
	Own      bool         `json:"own"`      // it is this host
}

// Who names the host for people: its address, and what else is known of it.
func (a Asker) Who() string {
	who := a.Host.String()
	about := slices.DeleteFunc([]string{a.MAC, a.Vendor, a.Model, a.Firmware}, func(word string) bool { return word == "" })
	if len(about) > 0 {
		who += " (" + strings.Join(about, " ") + ")"
	}
	if a.Own {
		who += " (this host)"
	}
	return who
}

// AskedCount is the number of questions for a type on a link.
type AskedCount struct {
	Link  string       `json:"link"`
	Type  dnsname.Name `json:"type"`
	Count uint64       `json:"count"`
}

// Askers remembers which hosts have asked. The zero value is empty.
type Askers struct {
	hosts     map[askerKey]*list.Element // of *Asker
	order     list.List                  // who asked last stands in front
	counts    map[countKey]*AskedCount
	forgotten uint64
}

type askerKey struct {
	link string
	host netip.Addr
}

type countKey struct{ link, typ string }

// Lookup returns the hardware address of a host on a link, "" if it is not known.
type Lookup = func(link string, host netip.Addr) string

// Add records a question, and returns the host, and whether it had not asked before. The types and links are those that are
// announced on, so that their number is bounded by the configuration.
func (a *Askers) Add(q mdns.Asked, mac Lookup) (asker Asker, first bool) {
	if a.hosts == nil {
		a.hosts, a.counts = map[askerKey]*list.Element{}, map[countKey]*AskedCount{}
	}
	a.count(q)
	key := askerKey{q.Link, q.From}
	e, known := a.hosts[key]
	if !known {
		if len(a.hosts) == AskersMost {
			a.forget()
		}
		e = a.order.PushFront(&Asker{Host: q.From, Link: q.Link, First: q.Time})
		a.hosts[key] = e
	}
	a.order.MoveToFront(e)
	host := e.Value.(*Asker)
	host.Type, host.Last, host.Own = q.Type, q.Time, q.Own
	host.identify(mac)
	host.Count++
	if q.Answered {
		host.Answered++
	}
	return *host, !known
}

func (a *Askers) count(q mdns.Asked) {
	key := countKey{q.Link, q.Type.Key()}
	if a.counts[key] == nil {
		a.counts[key] = &AskedCount{Link: q.Link, Type: q.Type}
	}
	a.counts[key].Count++
}

// forget drops the host that asked the longest time ago.
func (a *Askers) forget() {
	last := a.order.Back()
	host := a.order.Remove(last).(*Asker)
	delete(a.hosts, askerKey{host.Link, host.Host})
	a.forgotten++
}

// Forgotten is the number of hosts that were dropped because there were too many.
func (a *Askers) Forgotten() uint64 { return a.forgotten }

// identify finds the hardware address.
func (a *Asker) identify(mac Lookup) {
	if known := cmp.Or(mac(a.Link, a.Host), EmbeddedMAC(a.Host)); known != "" {
		a.MAC, a.Vendor = known, Vendor(known)
	}
}

// List returns all hosts, who asked last in front.
func (a *Askers) List(mac Lookup) []Asker {
	all := make([]Asker, 0, len(a.hosts))
	for e := a.order.Front(); e != nil; e = e.Next() {
		host := e.Value.(*Asker)
		host.identify(mac)
		all = append(all, *host)
	}
	return all
}

// Counts returns the number of questions for each type on each link, in order.
func (a *Askers) Counts() []AskedCount {
	all := make([]AskedCount, 0, len(a.counts))
	for _, c := range a.counts {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(x, y AskedCount) int {
		return cmp.Or(cmp.Compare(x.Link, y.Link), cmp.Compare(x.Type.Key(), y.Type.Key()))
	})
	return all
}

// Served returns the number of other hosts that were answered, as far as that is sure: one hardware address is one host.
// Hosts whose hardware address is not known count by address, and may be those that asked by the other IP version.
func (a *Askers) Served() int {
	var macs [2]map[string]bool // by IP version
	var unknown [2]int
	known := map[string]bool{}
	for v := range macs {
		macs[v] = map[string]bool{}
	}
	for e := a.order.Front(); e != nil; e = e.Next() {
		host := e.Value.(*Asker)
		v := 0
		if host.Host.Is6() {
			v = 1
		}
		switch {
		case host.Own || host.Answered == 0:
		case host.MAC == "":
			unknown[v]++
		default:
			macs[v][host.MAC], known[host.MAC] = true, true
		}
	}
	// Hosts that are known by the other IP version alone can be the unknown ones of this one.
	four := unknown[0] - (len(known) - len(macs[0]))
	six := unknown[1] - (len(known) - len(macs[1]))
	return len(known) + max(four, six, 0)
}
