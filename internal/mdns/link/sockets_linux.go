package link

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"announcer/internal/publication"
	"announcer/internal/within"
)

// A socket that fails is opened again after minRest, which doubles up to maxRest as long as that fails too. A group that
// can't be joined is tried again after maxRest.
const (
	minRest = 250 * time.Millisecond
	maxRest = 2 * time.Second
)

// Sockets is the real network, as a [Conn].
//
// All sockets are watched by one epoll instance, which the Go runtime watches in turn: so one goroutine waits for
// any number of sockets, and a packet costs no switch from one goroutine to another. System calls that never wait
// are made without telling the runtime, whose watchdog thread would wake up for each of them: on a quiet network
// that costs as much as the packet.
type Sockets struct {
	client  bool // see [OpenClient]
	epollFD int
	epoll   *os.File        // the same, watched by the runtime
	raw     syscall.RawConn // of epoll
	wake    int             // an eventfd that epoll watches
	late    deadline
	poll    func(fd uintptr) bool

	rx     receiver
	events [8]unix.EpollEvent
	got    []Packet // what the Read under way has
	waited bool     // it has asked epoll already
	woken  bool
	over   bool // the deadline has passed
	failed error
	lively int // the socket that had packets last

	mu      sync.Mutex // over what follows: Read, Write, SetLinks and Close may come from different goroutines
	sockets []*socket
	links   map[int]bool
	wanted  publication.Links
	deaf    []Fault   // links whose group can't be joined
	missing bool      // a group was not joined, on a link that is deaf or seems to be gone
	rejoin  time.Time // when to try that again
	faults  []Fault   // what Faults gives
	changed bool      // faults did, since the last Read
	tx      transmitter
	called  bool // to wake up, which epoll reports
	closed  bool
}

// Open opens port 5353 for each IP version that this host has. Where another program holds the port, [Sockets.Faults] names
// it, and the port is opened when it is free. The error says for each IP version why it can't be used.
func Open() (*Sockets, error) { return openAs(false) }

// OpenClient opens port 5353 as [Open] does, for a program that asks and answers nothing. [Sharing] of other programs does not
// name it: it does no harm to a responder beside it.
func OpenClient() (*Sockets, error) { return openAs(true) }

func openAs(client bool) (*Sockets, error) {
	s := &Sockets{client: client, links: map[int]bool{}}
	s.poll = s.receive
	if err := s.openPoller(); err != nil {
		return nil, err
	}
	var failed error
	usable := false
	for _, v := range publication.IPVersions() {
		sock := &socket{version: v, client: s.client, fd: -1}
		err := s.openSocket(sock)
		if errors.Is(err, unix.EAFNOSUPPORT) {
			failed = errors.Join(failed, err)
			continue // this host lacks the IP version, for good
		}
		s.sockets = append(s.sockets, sock)
		if err != nil {
			failed = errors.Join(failed, err)
			sock.fail(err, time.Now())
		}
		usable = usable || err == nil || sock.isHeld()
	}
	if !usable {
		s.Close()
		return nil, failed
	}
	s.awaitHolders()
	return s, nil
}

