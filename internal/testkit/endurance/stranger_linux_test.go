package endurance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"

	"announcer/internal/mdns/dnstext"
	"announcer/internal/testkit/netlab"
)

const (
	phones   = "_digiumproxy._udp.local."
	patience = 15 * time.Second // until the wire says what the files say
)

var group = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}

// stranger is a program at the other end of the cable that knows nothing of announcer.
type stranger struct {
	files  *files
	asker  *net.UDPConn // asks like a plain DNS client (RFC 6762 §6.7)
	member *net.UDPConn // hears all that is multicast

	mu    sync.Mutex
	false []string // what was announced and no file has ever said
}

func newStranger(t *testing.T, host *netlab.Host, f *files) *stranger {
	t.Helper()
	s := &stranger{files: f}
	var err error
	host.Do(func() {
		var nic *net.Interface
		if nic, err = net.InterfaceByName("eth0"); err != nil {
			return
		}
		if s.asker, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2)}); err != nil {
			return
		}
		if err = ipv4.NewPacketConn(s.asker).SetMulticastInterface(nic); err != nil {
			return
		}
		s.member, err = net.ListenMulticastUDP("udp4", nic, group)
	})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		s.hear()
	}()
	t.Cleanup(func() {
		s.asker.Close()
		s.member.Close()
		<-heard
	})
	return s
}

// hear notes what is announced that should not be.
func (s *stranger) hear() {
	buf := make([]byte, 9000)
	for {
		n, err := s.member.Read(buf)
		if err != nil {
			return
		}
		var m dns.Msg
		if m.Unpack(buf[:n]) != nil || !m.Response {
			continue
		}
		for _, d := range definitions(&m) {
			s.mu.Lock()
			if !s.files.said(d) && len(s.false) < 20 {
				s.false = append(s.false, fmt.Sprint(d))
			}
			s.mu.Unlock()
		}
	}
}

// definitions returns what a message announces: each instance of which it has both SRV and TXT.
func definitions(m *dns.Msg) []definition {
	found := map[string]definition{}
	for _, rr := range slices.Concat(m.Answer, m.Extra) {
		name := rr.Header().Name
		d := found[name]
		switch rr := rr.(type) {
		case *dns.SRV:
			d.port = int(rr.Port)
		case *dns.TXT:
			d.version = strings.Join(rr.Txt, " ")
		default:
			continue
		}
		if instance, err := dnstext.ParseName(strings.TrimSuffix(name, "."+phones)); err == nil && rr.Header().Ttl > 0 {
			d.name = instance.Label()
			found[name] = d
		}
	}
	return slices.DeleteFunc(slices.Collect(maps.Values(found)), func(d definition) bool { return d.port == 0 || d.version == "" })
}

// ask returns what answers a question for the type, each service in text.
func (s *stranger) ask(t *testing.T) []string {
	t.Helper()
	var question dns.Msg
	question.SetQuestion(phones, dns.TypePTR)
	packet, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.asker.WriteTo(packet, group); err != nil {
		return []string{err.Error()} // the link is down
	}
	buf := make([]byte, 9000)
	s.asker.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	for {
		n, err := s.asker.Read(buf)
		if err != nil {
			return nil
		}
		var m dns.Msg
		if err := m.Unpack(buf[:n]); err != nil {
			t.Fatalf("an answer can't be read: %v", err)
		}
		if m.Id != question.Id {
			continue // to an earlier question
		}
		var all []string
		for _, d := range definitions(&m) {
			all = append(all, fmt.Sprint(d))
		}
		slices.Sort(all)
		return all
	}
}

// agree waits until what there is is what the files say.
func (s *stranger) agree(t *testing.T, when string) {
	t.Helper()
	s.await(t, when, s.files.texts())
}

// silent waits until no host answers.
func (s *stranger) silent(t *testing.T) {
	t.Helper()
	s.await(t, "at the end", nil)
}

func (s *stranger) await(t *testing.T, when string, want []string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if got = s.ask(t); slices.Equal(got, want) {
			s.checkFalse(t)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s the network has %q; want %q", when, got, want)
}

func (s *stranger) checkFalse(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.false) > 0 {
		t.Fatalf("announced, though no file ever said it: %q", s.false)
	}
}

// junk sends packets that mean nothing, and returns the number of them.
func (s *stranger) junk(t *testing.T, d time.Duration, rate int) (sent int) {
	t.Helper()
	dice := rand.New(rand.NewPCG(3, 4))
	samples := junkSamples(t)
	const tick = 5 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	began := time.Now()
	for time.Since(began) < d {
		<-ticker.C
		for due := int(time.Since(began).Seconds() * float64(rate)); sent < due; sent++ {
			packet := slices.Clone(samples[dice.IntN(len(samples))])
			for range dice.IntN(4) {
				packet[dice.IntN(len(packet))] = byte(dice.Uint32())
			}
			packet[2] &^= 0x80 // no response: it could contradict, and then must be believed
			if _, err := s.member.WriteTo(packet, group); err != nil && !os.IsTimeout(err) {
				t.Fatal(err)
			}
		}
	}
	return sent
}

func junkSamples(t *testing.T) [][]byte {
	t.Helper()
	var query dns.Msg
	query.SetQuestion(phones, dns.TypePTR)
	query.Question = append(query.Question, dns.Question{Name: `PBX\ 1.service.` + phones, Qtype: dns.TypeANY, Qclass: dns.ClassINET})
	ordinary, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	many := slices.Clone(ordinary)
	many[4], many[5] = 0xFF, 0xFF // 65,535 questions
	loop := append(make([]byte, 12), 0xC0, 0x0C, 0, 12, 0, 1)
	loop[5] = 1
	noise := make([]byte, 300)
	for i := range noise {
		noise[i] = byte(i * 7)
	}
	return [][]byte{ordinary, many, loop, noise, ordinary[:7], make([]byte, 12)}
}
