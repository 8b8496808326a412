package deployment

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/phones/fileserver"
	"announcer/internal/publication"
	"announcer/internal/status"
	"announcer/internal/testkit/mdnstest"
	"announcer/services"
)

const mb = 1_000_000

// server is one whose transfers a test makes.
type server struct {
	mu      sync.Mutex
	running []fileserver.Transfer
}

func (s *server) Running() []fileserver.Transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

func (s *server) run(running ...fileserver.Transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = running
}

func (s *server) Faults() map[string]error { return nil }
func (s *server) Files() []fileserver.File {
	return []fileserver.File{{Image: phones.Image{Path: "D40.eff", Model: "D40", Version: "2_8_1", Size: 40 * mb}, SHA256: "ab"}}
}

// transfer is one of a phone that was begun so many seconds ago.
func transfer(phone string, took time.Duration, has int64) fileserver.Transfer {
	file := fileserver.File{Image: phones.Image{Path: "D40.eff", Size: 40 * mb}}
	return fileserver.Transfer{
		Phone: netip.MustParseAddr(phone), Agent: phones.Agent{Model: "D40", Version: "1_4_0_0"}, UserAgent: "Digium D40 1_4_0_0", File: file,
		Started: time.Now().Add(-took), Took: took, Sent: has, Has: has,
	}
}

func ended(t fileserver.Transfer) fileserver.Transfer {
	t.Ended, t.Whole = true, t.Has == t.File.Size
	return t
}

// macs are the hardware addresses of the neighbours, by the last byte of an IPv4 address.
func macs() phones.Lookup {
	return func(link string, host netip.Addr) string {
		if !host.Is4() || link != "eth0" {
			return ""
		}
		return fmt.Sprintf("00:0f:d3:00:00:%02d", host.As4()[3])
	}
}

func none(netip.Addr) string { return "" }

func desired() publication.Desired {
	return publication.Desired{Host: "pbx", Links: publication.Links{{Index: 1, Name: "eth0"}}, Groups: []publication.Publication{{ID: "firmware", Group: services.Group{
		Name: "Phone firmware 2_8_1", Services: []services.Service{{Type: phones.ServiceType, Port: 8080}},
	}}}}
}

func newDeployment(wanted int) *Deployment {
	return New(Config{
		Daemon: status.Daemon{Version: "1.2.3", Engine: "native"}, Desired: desired(), Links: []status.Link{{Name: "eth0", Used: true}}, Release: "2_8_1",
		Wanted: wanted, MAC: none, MACs: macs,
	})
}

