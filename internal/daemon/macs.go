package daemon

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/phones"
)

// The hardware addresses of neighbours are read all at once, which takes a while: they may be as old as macsAge, and
// those that are missing as noMACAge.
const (
	macsAge     = 10 * time.Second
	noMACAge    = time.Second
	macPatience = time.Second // a look that takes longer is not waited for
)

func unknownMAC(string, netip.Addr) string { return "" }

// macs is the task that passes on questions together with the hardware addresses of those who ask. It reads the
// kernel's table of neighbours, which can hang.
type macs struct {
	read func() func(link string, host netip.Addr) string // nil: no address is known
	ask  chan struct{}                                    // asks for the table without a question
	seen chan seen

	table  phones.Lookup
	at     time.Time          // when the table was read
	result chan phones.Lookup // of a look that has not returned; nil: there is none
}

// seen is questions of others, with a table of hardware addresses that is as fresh as it needs to be.
type seen struct {
	questions []mdns.Asked
	mac       phones.Lookup
}

func newMACs(read func() func(link string, host netip.Addr) string) *macs {
	return &macs{read: read, ask: make(chan struct{}, 1), seen: make(chan seen), table: unknownMAC}
}

// look asks for a table soon.
func (m *macs) look() {
	select {
	case m.ask <- struct{}{}:
	default:
	}
}

// run passes on the questions that an engine reports.
func (m *macs) run(publisher mdns.Publisher) func(ctx context.Context, ready func()) error {
	return func(ctx context.Context, ready func()) error {
		var asked <-chan []mdns.Asked
		if o, ok := publisher.(mdns.Observer); ok {
			asked = o.Asked()
		}
		ready()
		for {
			var questions []mdns.Asked
			open := true
			select {
			case <-ctx.Done():
				return nil
			case questions, open = <-asked:
			case <-m.ask:
			}
			if !open {
				asked = nil
				continue
			}
			m.refresh(ctx, questions)
			select {
			case m.seen <- seen{questions, m.table}:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// refresh reads the table again if it is too old for the questions.
func (m *macs) refresh(ctx context.Context, questions []mdns.Asked) {
	age := time.Since(m.at)
	isMissing := func(a mdns.Asked) bool { return m.table(a.Link, a.From) == "" }
	if m.read == nil || age < noMACAge || age < macsAge && !slices.ContainsFunc(questions, isMissing) {
		return
	}
	if m.result == nil {
		result := make(chan phones.Lookup, 1)
		m.result = result
		go func() { result <- m.read() }()
	}
	patience := time.NewTimer(macPatience)
	defer patience.Stop()
	select {
	case m.table = <-m.result:
		m.at, m.result = time.Now(), nil
	case <-patience.C:
	case <-ctx.Done():
	}
}
