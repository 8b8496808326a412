package browse

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/services"
)

// Expected is a service that should be found.
type Expected struct {
	ID      string // of the publication
	Service int    // index in its group
	Entry
	Assumed bool // the definition names no host: Host and Addrs are those of this one
	Partial bool // the host may have other addresses beside Addrs
}

// Expect returns what should be found of the services of this host: each that is published, on each of its links. A
// host for which no addresses are given has none here.
func Expect(host string, instances []mdns.Instance) []Expected {
	own := mdns.HostName(host)
	var all []Expected
	for _, in := range instances {
		if in.State != mdns.Probing {
			continue
		}
		for _, link := range in.Links {
			target, addrs := in.Target(own), in.Service.Addresses
			if target.Equal(own) {
				addrs = link.Published()
			}
			all = append(all, Expected{ID: in.ID, Service: in.Index, Assumed: in.Service.Host.IsZero(), Entry: Entry{
				Link: link.Name, Instance: in.Label, Type: in.Service.Type, Domain: in.Service.In(), Host: target,
				Port: in.Service.Port, TXT: in.Service.TXT, Addrs: Sorted(slices.Clone(addrs)),
			}})
		}
	}
	return all
}

// Verdict is the result for a service that was expected, or found.
type Verdict uint8

// The verdicts.
const (
	OK      Verdict = iota // found as expected
	Missing                // not found
	Differs                // found, but not as expected
	Foreign                // found, and not expected: another host announces it
)

var verdictWords = []string{"ok", "missing", "differs", "foreign"}

// String returns "ok", "missing", "differs" or "foreign".
func (v Verdict) String() string { return verdictWords[v] }

// MarshalText returns the word of [Verdict.String].
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Result is the result for one service.
type Result struct {
	Verdict     Verdict
	Expected    *Expected    // nil if it is foreign
	Found       *Entry       // nil if it is missing
	Differences []Difference // where it differs
}

// Difference is a field that is not as expected, in text for people.
type Difference struct {
	Field string `json:"field"` // "host", "port", "txt" or "addresses"
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// Compare holds what was found of some service types against what should be there: a result for each service in want, in
// that order, then one for each in got that is another host's. Of two under one name the one that is as wanted
// counts, the other is foreign. self has the addresses of this host: what is assumed of a service counts only where this
// host announces it.
func Compare(want []Expected, got []Entry, self []netip.Addr) []Result {
	var results []Result
	ours := map[int]bool{} // by index in got
	for i := range want {
		at, differences := want[i].closest(got, self)
		r := Result{Expected: &want[i], Verdict: Missing}
		if at >= 0 {
			ours[at] = true
			r.Verdict, r.Found, r.Differences = OK, &got[at], differences
		}
		if len(differences) > 0 {
			r.Verdict = Differs
		}
		results = append(results, r)
	}
	for i := range got {
		if !ours[i] {
			results = append(results, Result{Verdict: Foreign, Found: &got[i]})
		}
	}
	return results
}

// Union returns what either of two clients saw, in order. Of a service that both saw, what the first one says counts.
func Union(first, second []Entry) []Entry {
	all := slices.Clone(first)
	for _, e := range second {
		seen := slices.ContainsFunc(first, func(f Entry) bool {
			return sameName(f, e) && f.Host.Equal(e.Host) && f.Port == e.Port
		})
		if !seen {
			all = append(all, e)
		}
	}
	return InOrder(all)
}

// closest returns the index of the entry under the wanted name that differs least, and how; -1 if there is none. Where
// this host announces a service of which something is assumed, no other host does.
func (w Expected) closest(got []Entry, self []netip.Addr) (at int, differences []Difference) {
	at = -1
	ownFound := false
	for i, e := range got {
		if !sameName(w.Entry, e) {
			continue
		}
		own := w.Assumed && e.isFrom(self)
		if ownFound && !own {
			continue
		}
		d := w.differ(e, !w.Assumed || own)
		if at < 0 || own && !ownFound || len(d) < len(differences) {
			at, differences = i, d
		}
		ownFound = own
	}
	return at, differences
}

// isFrom reports whether one of the addresses announces the entry.
func (e Entry) isFrom(addrs []netip.Addr) bool {
	return slices.ContainsFunc(e.From, func(s Sender) bool { return slices.Contains(addrs, s.Addr.WithZone("")) })
}

func sameName(a, b Entry) bool {
	return a.Link == b.Link && a.Type.Equal(b.Type) && a.Domain.Equal(b.Domain) &&
		dnsname.Fold(a.Instance) == dnsname.Fold(b.Instance)
}

// differ compares what an instance holds, with or without its host. Addresses are compared where some are expected.
func (w Expected) differ(got Entry, withHost bool) []Difference {
	want := w.Entry
	var all []Difference
	add := func(differs bool, field, want, got string) {
		if differs {
			all = append(all, Difference{field, want, got})
		}
	}
	add(withHost && !want.Host.Equal(got.Host), "host", want.Host.String(), got.Host.String())
	add(want.Port != got.Port, "port", strconv.Itoa(int(want.Port)), strconv.Itoa(int(got.Port)))
	add(got.TXT == nil || !slices.Equal(want.TXT, got.TXT), "txt", txtText(want.TXT), gotText(got.TXT))
	add(withHost && len(want.Addrs) > 0 && !w.hasAddresses(got.Addrs), "addresses", addrText(want), addrText(got))
	return all
}

// hasAddresses reports whether the addresses of a host are those that are expected.
func (w Expected) hasAddresses(got []netip.Addr) bool {
	if !w.Partial {
		return slices.Equal(w.Addrs, got)
	}
	return !slices.ContainsFunc(w.Addrs, func(a netip.Addr) bool { return !slices.Contains(got, a) })
}

func txtText(txt services.TXT) string {
	if len(txt) == 0 {
		return "no strings"
	}
	quoted := make([]string, len(txt))
	for i, s := range txt {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, " ")
}

func gotText(txt services.TXT) string {
	if txt == nil {
		return "no such record beside the others"
	}
	return txtText(txt)
}

func addrText(e Entry) string { return strings.Trim(fmt.Sprint(e.Addrs), "[]") }
