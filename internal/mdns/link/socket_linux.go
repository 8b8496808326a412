package link

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// receiveBuffer is what the kernel is asked to hold for a socket, in bytes; it grants what net.core.rmem_max allows.
const receiveBuffer = 1 << 20

// socket is one UDP socket on port 5353.
type socket struct {
	version publication.IPVersion
	client  bool // it is marked as that of a client
	fd      int  // -1 while it rests after a failure
	mark    int  // while fd is open: the mark of a client; -1 if there is none
	inode   uint64
	joined  map[int]bool // indexes of the interfaces on which it is in the group

	again time.Time // while it rests: when to open it again
	pause time.Duration
	err   error // why it could not be opened

	holder  string    // of the port, for people; "" if that is not known yet
	looked  time.Time // when it was last looked up
	looking bool      // it is being looked up
}

func (s *socket) name() string { return fmt.Sprintf("IPv%d", s.version) }

func (s *socket) family() int {
	if s.version == publication.V4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// open makes the socket, without memberships.
func (s *socket) open() error {
	fd, err := unix.Socket(s.family(), unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("%s is not available: %w", s.name(), err)
	}
	if err := configure(fd, s.version); err != nil {
		unix.Close(fd)
		return fmt.Errorf("failed to set up the %s socket: %w", s.name(), err)
	}
	inode, mark := inodeOf(fd), -1
	if s.client {
		mark = markClient(inode)
	}
	if err := bindShared(fd, s.version); err != nil {
		unix.Close(fd)
		closeMark(mark)
		return fmt.Errorf("failed to open port %d for %s: %w", mdns.Port, s.name(), err)
	}
	s.fd, s.inode, s.mark, s.joined, s.pause = fd, inode, mark, map[int]bool{}, 0
	s.err, s.holder, s.looked = nil, "", time.Time{}
	return nil
}

// isHeld reports whether another program has the port and does not share it.
func (s *socket) isHeld() bool { return errors.Is(s.err, unix.EADDRINUSE) }

// why returns why the socket could not be opened, for people.
func (s *socket) why() string {
	if s.isHeld() {
		return fmt.Sprintf("port %d for %s is held by %s, which does not share it", mdns.Port, s.name(), s.holder)
	}
	return s.err.Error()
}

// fail notes why the socket could not be opened, and lets it rest.
func (s *socket) fail(err error, now time.Time) {
	s.err = err
	s.rest(now)
}

// bindShared shares the port with SO_REUSEADDR. SO_REUSEPORT is set only for the sake of a program that knows
// nothing else: among sockets that have it the kernel picks one by a hash of the sender, and does so even for a
// packet to a group that only one of them is in.
func bindShared(fd int, v publication.IPVersion) error {
	err := bind(fd, v)
	if errors.Is(err, unix.EADDRINUSE) && unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) == nil {
		err = bind(fd, v)
	}
	return err
}

func bind(fd int, v publication.IPVersion) error {
	if v == publication.V4 {
		return unix.Bind(fd, &unix.SockaddrInet4{Port: mdns.Port})
	}
	return unix.Bind(fd, &unix.SockaddrInet6{Port: mdns.Port})
}

type option struct {
	level, name, value int
	optional           bool // kernels before 4.20 don't have it
}

// Packet info (interface, destination) and TTL with each packet; groups only of interfaces that this socket has
// joined itself, not those of other programs; TTL 255 (RFC 6762 §11); other programs of this host hear us.
var options = map[publication.IPVersion][]option{
	publication.V4: {
		{level: unix.SOL_IP, name: unix.IP_PKTINFO, value: 1},
		{level: unix.SOL_IP, name: unix.IP_RECVTTL, value: 1},
		{level: unix.SOL_IP, name: unix.IP_MULTICAST_ALL, value: 0},
		{level: unix.SOL_IP, name: unix.IP_MULTICAST_LOOP, value: 1},
		{level: unix.SOL_IP, name: unix.IP_MULTICAST_TTL, value: 255},
		{level: unix.SOL_IP, name: unix.IP_TTL, value: 255},
	},
	publication.V6: {
		{level: unix.SOL_IPV6, name: unix.IPV6_V6ONLY, value: 1},
		{level: unix.SOL_IPV6, name: unix.IPV6_RECVPKTINFO, value: 1},
		{level: unix.SOL_IPV6, name: unix.IPV6_RECVHOPLIMIT, value: 1},
		{level: unix.SOL_IPV6, name: unix.IPV6_MULTICAST_ALL, value: 0, optional: true},
		{level: unix.SOL_IPV6, name: unix.IPV6_MULTICAST_LOOP, value: 1},
		{level: unix.SOL_IPV6, name: unix.IPV6_MULTICAST_HOPS, value: 255},
		{level: unix.SOL_IPV6, name: unix.IPV6_UNICAST_HOPS, value: 255},
	},
}

var commonOptions = []option{
	{level: unix.SOL_SOCKET, name: unix.SO_REUSEADDR, value: 1},
	{level: unix.SOL_SOCKET, name: unix.SO_RCVBUF, value: receiveBuffer},
}

func configure(fd int, v publication.IPVersion) error {
	for _, o := range append(options[v], commonOptions...) {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil && !o.optional {
			return fmt.Errorf("socket option %d of level %d: %w", o.name, o.level, err)
		}
	}
	return nil
}

// join enters the group on an interface. It is no error to be in it already.
func (s *socket) join(index int) error {
	option := unix.IP_ADD_MEMBERSHIP
	if s.version == publication.V6 {
		option = unix.IPV6_JOIN_GROUP
	}
	err := s.membership(option, index)
	if err != nil && !errors.Is(err, unix.EADDRINUSE) {
		delete(s.joined, index)
		return err
	}
	s.joined[index] = true
	return nil
}

// leaveUnless leaves the group on an interface, unless one of the links wants it. The kernel keeps the membership on an interface
// that is gone, and counts it, until it is left.
func (s *socket) leaveUnless(wanted publication.Links, index int) {
	if l, ok := wanted.ByIndex(index); !s.joined[index] || ok && l.Has(s.version) {
		return
	}
	option := unix.IP_DROP_MEMBERSHIP
	if s.version == publication.V6 {
		option = unix.IPV6_LEAVE_GROUP
	}
	s.membership(option, index)
	delete(s.joined, index)
}

func (s *socket) membership(option, index int) error {
	if s.version == publication.V4 {
		return unix.SetsockoptIPMreqn(s.fd, unix.SOL_IP, option,
			&unix.IPMreqn{Multiaddr: mdns.Group4.Addr().As4(), Ifindex: int32(index)})
	}
	return unix.SetsockoptIPv6Mreq(s.fd, unix.SOL_IPV6, option,
		&unix.IPv6Mreq{Multiaddr: mdns.Group6.Addr().As16(), Interface: uint32(index)})
}

func (s *socket) close() {
	if s.fd >= 0 {
		unix.Close(s.fd)
		closeMark(s.mark)
		s.fd = -1
	}
}

// rest closes a socket that failed, for a while.
func (s *socket) rest(now time.Time) {
	s.close()
	s.joined = nil
	s.pause = min(max(2*s.pause, minRest), maxRest)
	s.again = now.Add(s.pause)
}
