//go:build linux

package bench

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/wire"
)

// overhead is what IPv4 and UDP add to a message, in bytes.
const overhead = 28

// crowd counts what a responder adds to a network of many hosts: nothing is asked, and then phones boot. The other hosts are
// one socket that announces what all of them would: a responder knows hosts by the records that it hears.
func (r *tables) crowd(t *testing.T) {
	n, phones := r.scale.hosts, r.scale.phones
	what := fmt.Sprintf("%d other hosts: ", n)
	quiet := r.row(what+"bytes a minute while no host asks", 1, "", most(1000))
	boot := r.row(fmt.Sprintf("%sbytes for each of %d phones that boot within %v", what, phones, r.scale.crowd), 1, "", ofAvahi(1.1))
	var labs []*lab
	for _, name := range r.without("floor") {
		labs = append(labs, newLab(t, name, 1))
	}
	r.startAll(t, labs)
	time.Sleep(max(r.scale.settle, 3*time.Second))
	added := make([]traffic, len(labs))
	var group sync.WaitGroup
	for i, l := range labs {
		group.Go(func() { added[i] = crowded(t, l, n, phones, r.scale.crowd) })
	}
	group.Wait()
	for i, l := range labs {
		quiet.set(l.name, float64(added[i].quiet)*60/r.scale.crowd.Seconds())
		boot.set(l.name, float64(added[i].booting)/float64(phones))
	}
}

// traffic is what a responder sends, in bytes.
type traffic struct{ quiet, booting int }

// crowded has other hosts announce themselves, then nothing happen, then phones boot.
func crowded(t *testing.T, l *lab, hosts, phones int, d time.Duration) (added traffic) {
	c := newClient(t, l, mdns.Port)
	defer c.close()
	for i := range hosts {
		c.send(newcomer(i))
		time.Sleep(time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	e := newEar(t, l)
	defer e.close()
	added.quiet = e.bytes(d)
	booted := make(chan bool)
	go func() {
		defer close(booted)
		for range phones {
			c.send(question(serviceType, mdns.TypePTR, false))
			time.Sleep(d / time.Duration(phones))
		}
	}()
	added.booting = e.bytes(d + 2*time.Second)
	<-booted
	return added
}

// bytes counts what a responder sends within a time.
func (e *ear) bytes(d time.Duration) (n int) {
	for _, h := range e.listen(time.Now().Add(d)) {
		if packet, ok := h.Encode(mdns.MaxPacket); ok {
			n += len(packet) + overhead
		}
	}
	return n
}

// newcomer is the announcement of another host.
func newcomer(i int) []byte {
	host := dnsname.MustParse(fmt.Sprintf("desk-%d.local", i))
	name := dnsname.MustParse(fmt.Sprintf("Desk %d._workstation._tcp.local", i))
	return encode(wire.Message{
		Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority},
		Answers: []mdns.Record{
			{Name: name.Parent(), TTL: mdns.OtherTTL, Data: mdns.PTR{Target: name}},
			{Name: name, TTL: mdns.HostTTL, Unique: true, Data: mdns.SRV{Port: 9, Target: host}},
			{Name: name, TTL: mdns.OtherTTL, Unique: true, Data: mdns.NewTXT("")},
			{Name: host, TTL: mdns.HostTTL, Unique: true, Data: mdns.Address{Addr: netip.AddrFrom4([4]byte{192, 0, byte(3 + i/250), byte(1 + i%250)})}},
		},
	})
}
