package oneshot

import (
	"context"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/phones"
)

// linger is how long all stays announced after the last host that was waited for has asked: its answer may be
// delayed by a second (RFC 6762 §6), and it needs a moment to take the answer before a goodbye withdraws it.
const linger = 5 * time.Second

// Wait reports what happens, and each host that asks for the first time or is answered for the first time, with the number
// of other hosts that were answered so far. It ends when ctx is done or, where n is more than 0, when n other hosts have asked
// and were answered, and had some seconds to use the answer. It returns their number. macs looks up hardware addresses.
func Wait(ctx context.Context, p mdns.Publisher, n int, macs func() phones.Lookup, happened func([]mdns.Event), asked func(a phones.Asker, served int)) (served int) {
	var askers phones.Askers
	var questions <-chan []mdns.Asked
	if o, ok := p.(mdns.Observer); ok {
		questions = o.Asked()
	}
	events := p.Events()
	var enough <-chan time.Time
	for {
		if n > 0 && askers.Served() >= n && enough == nil {
			enough = time.After(linger)
		}
		select {
		case <-ctx.Done():
			return askers.Served()
		case <-enough:
			return askers.Served()
		case e, open := <-events:
			if !open {
				events = nil
				continue
			}
			happened(e)
		case batch, open := <-questions:
			if !open {
				questions = nil
				continue
			}
			lookUp := macs()
			var news []phones.Asker
			for _, q := range batch {
				if asker, first := askers.Add(q, lookUp); first || q.Answered && asker.Answered == 1 {
					news = append(news, asker)
				}
			}
			now := askers.Served()
			for _, asker := range news {
				asked(asker, now)
			}
		}
	}
}
