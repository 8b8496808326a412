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
	return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.EINTR)
}

// keep takes those packets of a batch that found no room. It returns the others that were not sent.
func (b *backlogged) keep(batch []link.Packet) (lost []link.Packet) {
	for _, p := range batch {
		switch {
		case p.Err == nil:
		case noRoom(p.Err) && len(b.packets) < resendMost:
			p.Data = slices.Clone(p.Data)
			b.packets = append(b.packets, p)
		default:
			lost = append(lost, p)
		}
	}
	if len(b.packets) > 0 && b.again.IsZero() {
		b.again, b.tries = time.Now().Add(resendPause), resendTimes
	}
	return lost
}

// resend sends what waits, when it is time. It gives up what never finds room, and returns it.
func (b *backlogged) resend(conn link.Conn) (lost []link.Packet) {
	if b.again.IsZero() || time.Now().Before(b.again) {
		return nil
	}
	batch, tries := b.packets, b.tries-1
	conn.Write(batch)
	*b = backlogged{}
	if tries == 0 {
		return slices.DeleteFunc(batch, func(p link.Packet) bool { return p.Err == nil })
	}
	lost = b.keep(batch)
	b.tries = min(b.tries, tries)
	return lost
}