// awaitHolders waits until it is known who holds the port: at the start there is nothing else to wait for.
func (s *Sockets) awaitHolders() {
	for _, sock := range s.sockets {
		if sock.isHeld() {
			<-s.lookUpHolder(sock)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refault()
}

// Of a port that is held, the holder is looked up by a goroutine of its own, since /proc may be slow, and again now and
// then. After holderTime it is reported without a name.
const (
	holderTime = time.Second
	holderAge  = 30 * time.Second
)

// lookUpHolder has the holder of the port looked up, if that is due. known is closed when it is known, or unknown for
// holderTime.
func (s *Sockets) lookUpHolder(sock *socket) (known <-chan struct{}) {
	now := time.Now()
	if !sock.isHeld() || sock.looking || now.Sub(sock.looked) < holderAge {
		return nil
	}
	sock.looking, sock.looked = true, now
	done := make(chan struct{})
	go func() {
		defer close(done)
		name, ok := within.Do(holderTime, func() string { return holder(sock.version) })
		if !ok {
			name = unknownHolder
		}
		s.setHolder(sock, name)
	}()
	return done
}

// setHolder notes who holds the port, and lets Read report it.
func (s *Sockets) setHolder(sock *socket, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sock.looking = false
	if !s.closed && sock.isHeld() {
		sock.holder = name
		s.refault()
		s.wakeUp()
	}
}

func (s *Sockets) openPoller() error {
	var err error
	s.epollFD, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("failed to watch sockets: %w", err)
	}
	s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) // -1 if it fails
	if err == nil {
		err = unix.SetNonblock(s.epollFD, true) // makes os.NewFile hand it to the runtime's poller
	}
	if err == nil {
		err = watch(s.epollFD, s.wake, unix.EPOLLIN|unix.EPOLLET)
	}
	if err == nil {
		s.late, err = openDeadline(s.epollFD)
	}
	s.epoll = os.NewFile(uintptr(s.epollFD), "epoll")
	if err == nil {
		s.raw, err = s.epoll.SyscallConn()
	}
	if err != nil {
		unix.Close(s.wake)
		s.epoll.Close()
		return fmt.Errorf("failed to watch sockets: %w", err)
	}
	return nil
}

// watch has an epoll instance watch a file descriptor. An eventfd or a timerfd need not be read with EPOLLET: each event counts once.
func watch(epoll, fd int, events uint32) error {
	return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (s *Sockets) openSocket(sock *socket) error {
	if err := sock.open(); err != nil {
		return err
	}
	if err := watch(s.epollFD, sock.fd, unix.EPOLLIN); err != nil {
		sock.close()
		return fmt.Errorf("failed to watch a socket: %w", err)
	}
	return nil
}

// Read implements [Conn].
func (s *Sockets) Read(batch []Packet, until time.Time) (int, error) {
	until, ready, err := s.heal(until)
	if ready || err != nil {
		return 0, err
	}
	s.got, s.waited, s.woken, s.over, s.failed = batch[:0:min(len(batch), MaxBatch)], false, false, false, nil
	s.rx.reset()
	if left := time.Until(until); !until.IsZero() && left < coarse {
		err = s.waitBriefly(max(0, left)) // packets that are there are read even by who is late
	} else {
		s.setDeadline(until)
		err = s.raw.Read(s.poll)
	}
	switch {
	case s.isClosed():
		return 0, net.ErrClosed
	case err == nil:
		return len(s.got), s.failed
	default:
		return 0, fmt.Errorf("failed to wait for packets: %w", err)
	}
}

func (s *Sockets) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Sockets) setDeadline(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.late.set(at)
	}
}

// coarse is the shortest wait that is left to the runtime. There is less between two packets of ours.
const coarse = time.Millisecond

// waitBriefly waits without the runtime.
func (s *Sockets) waitBriefly(d time.Duration) error {
	return s.raw.Control(func(epoll uintptr) {
		if d > 0 {
			poll := unix.PollFd{Fd: int32(epoll), Events: unix.POLLIN}
			timeout := unix.NsecToTimespec(d.Nanoseconds())
			unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
		}
		s.poll(epoll)
	})
}

// receive reads from the sockets that have something. It reports whether Read is to return. What ends a wait is most likely
// a packet for the socket that had the last one too: that is tried before epoll is asked, unless Wake was called.
func (s *Sockets) receive(epoll uintptr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waited && !s.called {
		s.receiveFrom(s.lively)
	}
	if len(s.got) == 0 {
		s.receiveReady(epoll)
	}
	s.waited = true
	return len(s.got) > 0 || s.rx.full() || s.woken || s.over || s.failed != nil || s.closed
}

// receiveReady reads from the sockets that epoll says have something.
func (s *Sockets) receiveReady(epoll uintptr) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&s.events)), uintptr(len(s.events)), 0, 0, 0)
	if errno != 0 {
		n = 0
		if errno != unix.EINTR {
			s.failed = fmt.Errorf("failed to watch sockets: %w", errno)
		}
	}
	for _, event := range s.events[:n] {
		switch int(event.Fd) {
		case s.wake:
			s.called, s.woken = false, true
		case int(s.late.timer):
			s.late.pass()
			s.over = true
		default:
			s.receiveFrom(int(event.Fd))
		}
	}
}

