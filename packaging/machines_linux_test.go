//go:build boot

package packaging

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/testkit/boot"
	"announcer/internal/testkit/mdnstest"
)

const (
	unitName    = "announcer.service"
	definitions = "/etc/announcer/services/"

	// bootPatience is how long emulated machines may take for what real ones do in a second.
	bootPatience = 120 * time.Second
	// slowness is what an emulated machine may add to a time within which something must happen.
	slowness = 10 * time.Second
)

// site is two machines on one cable. The tests of it follow from each other.
type site struct {
	cable    *boot.Cable
	pbx, two *boot.Machine
	since    int // the frames before this one are over and done
}

// newSite boots two machines that have the packages, and nothing installed.
func newSite(t *testing.T, files ...boot.File) *site {
	t.Helper()
	logs := boot.Logs(t)
	s := &site{cable: boot.NewCable(t, filepath.Join(logs, "cable.pcap"))}
	for end, m := range []**boot.Machine{&s.pbx, &s.two} {
		*m = boot.NewMachine(t, boot.MachineConfig{
			Name: []string{"pbx", "two"}[end], Addr: fmt.Sprintf("192.0.2.%d/24", 5+end),
			Deps: bootDeps, Logs: logs, Cable: s.cable, End: end, Files: files,
		})
	}
	if !s.both(t, "boot", func(t *testing.T, m *boot.Machine) { m.Boot(t) }) {
		t.FailNow()
	}
	return s
}

// both does the same on both machines at a time.
func (s *site) both(t *testing.T, what string, do func(*testing.T, *boot.Machine)) (ok bool) {
	t.Helper()
	return t.Run(what, func(t *testing.T) {
		for _, m := range []*boot.Machine{s.pbx, s.two} {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				do(t, m)
			})
		}
	})
}

// said is a fact that a machine has sent.
type said struct {
	mdnstest.Fact
	at   time.Time
	from int // the end of the cable
	vlan int
}

// message is one that was sent on the cable.
type message struct {
	dns.Msg
	at   time.Time
	from int // the end of the cable
	vlan int
}

// messages returns what was sent on the cable since [site.forget].
func (s *site) messages() (all []message) {
	for _, frame := range s.cable.Frames(s.since) {
		d, err := frame.Datagram()
		m := message{at: frame.At, from: frame.From, vlan: d.VLAN}
		if err == nil && d.To.Port() == mdnsPort && m.Unpack(d.Data) == nil {
			all = append(all, m)
		}
	}
	return all
}

// heard returns the facts that were said on the cable since [site.forget].
func (s *site) heard() (all []said) {
	for _, m := range s.messages() {
		for _, fact := range mdnstest.Facts(m.Msg) {
			all = append(all, said{fact, m.at, m.from, m.vlan})
		}
	}
	return all
}

const mdnsPort = 5353

// forget leaves out of what is heard all that was said until now.
func (s *site) forget() { s.since += len(s.cable.Frames(s.since)) }

// find returns the first fact of that kind about a name that the pbx has sent since [site.forget].
func (s *site) find(kind, name string) (found said, ok bool) {
	all := s.heard()
	i := slices.IndexFunc(all, func(f said) bool { return f.from == 0 && f.Fact == (mdnstest.Fact{Kind: kind, Name: name}) })
	if i < 0 {
		return said{}, false
	}
	return all[i], true
}

// await waits until the pbx has sent a fact of that kind about a name since [site.forget].
func (s *site) await(t *testing.T, kind, name string) (found said) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of %q", kind, name), func() (ok bool, saw string) {
		found, ok = s.find(kind, name)
		return ok, ""
	})
	return found
}

// never fails the test if the pbx has sent a fact of that kind about a name since [site.forget].
func (s *site) never(t *testing.T, kind, name string) {
	t.Helper()
	if f, ok := s.find(kind, name); ok {
		t.Errorf("at %v there was a %s of %q", f.at.Format(time.TimeOnly), kind, name)
	}
}

