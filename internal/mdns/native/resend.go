package native

import (
	"errors"
	"slices"
	"syscall"
	"time"

	"announcer/internal/mdns/link"
)

// The kernel may have no room for a packet. It is sent again soon, a number of times and no more: a packet of long ago
// says what is no longer so.
const (
	resendPause = 20 * time.Millisecond
	resendTimes = 25
	resendMost  = 256 // packets that wait
)

// backlogged are the packets for which the kernel had no room, in order.
type backlogged struct {
	packets []link.Packet
	tries   int
	again   time.Time
}

// noRoom reports whether an error of a send passes by itself.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM)
}

// keep takes the packets of a batch that found no room.
func (b *backlogged) keep(batch []link.Packet) {
	for _, p := range batch {
		if noRoom(p.Err) && len(b.packets) < resendMost {
			p.Data = slices.Clone(p.Data)
			b.packets = append(b.packets, p)
		}
	}
	if len(b.packets) > 0 && b.again.IsZero() {
		b.again, b.tries = time.Now().Add(resendPause), resendTimes
	}
}

// resend sends what waits, when it is time, and gives up what never finds room.
func (b *backlogged) resend(conn link.Conn) {
	if b.again.IsZero() || time.Now().Before(b.again) {
		return
	}
	batch := b.packets
	b.tries--
	conn.Write(batch)
	b.packets = slices.DeleteFunc(batch, func(p link.Packet) bool { return !noRoom(p.Err) })
	b.again = time.Now().Add(resendPause)
	if b.tries == 0 {
		b.packets = nil
	}
	if len(b.packets) == 0 {
		*b = backlogged{}
	}
}
