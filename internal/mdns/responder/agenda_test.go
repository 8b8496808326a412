package responder

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"announcer/internal/publication"
)

// quietFrom is when the hour begins in which nothing happens: until then it is asked at doubling intervals who else has a name.
const quietFrom = 4200 * time.Second

// manyLinks returns a responder that has announced two services on n links, and what it announces.
func manyLinks(n int) (*Responder, publication.Desired) {
	d := publication.Desired{Host: "pbx", Groups: servers(2)}
	d.Watched = publication.WatchedTypes(d.Groups)
	for i := range n {
		l := ethernet(fmt.Sprintf("10.%d.%d.1/24", i/256, i%256), fmt.Sprintf("fe80::%x/64", i+1))
		l.Index, l.Name = i+2, fmt.Sprintf("vlan%d", i)
		d.Links = append(d.Links, l)
	}
	r := New(Config{Rand: rand.New(rand.NewPCG(1, 2)), Start: epoch})
	r.Apply(epoch, d)
	spend(r, epoch, quietFrom)
	return r, d
}

// spend has a responder do what is due in a time, and returns how many packets it sent on which links.
func spend(r *Responder, from time.Time, d time.Duration) map[int]int {
	sent := map[int]int{}
	out, next := r.Tick(from)
	for !next.IsZero() && !next.After(from.Add(d)) {
		for _, o := range out {
			sent[o.Link]++
		}
		out, next = r.Tick(next)
	}
	for _, o := range out {
		sent[o.Link]++
	}
	return sent
}

// What a link's change takes does not depend on the number of links: only its own claims are compared with what is wanted, and
// only its own faces are asked what is due.
func TestOneOfManyLinksChanges(t *testing.T) {
	allocations := map[int]float64{}
	for _, n := range []int{10, 500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r, d := manyLinks(n)
			now := epoch.Add(quietFrom)
			changes := 0
			allocations[n] = testing.AllocsPerRun(10, func() {
				changes++
				d.Links = withAddress(d.Links, changes)
				r.Apply(now, d)
				sent := spend(r, now, 10*time.Second)
				if n := sent[d.Links[7].Index]; n < 7 || len(sent) > 1 {
					t.Errorf("%d packets on the link, packets on %d links; want three probes and four announcements, on one", n, len(sent))
				}
				now = now.Add(time.Minute)
			})
		})
	}
	if few, many := allocations[10], allocations[500]; many > 1.5*few {
		t.Errorf("a change of one of 500 links takes %v allocations, of one of 10 %v", many, few)
	}
}

// withAddress returns links of which the eighth has one more address, which is the same for the same i.
func withAddress(links publication.Links, i int) publication.Links {
	links = slices.Clone(links)
	added := netip.AddrFrom4([4]byte{10, 250, byte(i), 1})
	l := &links[7]
	l.Addrs = append(slices.Clone(l.Addrs), publication.LinkAddr{Prefix: netip.PrefixFrom(added, 24)})
	return links
}

// BenchmarkChange measures what it takes to plan a change of one of many links.
func BenchmarkChange(b *testing.B) {
	for _, n := range []int{10, 4094} {
		b.Run(fmt.Sprintf("links=%d", n), func(b *testing.B) {
			r, d := manyLinks(n)
			links := d.Links
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.Links = withAddress(links, i%2)
				r.Apply(epoch.Add(quietFrom), d)
			}
		})
	}
}

// What thousands of links must send is sent in parts, between which packets are read. No link waits until others have sent more
// than one packet, also if the parts take longer than the pause between two packets of a link.
func TestPartsOfABurst(t *testing.T) {
	const links, part = 10 * partMost, 20 * time.Millisecond // that takes to send
	r, _ := manyLinks(links)
	now := epoch.Add(quietFrom)
	r.Wake(now, time.Hour)
	_, now = r.Tick(now)
	sent := map[faceKey]int{}
	for len(sent) < 2*links {
		out, next := r.Tick(now)
		if len(out) > partMost {
			t.Fatalf("%d packets at once, want at most %d", len(out), partMost)
		}
		if len(out) == 0 || next.After(now) && len(sent)+len(out) < 2*links {
			t.Fatalf("%d packets at %v, then nothing until %v; want those of %d faces", len(out), now, next, 2*links-len(sent))
		}
		for _, o := range out {
			f := faceKey{o.Link, o.Version}
			if sent[f]++; sent[f] > 1 {
				t.Fatalf("%v has sent two packets, and others none", f)
			}
		}
		now = now.Add(part)
	}
}

// The agenda knows each time of a face: nothing is due that it does not say.
func TestAgendaMissesNothing(t *testing.T) {
	r, d := manyLinks(20)
	all := d.Links
	for i := range 200 {
		now := epoch.Add(quietFrom + time.Duration(i)*700*time.Millisecond)
		d.Links = slices.Clone(all)
		d.Links[i%20].MTU = 1400 + i
		if i%3 == 0 {
			d.Links = slices.Delete(d.Links, i%7, i%11+7)
		}
		r.Apply(now, d)
		r.Tick(now)
		next := r.faces.next()
		for _, f := range r.faces.all {
			if at := f.next(); at < next {
				t.Fatalf("after change %d a face has something to do at %v, the agenda says %v", i, at, next)
			}
		}
		if len(r.faces.queue.items) > len(r.faces.all) {
			t.Fatalf("%d faces are in the agenda, there are %d", len(r.faces.queue.items), len(r.faces.all))
		}
	}
}
