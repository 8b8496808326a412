// Package deployment follows a mass update of phones: which hosts ask, which phones load firmware and how fast, which of them have
// it, and when all will have it.
package deployment

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"announcer/internal/diag"
	"announcer/internal/hub"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/phones/fileserver"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
)

// sampleTime is the time between two looks at the transfers.
const sampleTime = time.Second

// Config configures a [Deployment].
type Config struct {
	Daemon  status.Daemon           // this process; [New] fills in what is known of it
	Desired publication.Desired     // what is announced
	Links   []status.Link           // of this host
	Release string                  // the version of the firmware
	Wanted  int                     // phones that are waited for; 0: no number
	MAC     func(netip.Addr) string // looks up a hardware address
	MACs    func() phones.Lookup    // the same for many
}

// Server is a [fileserver.Server].
type Server interface {
	Files() []fileserver.File
	Running() []fileserver.Transfer
	Faults() map[string]error
}

// Deployment is a mass update. Its methods can be called at any time, by several goroutines.
type Deployment struct {
	config Config
	hub    hub.Hub
	asked  chan func(observation)
	ended  chan struct{} // closed when [Deployment.Follow] ends
	last   observation   // what was seen then

	mu        sync.Mutex
	server    Server
	transfers transfers
	phones    map[string]bool // with a whole file, by hardware address if known, else by address
	reached   chan struct{}   // closed when there are enough of them
}

// New makes a deployment in which no phone has begun.
func New(config Config) *Deployment {
	config.Daemon.PID, config.Daemon.Started, config.Daemon.Host = os.Getpid(), time.Now(), config.Desired.Host
	return &Deployment{
		config: config, asked: make(chan func(observation)), ended: make(chan struct{}),
		phones: map[string]bool{}, reached: make(chan struct{}),
	}
}

// Phone returns what a phone with a whole file is counted by, "" if it has none. It looks up the hardware address.
func (d *Deployment) Phone(t fileserver.Transfer) string {
	if !t.Whole {
		return ""
	}
	for _, known := range []string{t.Agent.MAC, d.config.MAC(t.Phone), phones.EmbeddedMAC(t.Phone)} {
		if known != "" {
			return known
		}
	}
	return t.Phone.String()
}

// Report takes the report of a server on a transfer by a phone as named by [Deployment.Phone]. It returns whether that phone had no
// whole file before.
func (d *Deployment) Report(t fileserver.Transfer, phone string) (isNew bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.transfers.report(t)
	isNew = phone != "" && !d.phones[phone]
	if isNew {
		d.phones[phone] = true
		if len(d.phones) == d.config.Wanted {
			close(d.reached)
		}
	}
	d.hub.Publish(status.Event{Transfer: new(Shown(t))})
	return isNew
}

// Done returns the number of phones with a whole file.
func (d *Deployment) Done() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.phones)
}

// Reached returns a channel that is closed when as many phones as are wanted have a whole file.
func (d *Deployment) Reached() <-chan struct{} { return d.reached }

// observation is what was seen on the network.
type observation struct {
	services  []status.Service
	seen      mdns.Observation
	asked     status.Asked
	conflicts []status.Conflict
	mac       phones.Lookup
}

// Follow follows what a publisher reports, and the transfers of a server, until ctx is done. It is called once.
func (d *Deployment) Follow(ctx context.Context, p mdns.Publisher, s Server) {
	d.mu.Lock()
	d.server = s
	d.mu.Unlock()
	f := follower{Deployment: d, publisher: p}
	defer close(d.ended)
	f.run(ctx)
	d.last = f.observe()
	d.last.services = []status.Service{} // they are being withdrawn
}

// Watch implements [announcer/internal/web.Daemon].
func (d *Deployment) Watch() (events <-chan []status.Event, stop func(), err error) {
	return d.hub.Watch()
}

// Watched reports whether there is a watcher.
func (d *Deployment) Watched() bool { return d.hub.Watched() }

// Close ends the events of those who watch.
func (d *Deployment) Close() { d.hub.Close() }

// Status implements [announcer/internal/web.Daemon]. Before [Deployment.Follow] it waits.
func (d *Deployment) Status(ctx context.Context) (status.Status, error) {
	seen := make(chan observation, 1)
	select {
	case d.asked <- func(o observation) { seen <- o }:
	case <-d.ended:
		return d.status(d.last), nil
	case <-ctx.Done():
		return status.Status{}, context.Cause(ctx)
	}
	select {
	case o := <-seen:
		return d.status(o), nil
	case <-ctx.Done():
		return status.Status{}, context.Cause(ctx)
	}
}

// status returns the state, with what was seen on the network.
func (d *Deployment) status(o observation) status.Status {
	s := status.Status{
		Version: status.Version, Time: time.Now(), Hints: []string{}, Daemon: d.config.Daemon, Services: o.services,
		Files: status.Files{Refusals: []source.Refusal{}, Findings: diag.Findings{}}, Sources: []source.PlaceStatus{},
		Reload:    status.Reload{Time: d.config.Daemon.Started, OK: true, Good: d.config.Daemon.Started},
		Conflicts: append([]status.Conflict{}, o.conflicts...), Foreign: append([]mdns.Foreign{}, o.seen.Foreign...), Crowded: o.seen.Crowded,
		Asked: o.asked, Links: d.links(o.seen), Neighbours: []string{}, Traffic: o.seen.Traffic, History: []status.Minute{},
	}
	s.Firmware = d.firmware(s.Time, o.mac)
	identify(s.Asked.Hosts, s.Firmware.Transfers)
	s.Diagnose(problems(s.Time, s.Firmware.Transfers, d.server.Faults())...)
	return s
}

// firmware returns the state of the firmware and the phones that load it.
func (d *Deployment) firmware(now time.Time, mac phones.Lookup) *status.Firmware {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &status.Firmware{Version: d.config.Release, Wanted: d.config.Wanted, Done: len(d.phones), Images: Images(d.server.Files())}
	running := d.server.Running()
	f.Transfers, f.Forgotten = d.transfers.list(running), d.transfers.forgotten
	f.Rate = d.transfers.rate(now, running)
	for i, t := range f.Transfers {
		if t.MAC == "" {
			t.MAC = d.macOf(t.From, mac)
		}
		t.Vendor = phones.Vendor(t.MAC)
		f.Transfers[i] = t
	}
	estimate(f, now)
	return f
}

// macOf looks up a hardware address on all links.
func (d *Deployment) macOf(phone netip.Addr, mac phones.Lookup) string {
	for _, l := range d.config.Desired.Links {
		if known := mac(l.Name, phone); known != "" {
			return known
		}
	}
	return phones.EmbeddedMAC(phone)
}

// Images returns what is served as people see it.
func Images(files []fileserver.File) []status.Image {
	images := []status.Image{}
	for _, f := range files {
		images = append(images, status.Image{Image: f.Image, SHA256: f.SHA256})
	}
	return images
}

// links returns the links with what was seen on them.
func (d *Deployment) links(seen mdns.Observation) []status.Link {
	links := slices.Clone(d.config.Links)
	for i, l := range links {
		links[i] = l.With(seen)
	}
	return links
}

// identify adds what phones have said of themselves by HTTP to the hosts that asked.
func identify(hosts []phones.Asker, transfers []status.Transfer) {
	for i := range hosts {
		h := &hosts[i]
		j := slices.IndexFunc(transfers, func(t status.Transfer) bool {
			return t.Model != "" && (t.From == h.Host || t.MAC != "" && t.MAC == h.MAC)
		})
		if j >= 0 {
			h.Model, h.Firmware = transfers[j].Model, transfers[j].Firmware
		}
	}
}