func (s *Sockets) receiveFrom(fd int) {
	i := slices.IndexFunc(s.sockets, func(sock *socket) bool { return sock.fd == fd })
	if i < 0 {
		return
	}
	got, err := s.rx.read(s.sockets[i], s.got, s.links)
	if len(got) > len(s.got) {
		s.lively = fd
	}
	s.got = got
	if err != nil {
		s.failed = fmt.Errorf("failed to read from the %s socket, which is being reopened: %w", s.sockets[i].name(), err)
		s.sockets[i].rest(time.Now())
	}
}

// heal tries again what failed and has rested, and returns the time when it is to be called next. ready says that Faults
// has changed.
func (s *Sockets) heal(until time.Time) (next time.Time, ready bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return until, false, net.ErrClosed
	}
	now := time.Now()
	s.reopen(func(sock *socket) bool { return !now.Before(sock.again) })
	if s.missing && !now.Before(s.rejoin) {
		s.join()
	}
	ready, s.changed = s.changed, false
	return s.nextTry(until), ready, nil
}

// reopen opens those of the closed sockets that are due, and joins their groups.
func (s *Sockets) reopen(due func(*socket) bool) {
	tried, opened := false, false
	for _, sock := range s.sockets {
		if sock.fd >= 0 || !due(sock) {
			continue
		}
		tried = true
		if err := s.openSocket(sock); err != nil {
			sock.fail(err, time.Now())
			s.lookUpHolder(sock)
		} else {
			opened = true
		}
	}
	if opened {
		s.join()
	}
	if tried {
		s.refault()
	}
}

// nextTry returns the time when something is to be tried again, or until, if that is sooner; zero is never.
func (s *Sockets) nextTry(until time.Time) time.Time {
	sooner := func(at time.Time) {
		if until.IsZero() || at.Before(until) {
			until = at
		}
	}
	for _, sock := range s.sockets {
		if sock.fd < 0 {
			sooner(sock.again)
		}
	}
	if s.missing {
		sooner(s.rejoin)
	}
	return until
}

// Faults implements [Conn].
func (s *Sockets) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// refault works out what can't be used. A held port is reported once its holder is known.
func (s *Sockets) refault() {
	var faults []Fault
	for _, sock := range s.sockets {
		told := slices.ContainsFunc(faults, func(f Fault) bool { return f.Version == sock.version })
		if !told && s.first(sock.version) < 0 && sock.err != nil && (!sock.isHeld() || sock.holder != "") {
			faults = append(faults, Fault{Version: sock.version, Why: sock.why()})
		}
	}
	faults = append(faults, s.deaf...)
	if !slices.Equal(faults, s.faults) {
		s.faults, s.changed = faults, true
	}
}

// Wake implements [Conn].
func (s *Sockets) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wakeUp()
	}
}

func (s *Sockets) wakeUp() {
	s.called = true
	one := [8]byte{1}
	unix.RawSyscall(unix.SYS_WRITE, uintptr(s.wake), uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one))
}

// Write implements [Conn].
func (s *Sockets) Write(batch []Packet) (sent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range publication.IPVersions() {
		sent += s.tx.write(s.first(v), v, batch)
	}
	return sent
}

// first returns the descriptor of the socket that the packets of an IP version go out through; -1 is none.
func (s *Sockets) first(v publication.IPVersion) int {
	for _, sock := range s.sockets {
		if sock.version == v && sock.fd >= 0 {
			return sock.fd
		}
	}
	return -1
}

// SetLinks implements [Conn].
func (s *Sockets) SetLinks(links []publication.Link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	before := s.wanted
	s.wanted = links
	s.reopen(func(*socket) bool { return true })
	return s.follow(before)
}