// eventually waits until something holds. If it does not, it fails the test with what was seen last.
func eventually(t *testing.T, what string, holds func() (ok bool, saw string)) {
	t.Helper()
	for deadline := time.Now().Add(bootPatience); ; time.Sleep(100 * time.Millisecond) {
		ok, saw := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %v\n%s", what, bootPatience, saw)
		}
	}
}

// finds waits until a machine finds a service on a link with all that is wanted: its name, its host, its port or its TXT record.
func finds(t *testing.T, m *boot.Machine, link string, want ...string) {
	t.Helper()
	findsType(t, m, link, serviceType, want...)
}

// findsType does what finds does, for another type of service.
func findsType(t *testing.T, m *boot.Machine, link, kind string, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q", want), func() (bool, string) {
		out, _ := m.Try("announcer", "browse", "--wait", "1500ms", "--interface", link, kind)
		for line := range strings.Lines(out) {
			if !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) }) {
				return true, ""
			}
		}
		return false, out
	})
}

// serviceType is that of the service that the tests announce.
const serviceType = "_digiumproxy._udp"

// define returns a definition of one service.
func define(name string, port int) string {
	return fmt.Sprintf("<service-group>\n<name>%s</name>\n<service>\n<type>%s</type>\n<port>%d</port>\n"+
		"<txt-record>sipUrl=sip:proxy@192.0.2.20:%d;transport=udp</txt-record>\n<txt-record>serviceType=asterisk</txt-record>\n</service>\n</service-group>\n",
		name, serviceType, port, port)
}

// status returns what the daemon of a machine says. It is an error for the command if something is wrong.
func status(m *boot.Machine) string {
	out, _ := m.Try("announcer", "status")
	return out
}

// says waits until the status of a machine contains all that is wanted.
func says(t *testing.T, m *boot.Machine, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q in the status", want), func() (bool, string) {
		out := status(m)
		return !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(out, part) }), out
	})
}

// mainPID returns the process of the daemon, and 0 if there is none.
func mainPID(t *testing.T, m *boot.Machine) string {
	t.Helper()
	return strings.TrimSpace(m.Run(t, "systemctl", "show", "--property=MainPID", "--value", unitName))
}

// unseen has something restart the daemon, and wants no cache on the cable to change: no goodbye, no record that a cache does not
// hold, none that is dropped, and answers to a phone that asks meanwhile. What there is are the probes of RFC 6762 §8.1.
func (s *site) unseen(t *testing.T, restart func()) {
	t.Helper()
	before, cache := mainPID(t, s.pbx), s.cached()
	s.forget()
	stop := s.ask(t)
	s.awaitAnswers(t, 1)
	restart()
	eventually(t, "new process", func() (bool, string) {
		pid := mainPID(t, s.pbx)
		return pid != before && pid != "0", pid
	})
	says(t, s.pbx, "all is well")
	s.awaitAnswers(t, len(s.answers())+1)
	s.await(t, mdnstest.Announcement, "Shop")
	stop()
	s.unchanged(t, cache)
	gap := longest(s.answers()).Round(10 * time.Millisecond)
	t.Logf("at most %v between two answers", gap)
	if gap > longestGap+slowness {
		t.Errorf("for %v there was no answer; want %v at most, and %v for the emulator", gap, longestGap, slowness)
	}
}

// unchanged fails the test if what the pbx has sent since [site.forget] changes a cache, be it for a moment.
func (s *site) unchanged(t *testing.T, cache map[string]bool) {
	t.Helper()
	for _, r := range s.records() {
		if r.ttl == 0 {
			t.Errorf("withdrawn: %s", r.data)
		} else if !cache[r.data] {
			t.Errorf("sent, and in no cache: %s", r.data)
		}
	}
	after := s.cached()
	for data := range cache {
		if !after[data] {
			t.Errorf("no longer in a cache: %s", data)
		}
	}
}

