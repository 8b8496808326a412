package netwatch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// rtnetlinkMessages are the messages of this host's kernel.
type rtnetlinkMessages struct{ log *slog.Logger }

// All implements [Messages].
func (rtnetlinkMessages) All() ([]rtnetlink.LinkMessage, []rtnetlink.AddressMessage, error) {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	links, err := conn.Link.List()
	if err != nil {
		return nil, nil, err
	}
	addrs, err := conn.Address.List()
	return links, addrs, err
}

// Of implements [Messages]. It fails before Linux 4.20, which knows no addresses of one interface alone
// (NETLINK_GET_STRICT_CHK).
func (rtnetlinkMessages) Of(index uint32) (*rtnetlink.LinkMessage, []rtnetlink.AddressMessage, error) {
	conn, err := rtnetlink.Dial(&netlink.Config{Strict: true})
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	found, err := conn.Execute(&rtnetlink.LinkMessage{Index: index}, unix.RTM_GETLINK, netlink.Request)
	switch {
	case errors.Is(err, unix.ENODEV):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	link, err := only[*rtnetlink.LinkMessage](found)
	if err != nil {
		return nil, nil, err
	}
	addrs, err := addrsOf(conn, index)
	return link, addrs, err
}

func only[M rtnetlink.Message](messages []rtnetlink.Message) (m M, err error) {
	if len(messages) == 1 {
		if m, ok := messages[0].(M); ok {
			return m, nil
		}
	}
	return m, fmt.Errorf("got %d messages about an interface; want 1", len(messages))
}

// addrsOf returns the messages about the addresses of an interface, IPv4 first.
func addrsOf(conn *rtnetlink.Conn, index uint32) (addrs []rtnetlink.AddressMessage, err error) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		found, err := conn.Execute(&rtnetlink.AddressMessage{Family: family, Index: index}, unix.RTM_GETADDR, netlink.Request|netlink.Dump)
		if errors.Is(err, unix.ENODEV) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			a, ok := m.(*rtnetlink.AddressMessage)
			if !ok || a.Index != index {
				return nil, errors.New("got addresses of other interfaces")
			}
			addrs = append(addrs, *a)
		}
	}
	return addrs, nil
}

// Subscribe implements [Messages]. If netlink is refused, it calls heard at intervals.
func (m rtnetlinkMessages) Subscribe(ctx context.Context, heard func(index uint32)) {
	subscribe(ctx, m.log, heard, func() (*netlink.Conn, error) {
		return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{
			Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR,
		})
	})
}

// subscribe is Subscribe on a netlink connection that dial opens.
func subscribe(ctx context.Context, log *slog.Logger, heard func(index uint32), dial func() (*netlink.Conn, error)) {
	conn, err := dial()
	go func() {
		if err == nil {
			err = listen(ctx, conn, heard)
		}
		if ctx.Err() == nil {
			log.Warn("the system does not report changes of the interfaces; they are polled", "every", pollEvery, "error", err)
			poll(ctx, func() { heard(0) })
		}
	}()
}

// listen calls heard until ctx is done or the connection fails, and reports how it failed.
func listen(ctx context.Context, conn *netlink.Conn, heard func(index uint32)) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })()
	for {
		messages, err := conn.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS): // messages were lost
			heard(0)
		case err != nil:
			return err
		}
		for _, m := range messages {
			heard(indexIn(m.Data))
		}
	}
}

// indexIn returns the index of the interface that a message about a link or an address is about, 0 if it has none. It is at
// the same place in both (ifinfomsg, ifaddrmsg).
func indexIn(message []byte) uint32 {
	if len(message) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint32(message[4:])
}
