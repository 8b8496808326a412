package deployment

import (
	"context"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/status"
)

const (
	conflictsMost = 100         // that are remembered
	tableTime     = time.Second // for which a table of hardware addresses is good
)

// follower is the loop that owns what the engine reports.
type follower struct {
	*Deployment
	publisher mdns.Publisher
	askers    phones.Askers
	conflicts []status.Conflict // the newest first
	table     phones.Lookup     // hardware addresses of neighbours
	read      time.Time         // when it was read
}

func (f *follower) run(ctx context.Context) {
	events := f.publisher.Events()
	var questions <-chan []mdns.Asked
	if o, ok := f.publisher.(mdns.Observer); ok {
		questions = o.Asked()
	}
	tick := time.NewTicker(sampleTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.sample()
		case batch, open := <-events:
			if !open {
				events = nil
			}
			f.happened(batch)
		case batch, open := <-questions:
			if !open {
				questions = nil
			}
			f.hears(batch)
		case reply := <-f.asked:
			reply(f.observe())
		}
	}
}

// observe asks the engine, which can hang.
func (f *follower) observe() observation {
	o := observation{
		services: status.Services(f.config.Desired.Groups, f.publisher.Status(), nil), conflicts: slices.Clone(f.conflicts), mac: f.macs(),
	}
	if observer, ok := f.publisher.(mdns.Observer); ok {
		o.seen = observer.Observe()
	}
	o.asked = status.NewAsked(&f.askers, o.mac)
	return o
}

// macs returns the hardware addresses of neighbours, at most tableTime old.
func (f *follower) macs() phones.Lookup {
	if now := time.Now(); f.table == nil || now.Sub(f.read) >= tableTime {
		f.table, f.read = f.config.MACs(), now
	}
	return f.table
}

// sample measures the rate, and shows those who watch how far the transfers are.
func (f *follower) sample() {
	f.mu.Lock()
	running := f.server.Running()
	f.transfers.sample(time.Now(), running)
	f.mu.Unlock()
	var news []status.Event
	for _, t := range running {
		news = append(news, status.Event{Transfer: new(Shown(t))})
	}
	f.hub.Publish(news...)
}

func (f *follower) happened(batch []mdns.Event) {
	var news []status.Event
	for _, e := range batch {
		if e.Rival.IsValid() && e.Kind != mdns.ForeignSeen && e.Kind != mdns.ForeignGone {
			f.conflicts = slices.Insert(f.conflicts, 0, status.NewConflict(e))
			f.conflicts = f.conflicts[:min(len(f.conflicts), conflictsMost)]
		}
		news = append(news, status.NewEvent(e))
	}
	f.hub.Publish(news...)
}

func (f *follower) hears(batch []mdns.Asked) {
	mac := f.macs()
	var news []status.Event
	for _, q := range batch {
		asker, first := f.askers.Add(q, mac)
		news = append(news, status.NewQuestion(q, asker, first))
	}
	f.hub.Publish(news...)
}