// follow follows in the background until the test ends.
func follow(t *testing.T, d *Deployment, p mdns.Publisher, s Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Follow(ctx, p, s)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (d *Deployment) state(t *testing.T) status.Status {
	t.Helper()
	s, err := d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPhonesCountOnce has one phone under several addresses load a file, and another one.
func TestPhonesCountOnce(t *testing.T) {
	const mac = "00:0f:d3:00:00:01"
	withMAC := func(phone, mac string) fileserver.Transfer {
		tr := ended(transfer(phone, time.Second, 40*mb))
		tr.Agent.MAC = mac
		return tr
	}
	for _, test := range []struct {
		name      string
		transfers []fileserver.Transfer
		want      int
	}{
		{"two addresses", []fileserver.Transfer{withMAC("192.0.2.12", ""), withMAC("192.0.2.13", "")}, 2},
		{"IPv4 and IPv6 of one User-Agent", []fileserver.Transfer{withMAC("192.0.2.12", mac), withMAC("2001:db8::12", mac)}, 1},
		{"two addresses of one neighbour", []fileserver.Transfer{withMAC("192.0.2.7", ""), withMAC("2001:db8::7", "")}, 1},
		{"a neighbour that says the same of itself", []fileserver.Transfer{withMAC("192.0.2.7", mac), withMAC("2001:db8::7", "")}, 1},
		{"IPv6 address made from the hardware address", []fileserver.Transfer{withMAC("2001:db8::20f:d3ff:fe00:1", ""), withMAC("192.0.2.7", "")}, 1},
		{"two hardware addresses", []fileserver.Transfer{withMAC("192.0.2.12", mac), withMAC("192.0.2.13", "00:0f:d3:00:00:02")}, 2},
		{"half a file", []fileserver.Transfer{ended(transfer("192.0.2.12", time.Second, 20*mb))}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := New(Config{Wanted: test.want, MAC: func(a netip.Addr) string {
				if a == netip.MustParseAddr("192.0.2.7") || a == netip.MustParseAddr("2001:db8::7") {
					return mac
				}
				return ""
			}})
			news := 0
			for _, tr := range test.transfers {
				if d.Report(tr, d.Phone(tr)) {
					news++
				}
			}
			if d.Done() != test.want || news != test.want {
				t.Errorf("%d phones, %d of them new; want %d", d.Done(), news, test.want)
			}
			select {
			case <-d.Reached():
			default:
				if test.want > 0 {
					t.Error("the number is not reached")
				}
			}
		})
	}
}

// TestStatus has phones in each state, and looks at what is shown of them.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p, s := newDeployment(5), mdnstest.New(), &server{}
		if err := p.Apply(t.Context(), desired()); err != nil {
			t.Fatal(err)
		}
		stop := follow(t, d, p, s)
		for _, tr := range []fileserver.Transfer{
			ended(transfer("192.0.2.11", 4*time.Second, 40*mb)), ended(transfer("192.0.2.12", 4*time.Second, 10*mb)), transfer("192.0.2.13", 0, 0),
		} {
			d.Report(tr, d.Phone(tr))
		}
		s.run(transfer("192.0.2.13", 4*time.Second, 20*mb))
		p.Questions <- []mdns.Asked{{From: netip.MustParseAddr("192.0.2.13"), Link: "eth0", Type: phones.ServiceType, Answered: true}, {From: netip.MustParseAddr("192.0.2.14"), Link: "eth0", Type: phones.ServiceType}}
		synctest.Wait()
		state := d.state(t)
		f := state.Firmware
		// Of 192.0.2.12 30 MB are left, of 192.0.2.13 20 MB, and of two phones that have not begun 40 MB each.
		if f.Done != 1 || f.Loading != 1 || f.Wanted != 5 || f.Has != 70*mb || f.Left != 130*mb || f.Rate != 5*mb || f.End.Sub(state.Time) != 26*time.Second {
			t.Errorf("%+v", f)
		}
		var got []string
		for _, tr := range f.Transfers {
			got = append(got, fmt.Sprintf("%s %s %s %s %s %s %d %%", tr.From, tr.MAC, tr.Vendor, tr.Model, tr.Firmware, tr.State, tr.Percent()))
		}
		if diff := cmp.Diff([]string{
			"192.0.2.13 00:0f:d3:00:00:13 Digium D40 1_4_0_0 loading 50 %",
			"192.0.2.12 00:0f:d3:00:00:12 Digium D40 1_4_0_0 stopped 25 %",
			"192.0.2.11 00:0f:d3:00:00:11 Digium D40 1_4_0_0 done 100 %",
		}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if h := state.Asked.Hosts; len(h) != 2 || h[0].Model != "" || h[1].Model != "D40" || h[1].Firmware != "1_4_0_0" {
			t.Errorf("the hosts that asked are %+v", h)
		}
		if !state.Healthy || state.Line() != "1 service on eth0; firmware 2_8_1: 1 of 5 phones done, 1 loading" {
			t.Errorf("%q, problems %q", state.Line(), state.Problems)
		}
		stop()
		if after := d.state(t); len(after.Services) != 0 || after.Firmware.Loading != 1 || len(after.Asked.Hosts) != 2 {
			t.Errorf("after the end: %+v", after)
		}
	})
}

// TestStuck has an engine that hangs: who asks is not kept waiting.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p := newDeployment(0), mdnstest.New()
		free := p.Stick()
		stop := follow(t, d, p, &server{})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := d.Status(ctx); err != context.DeadlineExceeded {
				t.Errorf("error %v", err)
			}
			cancel()
		}
		free()
		if _, err := d.Status(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
	})
}

// TestEvents watches a transfer from its beginning to its end.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, p, s := newDeployment(0), mdnstest.New(), &server{}
		stop := follow(t, d, p, s)
		events, _, err := d.Watch()
		if err != nil || !d.Watched() {
			t.Fatal(err)
		}
		next := func() status.Event { return (<-events)[0] }
		begins := transfer("192.0.2.11", 0, 0)
		d.Report(begins, "")
		if e := next().Transfer; e == nil || e.State != status.Loading {
			t.Errorf("at the beginning: %+v", e)
		}
		s.run(transfer("192.0.2.11", time.Second, 10*mb))
		if e := next(); e.Transfer.Percent() != 25 || !strings.HasSuffix(e.Text(), "loading    192.0.2.11 (D40 1_4_0_0): 25 % of D40.eff") {
			t.Errorf("after a second: %+v, %q", e, e.Text())
		}
		s.run()
		d.Report(ended(transfer("192.0.2.11", 2*time.Second, 40*mb)), "192.0.2.11")
		if e := next().Transfer; e.State != status.Loaded {
			t.Errorf("at the end: %+v", e)
		}
		p.Questions <- []mdns.Asked{{From: netip.MustParseAddr("192.0.2.11"), Link: "eth0", Type: phones.ServiceType}}
		if e := next().Asked; e == nil || e.MAC != "00:0f:d3:00:00:11" || !e.First {
			t.Errorf("a question: %+v", e)
		}
		p.Happen(mdns.Event{Kind: mdns.ServiceConflict, Name: "x", Rival: netip.MustParseAddr("192.0.2.9")})
		if e := next().Event; e == nil || e.Name != "x" {
			t.Errorf("a conflict: %+v", e)
		}
		if c := d.state(t).Conflicts; len(c) != 1 || c[0].Name != "x" {
			t.Errorf("the conflicts are %+v", c)
		}
		stop()
		d.Close()
		if _, open := <-events; open {
			t.Error("the events do not end")
		}
	})
}

