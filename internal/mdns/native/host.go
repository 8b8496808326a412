package native

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

// hostTime is how long the start and the end wait for what /proc and netlink say of this host.
const hostTime = 200 * time.Millisecond

// host is what the engine knows about this host. A task reads it, since /proc and netlink can hang.
type host struct {
	looks chan chan struct{} // each asks for a look, and is closed when the loop knows the result
	// The loop's own, as they were last read:
	own    []netip.Addr // all addresses of this host
	shared bool         // another program has the port, too
}

// look asks for a look, unless another one is due anyway.
func (h *host) look() {
	select {
	case h.looks <- make(chan struct{}):
	default:
	}
}

// refreshHost asks for a look and waits for it. If the host does not answer in time, the port counts as shared: questions
// without the QU bit are answered in any case, and what another program may announce is not withdrawn.
func (p *Publisher) refreshHost() {
	late := time.NewTimer(hostTime)
	defer late.Stop()
	asked := make(chan struct{})
	looks := p.host.looks
	for {
		select {
		case looks <- asked:
			looks = nil
		case <-asked:
			return
		case <-p.done:
			return
		case <-late.C:
			_ = p.do(context.Background(), func() { p.responder.SharePort(true) }) // unless the engine has ended
			return
		}
	}
}

// lookAtHost is the task that reads what is to be known of this host, when it is asked to.
func (p *Publisher) lookAtHost(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case asked := <-p.host.looks:
			shared, own := p.config.Conn.Shared(), []netip.Addr(nil)
			if p.config.Own != nil {
				own = p.config.Own()
			}
			_ = p.do(ctx, func() { p.know(shared, own) }) // unless the engine has ended
			close(asked)
		}
	}
}

// know takes what is to be known of this host.
func (p *Publisher) know(shared bool, own []netip.Addr) {
	p.responder.SharePort(shared)
	same := shared == p.host.shared && slices.Equal(own, p.host.own)
	p.host.shared, p.host.own = shared, own
	if !same && p.desired != nil {
		p.publish()
	}
}

// hostAddresses returns all addresses of this host.
func hostAddresses() []netip.Addr {
	var own []netip.Addr
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr())
		}
	}
	return own
}
