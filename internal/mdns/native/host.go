package native

import (
	"context"
	"time"
)

// hostTime is how long the start and the end wait for what /proc says of this host.
const hostTime = 200 * time.Millisecond

// host is what the engine knows about this host. A task reads it, since /proc can hang.
type host struct {
	looks chan chan struct{} // each asks for a look, and is closed when the loop knows the result
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
			shared := p.config.Conn.Shared()
			_ = p.do(ctx, func() { p.responder.SharePort(shared) }) // unless the engine has ended
			close(asked)
		}
	}
}
