package zeroconf

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

const (
	hopLimit = 255   // RFC 6762 §11
	maxRead  = 65535 // bytes: the most that UDP carries
)

var (
	group4 = net.UDPAddrFromAddrPort(mdns.Group4)
	group6 = net.UDPAddrFromAddrPort(mdns.Group6)
)

// air is the engine's own sockets: by them it hears what the library announces, and sends goodbyes.
type air struct {
	hear    hearer
	voices  map[publication.IPVersion]voice
	joined  map[int]bool
	readers sync.WaitGroup
}

// voice is the socket of one IP version.
type voice interface {
	join(link *net.Interface) error
	leave(link *net.Interface) error
	read(buf []byte) (n, link int, from net.Addr, err error)
	send(link int, packet []byte) error
	Close() error
}

// hearer is called for every packet: the index of its link, its source, and its bytes, which it must not keep.
type hearer func(link int, from netip.Addr, packet []byte)

func newAir(hear hearer) *air {
	return &air{hear: hear, voices: map[publication.IPVersion]voice{}, joined: map[int]bool{}}
}

// open opens the sockets that are not open yet. It reports an error if there is none.
func (a *air) open() error {
	var errs []error
	for version, open := range map[publication.IPVersion]func() (voice, error){publication.V4: open4, publication.V6: open6} {
		if a.voices[version] != nil {
			continue
		}
		v, err := open()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		a.voices[version] = v
		clear(a.joined) // so that the new one joins, too
		a.readers.Go(func() { listen(v, a.hear) })
	}
	if len(a.voices) == 0 {
		return fmt.Errorf("UDP port %d can't be used: %w", mdns.Port, errors.Join(errs...))
	}
	return nil
}

// listen reads until the socket is closed; a socket that reports anything else is of no more use.
func listen(v voice, hear hearer) {
	buf := make([]byte, maxRead)
	for {
		n, link, from, err := v.read(buf)
		if err != nil {
			return
		}
		if from, ok := from.(*net.UDPAddr); ok {
			hear(link, from.AddrPort().Addr().Unmap().WithZone(""), buf[:n])
		}
	}
}

// follow joins the multicast groups on the links, and leaves them on all others. Where it fails, nothing is heard,
// and it is tried again the next time.
func (a *air) follow(links []publication.Link) {
	stay := map[int]bool{}
	for _, link := range links {
		stay[link.Index] = a.joined[link.Index] ||
			a.each(func(v voice) error { return v.join(&net.Interface{Index: link.Index}) }) == nil
	}
	for index, joined := range a.joined {
		if _, still := stay[index]; joined && !still {
			a.each(func(v voice) error { return v.leave(&net.Interface{Index: index}) })
		}
	}
	a.joined = stay
}

// send puts a packet on a link. It reports an error where no IP version carried it.
func (a *air) send(link int, packet []byte) error {
	return a.each(func(v voice) error { return v.send(link, packet) })
}

// each reports an error where f succeeds for no IP version.
func (a *air) each(f func(voice) error) error {
	var errs []error
	for _, v := range a.voices {
		if err := f(v); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) < len(a.voices) {
		return nil
	}
	return errors.Join(errs...)
}

// close closes the sockets and waits for their readers.
func (a *air) close() {
	for _, v := range a.voices {
		v.Close()
	}
	a.readers.Wait()
}

type voice4 struct{ *ipv4.PacketConn }

// open4 opens the socket for IPv4. Given a multicast address, package net binds to all addresses, and so that
// others can have the port too.
func open4() (voice, error) {
	conn, err := net.ListenUDP("udp4", group4)
	if err != nil {
		return nil, err
	}
	v := voice4{ipv4.NewPacketConn(conn)}
	if err := errors.Join(v.SetControlMessage(ipv4.FlagInterface, true), v.SetMulticastTTL(hopLimit)); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

func (v voice4) join(link *net.Interface) error  { return v.JoinGroup(link, group4) }
func (v voice4) leave(link *net.Interface) error { return v.LeaveGroup(link, group4) }

func (v voice4) read(buf []byte) (n, link int, from net.Addr, err error) {
	n, control, from, err := v.ReadFrom(buf)
	if control != nil {
		link = control.IfIndex
	}
	return n, link, from, err
}

func (v voice4) send(link int, packet []byte) error {
	_, err := v.WriteTo(packet, &ipv4.ControlMessage{IfIndex: link}, group4)
	return err
}

type voice6 struct{ *ipv6.PacketConn }

// open6 opens the socket for IPv6, as open4 does for IPv4.
func open6() (voice, error) {
	conn, err := net.ListenUDP("udp6", group6)
	if err != nil {
		return nil, err
	}
	v := voice6{ipv6.NewPacketConn(conn)}
	if err := errors.Join(v.SetControlMessage(ipv6.FlagInterface, true), v.SetMulticastHopLimit(hopLimit)); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

func (v voice6) join(link *net.Interface) error  { return v.JoinGroup(link, group6) }
func (v voice6) leave(link *net.Interface) error { return v.LeaveGroup(link, group6) }

func (v voice6) read(buf []byte) (n, link int, from net.Addr, err error) {
	n, control, from, err := v.ReadFrom(buf)
	if control != nil {
		link = control.IfIndex
	}
	return n, link, from, err
}

func (v voice6) send(link int, packet []byte) error {
	_, err := v.WriteTo(packet, &ipv6.ControlMessage{IfIndex: link}, group6)
	return err
}