// cached returns the records in the cache of a host that has heard all that the pbx has ever sent, and asks again before a record
// expires: those that are neither withdrawn nor replaced (RFC 6762 §10.1, §10.2).
func (s *site) cached() map[string]bool {
	everything := site{cable: s.cable}
	cache := map[string]record{}
	for _, r := range everything.records() {
		if r.flush {
			maps.DeleteFunc(cache, func(_ string, old record) bool { return old.set == r.set && r.at.Sub(old.at) > time.Second })
		}
		if cache[r.data] = r; r.ttl == 0 {
			delete(cache, r.data)
		}
	}
	all := map[string]bool{}
	for data := range cache {
		all[data] = true
	}
	return all
}

// record is one that the pbx has sent in a response.
type record struct {
	set   string // its name and type
	data  string // all of it except its time to live
	ttl   uint32
	flush bool // the other records of the set are replaced
	at    time.Time
}

// records returns those that the pbx has sent since [site.forget].
func (s *site) records() (all []record) {
	const flush = 1 << 15 // RFC 6762 §10.2
	for _, m := range s.messages() {
		if m.from != 0 || !m.Response {
			continue
		}
		for _, rr := range slices.Concat(m.Answer, m.Extra) {
			h := rr.Header()
			r := record{set: h.Name + " " + dns.Type(h.Rrtype).String(), ttl: h.Ttl, flush: h.Class&flush != 0, at: m.at}
			h.Ttl, h.Class = 0, h.Class&^flush
			r.data = rr.String()
			all = append(all, r)
		}
	}
	return all
}

const (
	askEvery = 250 * time.Millisecond
	// longestGap is what a restart may take of the time of a phone that asks, to which there is an answer a second at most (RFC 6762 §6).
	longestGap = 3 * time.Second
)

// ask has a phone that knows nothing ask again and again, until stop is called.
func (s *site) ask(t *testing.T) (stop func()) {
	t.Helper()
	question := browseFrame(t)
	done := make(chan struct{})
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			s.cable.Send(question)
			select {
			case <-done:
				return
			case <-time.After(askEvery):
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); tasks.Wait() })
	t.Cleanup(stop)
	return stop
}

// answers returns when the pbx has sent a pointer to its service since [site.forget].
func (s *site) answers() (times []time.Time) {
	for _, m := range s.messages() {
		points := func(record dns.RR) bool {
			return record.Header().Rrtype == dns.TypePTR && record.Header().Name == serviceType+".local."
		}
		if m.from == 0 && m.Response && slices.ContainsFunc(m.Answer, points) {
			times = append(times, m.at)
		}
	}
	return times
}

func (s *site) awaitAnswers(t *testing.T, count int) {
	t.Helper()
	eventually(t, "answer", func() (bool, string) { return len(s.answers()) >= count, "" })
}

// longest returns the longest time between two times.
func longest(times []time.Time) (gap time.Duration) {
	for i := 1; i < len(times); i++ {
		gap = max(gap, times[i].Sub(times[i-1]))
	}
	return gap
}

// browseFrame returns a frame by which a phone browses.
func browseFrame(t *testing.T) []byte {
	t.Helper()
	query := new(dns.Msg).SetQuestion(serviceType+".local.", dns.TypePTR)
	query.Id, query.RecursionDesired = 0, false
	data, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	from, to := netip.MustParseAddr("192.0.2.31").As4(), netip.MustParseAddr("224.0.0.251").As4()
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 255, 17, 0, 0}
	ip = append(append(ip, from[:]...), to[:]...)
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+8+len(data)))
	binary.BigEndian.PutUint16(ip[10:], headerChecksum(ip))
	var udp []byte
	for _, field := range []int{mdnsPort, mdnsPort, 8 + len(data), 0} { // without a checksum, which IPv4 allows
		udp = binary.BigEndian.AppendUint16(udp, uint16(field))
	}
	ethernet := []byte{0x01, 0x00, 0x5E, 0, 0, 251, 0x52, 0x54, 0, 0, 0, 31, 0x08, 0x00}
	return slices.Concat(ethernet, ip, udp, data)
}

// headerChecksum returns that of a header of IPv4 without options (RFC 1071).
func headerChecksum(header []byte) uint16 {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}
