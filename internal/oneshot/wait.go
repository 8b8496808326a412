package oneshot

import (
	"context"

	"announcer/internal/mdns"
	"announcer/internal/phones"
)

// Wait tells what happens, and who asks for the first time, until ctx is done or, where n is more than 0, until n other
// hosts have asked and were answered. It gives their number. macs looks up hardware addresses.
func Wait(ctx context.Context, p mdns.Publisher, n int, macs func() phones.Lookup, happened func(mdns.Event), asked func(phones.Asker)) (served int) {
	var askers phones.Askers
	var questions <-chan mdns.Asked
	if o, ok := p.(mdns.Observer); ok {
		questions = o.Asked()
	}
	events := p.Events()
	for n == 0 || askers.Served() < n {
		select {
		case <-ctx.Done():
			return askers.Served()
		case e, open := <-events:
			if !open {
				events = nil
				continue
			}
			happened(e)
		case q, open := <-questions:
			if !open {
				questions = nil
				continue
			}
			if asker, first := askers.Add(q, macs()); first {
				asked(asker)
			}
		}
	}
	return askers.Served()
}