func TestEstimate(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(phone string, state status.TransferState, has int64) status.Transfer {
		return status.Transfer{From: netip.MustParseAddr(phone), State: state, Has: has, Size: 40 * mb}
	}
	for _, test := range []struct {
		name      string
		wanted    int
		done      int
		rate      float64
		transfers []status.Transfer
		left      int64
		end       time.Duration // 0: unknown
	}{
		{"nothing has begun", 0, 0, 0, nil, 0, 0},
		{"six phones have not begun", 6, 0, 0, nil, 240 * mb, 0},
		{"one loads", 0, 0, 10 * mb, []status.Transfer{at("192.0.2.1", status.Loading, 10*mb)}, 30 * mb, 3 * time.Second},
		{"one loads, one is to come", 2, 0, 10 * mb, []status.Transfer{at("192.0.2.1", status.Loading, 10*mb)}, 70 * mb, 7 * time.Second},
		{"one has stopped", 0, 0, 0, []status.Transfer{at("192.0.2.1", status.Stopped, 10*mb)}, 30 * mb, 0},
		{"all are done", 2, 2, 0, []status.Transfer{at("192.0.2.1", status.Loaded, 40*mb), at("192.0.2.2", status.Loaded, 40*mb)}, 0, 0},
		{"a phone that is done loads again", 2, 1, 40 * mb, []status.Transfer{at("192.0.2.1", status.Loaded, 40*mb), at("192.0.2.1", status.Loading, 0)}, 80 * mb, 2 * time.Second},
		{"more than are wanted", 1, 2, 0, nil, 0, 0},
		{"a rate that leads nowhere", 0, 0, 1, []status.Transfer{at("192.0.2.1", status.Loading, 0)}, 40 * mb, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := status.Firmware{Wanted: test.wanted, Done: test.done, Rate: test.rate, Transfers: test.transfers, Images: []status.Image{{Image: phones.Image{Size: 30 * mb}}, {Image: phones.Image{Size: 50 * mb}}}}
			estimate(&f, now)
			end := now.Add(test.end)
			if test.end == 0 {
				end = time.Time{}
			}
			if f.Left != test.left || !f.End.Equal(end) {
				t.Errorf("%d bytes left until %v, want %d until %v", f.Left, f.End, test.left, end)
			}
		})
	}
}

// TestTransfers wants no more transfers to be remembered than there is room for, and parts that run at a time to be one.
func TestTransfers(t *testing.T) {
	var ts transfers
	for i := range transfersMost + 3 {
		tr := transfer("192.0.2.1", 0, 0)
		tr.Phone = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		ts.report(tr)
	}
	if list := ts.list(nil); len(list) != transfersMost || len(ts.all) != transfersMost || ts.forgotten != 3 || list[0].From != netip.MustParseAddr("10.0.16.2") {
		t.Errorf("%d transfers, %d forgotten, the newest is %v", len(list), ts.forgotten, list[0].From)
	}
	ts = transfers{}
	ts.report(transfer("192.0.2.1", 0, 0))
	list := ts.list([]fileserver.Transfer{transfer("192.0.2.1", 4*time.Second, 10*mb), transfer("192.0.2.1", 2*time.Second, 12*mb)})
	if len(list) != 1 || list[0].Has != 22*mb || list[0].Seconds != 4 || list[0].Rate != 8.5*mb {
		t.Errorf("two parts at a time are %+v", list)
	}
}

// TestRate measures the rate over the last seconds, without pauses.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts transfers
		running := func(sent int64) []fileserver.Transfer {
			return []fileserver.Transfer{transfer("192.0.2.1", time.Second, sent)}
		}
		sent := int64(0)
		step := func(mbs int64) float64 {
			time.Sleep(sampleTime)
			sent += mbs * mb
			ts.sample(time.Now(), running(sent))
			return ts.rate(time.Now(), running(sent))
		}
		for range 30 {
			step(1)
		}
		if r := step(1); r != mb {
			t.Errorf("a steady rate is %v", r)
		}
		for range 5 {
			step(3)
		}
		if r := step(3); r < 2*mb || r > 2.3*mb {
			t.Errorf("for half of the time more: %v", r)
		}
		for range 10 {
			step(3)
		}
		if r := step(3); r != 3*mb {
			t.Errorf("the faster rate is %v", r)
		}
		if r := ts.rate(time.Now(), nil); r != 0 {
			t.Errorf("nothing runs at %v", r)
		}
		ts.report(ended(transfer("192.0.2.1", time.Minute, sent)))
		ts.sample(time.Now(), nil)
		time.Sleep(time.Minute)
		if r := ts.rate(time.Now(), running(4*mb)); r != 4*mb {
			t.Errorf("after a pause: %v", r)
		}
	})
}
