package netwatch

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"announcer/internal/publication"
)

// withoutNetlink reads the interfaces by ioctl and from /proc, for a host that refuses netlink (netdevice(7)). How an IPv4
// address stands, and what an interface is a port of, is not known then.
func withoutNetlink() ([]publication.Link, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(socket)
	v4, err := ipv4Addrs(socket)
	if err != nil {
		return nil, err
	}
	v6 := ipv6Addrs()
	var links []publication.Link
	for name := range interfaceNames(v4) {
		link, err := linkByName(socket, name)
		if err != nil { // gone since
			continue
		}
		link.Addrs = append(v4[name], v6[name]...)
		links = append(links, link)
	}
	return inOrder(links), nil
}

// interfaceNames returns the names in /proc/thread-self/net/dev: "  eth0: 123 …" after two lines of headings. Where that cannot
// be read, they are those of the interfaces with IPv4 addresses.
func interfaceNames(v4 map[string][]publication.LinkAddr) iter.Seq[string] {
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return maps.Keys(v4)
	}
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(text)) {
			if i := strings.LastIndex(line, ":"); i >= 0 && !yield(strings.TrimSpace(line[:i])) {
				return
			}
		}
	}
}

// linkByName returns an interface without its addresses.
func linkByName(socket int, name string) (link publication.Link, err error) {
	flags, err := query(socket, name, unix.SIOCGIFFLAGS, (*unix.Ifreq).Uint16)
	if err != nil {
		return link, err
	}
	index, err := query(socket, name, unix.SIOCGIFINDEX, (*unix.Ifreq).Uint32)
	if err != nil {
		return link, err
	}
	mtu, err := query(socket, name, unix.SIOCGIFMTU, (*unix.Ifreq).Uint32)
	if err != nil {
		return link, err
	}
	link = publication.Link{
		Index: int(index), Name: name, MTU: int(mtu), Loopback: flags&unix.IFF_LOOPBACK != 0, PointToPoint: flags&unix.IFF_POINTOPOINT != 0,
		Outage: outage(name, flags&unix.IFF_UP != 0, flags&unix.IFF_RUNNING != 0, flags&(unix.IFF_MULTICAST|unix.IFF_LOOPBACK) != 0),
	}
	if link.Outage.Why != down && link.Outage.Why != noCarrier {
		link.Carriers = []publication.Carrier{{Index: int(index), Name: name}}
	}
	return link, nil
}

// query asks the kernel for one value of an interface.
func query[T any](socket int, name string, request uint, value func(*unix.Ifreq) T) (result T, err error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return result, err
	}
	err = unix.IoctlIfreq(socket, request, r)
	return value(r), err
}

// ifconf is struct ifconf of netdevice(7).
type ifconf struct {
	len  int32
	reqs unsafe.Pointer
}

// ifreq is struct ifreq with an IPv4 address.
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	addr unix.RawSockaddrInet4
	_    [ifreqSize - unix.IFNAMSIZ - unix.SizeofSockaddrInet4]byte
}

const (
	ifreqSize = unix.IFNAMSIZ + 8 + 2*unsafe.Sizeof(uintptr(0)) // the largest member of the union is struct ifmap
	addrsMost = 1 << 16
)

// ipv4Addrs returns the IPv4 addresses by the names of their interfaces.
func ipv4Addrs(socket int) (map[string][]publication.LinkAddr, error) {
	for room := 64; room <= addrsMost; room *= 4 {
		requests := make([]ifreq, room)
		conf := ifconf{len: int32(uintptr(room) * ifreqSize), reqs: unsafe.Pointer(&requests[0])}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCGIFCONF, uintptr(unsafe.Pointer(&conf))); errno != 0 {
			return nil, os.NewSyscallError("SIOCGIFCONF", errno)
		}
		if n := int(uintptr(conf.len) / ifreqSize); n < room { // else there may be more
			return withPrefixes(socket, requests[:n]), nil
		}
	}
	return nil, fmt.Errorf("there are more than %d IPv4 addresses", addrsMost)
}

// withPrefixes looks up the netmasks of addresses.
func withPrefixes(socket int, requests []ifreq) map[string][]publication.LinkAddr {
	addrs := map[string][]publication.LinkAddr{}
	for _, r := range requests {
		name, _, _ := strings.Cut(unix.ByteSliceToString(r.name[:]), ":") // eth0:1 is a label of eth0
		ip := netip.AddrFrom4(r.addr.Addr)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCGIFNETMASK, uintptr(unsafe.Pointer(&r))); errno != 0 {
			continue // gone since
		}
		ones, _ := net.IPMask(r.addr.Addr[:]).Size()
		addrs[name] = append(addrs[name], publication.LinkAddr{Prefix: netip.PrefixFrom(ip, ones)})
	}
	return addrs
}

// ipv6Addrs returns the IPv6 addresses in /proc/thread-self/net/if_inet6 by the names of their interfaces; none where the kernel has no
// IPv6. A line is "fe80…01 02 40 20 80 eth0": address, index, length of the prefix, scope, flags, name.
func ipv6Addrs() map[string][]publication.LinkAddr {
	addrs := map[string][]publication.LinkAddr{}
	text, err := os.ReadFile("/proc/thread-self/net/if_inet6")
	if err != nil {
		return addrs
	}
	for line := range bytes.Lines(text) {
		if name, addr, ok := ipv6Addr(strings.Fields(string(line))); ok {
			addrs[name] = append(addrs[name], addr)
		}
	}
	return addrs
}

func ipv6Addr(fields []string) (name string, addr publication.LinkAddr, ok bool) {
	if len(fields) != 6 {
		return "", addr, false
	}
	ip, err := hex.DecodeString(fields[0])
	length, err2 := strconv.ParseUint(fields[2], 16, 8)
	flags, err3 := strconv.ParseUint(fields[4], 16, 32)
	a, is16 := netip.AddrFromSlice(ip)
	if err != nil || err2 != nil || err3 != nil || !is16 {
		return "", addr, false
	}
	return fields[5], linkAddrOf(netip.PrefixFrom(a, int(length)), uint32(flags)), true
}