// follow makes the links and memberships those that are wanted, after those of before: only where a link has changed, unless none
// has, which confirms all of them, or a group could not be joined.
func (s *Sockets) follow(before publication.Links) error {
	changed, gone := difference(before, s.wanted)
	for _, l := range gone {
		delete(s.links, l.Index)
	}
	for _, l := range changed {
		s.links[l.Index] = true
	}
	if len(changed)+len(gone) == 0 || s.missing {
		return s.join()
	}
	for _, sock := range s.sockets {
		for _, l := range slices.Concat(changed, gone) {
			sock.leaveUnless(s.wanted, l.Index)
		}
	}
	return s.joinAll(changed)
}

// difference returns which links are new or have changed, and which are gone.
func difference(before, now publication.Links) (changed, gone publication.Links) {
	for old, l := range publication.Changed(before, now) {
		if l == nil {
			gone = append(gone, *old)
		} else {
			changed = append(changed, *l)
		}
	}
	return changed, gone
}

// join makes the memberships those of the wanted links.
func (s *Sockets) join() error {
	s.deaf, s.missing = nil, false
	for _, sock := range s.sockets {
		for index := range sock.joined {
			sock.leaveUnless(s.wanted, index)
		}
	}
	return s.joinAll(s.wanted)
}

// joinAll enters the group on those of some links that have an address.
func (s *Sockets) joinAll(links publication.Links) error {
	var failed error
	s.rejoin = time.Now().Add(maxRest)
	for _, l := range links {
		for _, v := range publication.IPVersions() {
			if !l.Has(v) || s.first(v) < 0 {
				continue
			}
			if err := s.joinLink(l.Index, v); err != nil {
				err = fmt.Errorf("failed to listen on %s by IPv%d: %w", l.Name, v, err)
				failed = errors.Join(failed, err)
				s.missing = true
				if !errors.Is(err, unix.ENODEV) { // the link is gone, which is reported elsewhere
					s.deaf = append(s.deaf, Fault{v, l.Index, err.Error()})
				}
			}
		}
	}
	s.refault()
	return failed
}

// senderMost is how many memberships the socket has that packets go out through. They take from the memory for options
// (net.core.optmem_max, 20 kB on many kernels), without which no packet of IPv6 can be sent from an interface (ENOBUFS).
const senderMost = 128

// joinLink joins the group on an interface with the first socket that has room for it: the kernel lets one have
// a few memberships only (20 of IPv4, unless net.ipv4.igmp_max_memberships says otherwise).
func (s *Sockets) joinLink(index int, v publication.IPVersion) error {
	if i := slices.IndexFunc(s.sockets, func(sock *socket) bool { return sock.version == v && sock.joined[index] }); i >= 0 {
		return s.sockets[i].join(index)
	}
	for _, sock := range s.sockets {
		if sock.version != v || sock.fd < 0 || sock.fd == s.first(v) && len(sock.joined) >= senderMost {
			continue
		}
		if err := sock.join(index); !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ENOMEM) {
			return err
		}
	}
	sock := &socket{version: v, client: s.client, fd: -1}
	if err := s.openSocket(sock); err != nil {
		return err
	}
	if err := sock.join(index); err != nil {
		sock.close()
		return err
	}
	s.sockets = append(s.sockets, sock)
	return nil
}

// Shared implements [Conn].
func (s *Sockets) Shared() bool {
	s.mu.Lock()
	var own []uint64
	for _, sock := range s.sockets {
		own = append(own, sock.inode)
	}
	s.mu.Unlock()
	sockets, err := portSockets()
	if err != nil {
		return true // unknown; questions without the QU bit are answered in any case
	}
	return slices.ContainsFunc(sockets, func(p portSocket) bool { return !slices.Contains(own, p.inode) })
}

// Close implements [Conn].
func (s *Sockets) Close() error {
	if err := s.closeSockets(); err != nil {
		return err
	}
	return s.epoll.Close() // waits until Read is out of receive, which takes the lock
}

func (s *Sockets) closeSockets() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	for _, sock := range s.sockets {
		sock.close()
	}
	unix.Close(s.wake)
	s.late.timer.Close()
	return nil
}
