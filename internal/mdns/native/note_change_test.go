package native

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/disk"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/responder"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

// meter is a file system that counts what is written, and where that fails if the test wants it.
type meter struct {
	disk.FS

	mu    sync.Mutex
	bytes int
	fault error
}

type metered struct {
	disk.File
	meter *meter
}

func (m *meter) Create(path string, mode fs.FileMode) (disk.File, error) {
	f, err := m.FS.Create(path, mode)
	return metered{f, m}, err
}

func (m *meter) Append(path string) (disk.File, error) {
	f, err := m.FS.Append(path)
	return metered{f, m}, err
}

func (f metered) Write(text []byte) (int, error) {
	f.meter.mu.Lock()
	defer f.meter.mu.Unlock()
	f.meter.bytes += len(text)
	if f.meter.fault != nil {
		n, err := f.File.Write(text[:len(text)/2])
		return n, cmp.Or(err, f.meter.fault)
	}
	return f.File.Write(text)
}

// written returns how many bytes were written since the last call.
func (m *meter) written() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, m.bytes = m.bytes, 0
	return n
}

func (m *meter) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = err
}

// noting runs a test with an engine with a note on a host with n links, in a time of its own, 20 s after the start.
func noting(t *testing.T, n int, test func(t *testing.T, m machine, links publication.Links, note string, fsys *meter)) {
	synctest.Test(t, func(t *testing.T) {
		net := memlink.Live(1)
		h := net.NewHost("pbx")
		for i := range n {
			h.Plug(net.NewSegment(), netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i % 256), 1}), 24))
		}
		note := filepath.Join(t.TempDir(), "x.said")
		fsys := &meter{FS: disk.OS}
		m := machine{New(Config{Conn: h.Conn(), Log: slog.New(slog.DiscardHandler), Notes: []string{note}, FS: fsys}), h, "pbx"}
		m.apply(t, sip("Desk"), sip("Lobby"))
		time.Sleep(20 * time.Second)
		test(t, m, h.Links(), note, fsys)
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// on has the engine announce its services on these links, and waits until that is noted.
func (m machine) on(t *testing.T, links publication.Links) {
	t.Helper()
	d := publication.Desired{Host: m.name, Links: links, Groups: []publication.Publication{sip("Desk"), sip("Lobby")}}
	if err := m.Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Second)
}

// renumbered returns the links, of which the first has another address.
func renumbered(links publication.Links, i byte) publication.Links {
	links = slices.Clone(links)
	links[0].Addrs = []publication.LinkAddr{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, i}), 24)}}
	return links
}

// tellsAll wants a note to say what the engine has announced, and nothing else.
func (m machine) tellsAll(t *testing.T, note string) {
	t.Helper()
	l, err := decodeNote(readAt(t, note))
	var want []responder.Announced
	if err := m.do(t.Context(), func() { want = m.responder.Announced(time.Now()) }); err != nil {
		t.Fatal(err)
	}
	got := slices.DeleteFunc(l.announced, func(a responder.Announced) bool { return len(a.Records)+len(a.Owed) == 0 })
	if err != nil || !slices.EqualFunc(got, want, sameAnnounced) {
		t.Errorf("the note says\n%v (%v)\nwant\n%v", got, err, want)
	}
}

// What a change of one link takes to note does not depend on the number of links.
func TestNoteOfAChange(t *testing.T) {
	took := map[int]int{}
	for _, n := range []int{10, 300} {
		t.Run(fmt.Sprintf("%d links", n), func(t *testing.T) {
			noting(t, n, func(t *testing.T, m machine, links publication.Links, note string, fsys *meter) {
				fsys.written()
				m.on(t, renumbered(links, 7))
				took[n] = fsys.written()
				m.tellsAll(t, note)
				m.on(t, links[1:])
				m.tellsAll(t, note)
				m.on(t, links)
				m.tellsAll(t, note)
			})
		})
	}
	if took[10] == 0 || took[300] > took[10]*11/10 {
		t.Errorf("%d bytes are written with 10 links, %d with 300", took[10], took[300])
	}
}

// A note that is appended to for days does not grow beyond twice what is announced.
func TestNoteDoesNotGrow(t *testing.T) {
	noting(t, 10, func(t *testing.T, m machine, links publication.Links, note string, _ *meter) {
		l, _ := decodeNote(readAt(t, note))
		whole, _ := encodeNote(l, time.Now(), noteMore, true)
		most := 0
		for i := range 250 {
			m.on(t, renumbered(links, byte(1+i)))
			text, _, _ := readAt(t, note)
			most = max(most, len(text))
		}
		if limit := 5*len(whole)/2 + noteSlack; most > limit || most < noteSlack {
			t.Errorf("the note has grown to %d bytes, want at most %d", most, limit)
		}
		m.tellsAll(t, note)
	})
}

// A note to which something could not be appended whole is written whole as soon as that is possible. Until then it says what
// it said before.
func TestNoteOnAFullDisk(t *testing.T) {
	noting(t, 3, func(t *testing.T, m machine, links publication.Links, note string, fsys *meter) {
		before, err := decodeNote(readAt(t, note))
		if err != nil {
			t.Fatal(err)
		}
		fsys.fail(syscall.ENOSPC)
		m.on(t, renumbered(links, 7))
		if l, err := decodeNote(readAt(t, note)); err != nil || !slices.EqualFunc(l.announced, before.announced, sameAnnounced) {
			t.Errorf("it says %v (%v)", l.announced, err)
		}
		fsys.fail(nil)
		time.Sleep(noteEvery + notePause)
		m.tellsAll(t, note)
		m.on(t, renumbered(links, 8))
		m.tellsAll(t, note)
	})
}

// A note that is cut anywhere behind its first line says of each link what it said at one time.
func TestNoteThatIsCut(t *testing.T) {
	record := func(txt string) []mdns.Record {
		return []mdns.Record{{Name: dnsname.MustParse("Desk._sip._udp.local"), TTL: 4500, Unique: true, Data: mdns.NewTXT(txt)}}
	}
	old := []responder.Announced{{Link: "eth0", Records: record("old")}, {Link: "eth1", Owed: record("old")}}
	fresh := []responder.Announced{{Link: "eth0", Owed: record("fresh")}, {Link: "eth1", Records: record("fresh")}}
	whole, _ := encodeNote(legacy{announced: old}, noteTime, noteMore, true)
	more, _ := encodeNote(legacy{announced: fresh}, noteTime, noteMore, false)
	for end := range len(more) {
		for _, tail := range []string{"", "\x00\x00\x00", "\x00\x00\x00\n" + string(more)} {
			text := slices.Concat(whole, more[:end], []byte(tail))
			l, err := decodeNote(text, noteTime, noteTime)
			if err != nil || len(l.announced) != 2 {
				t.Fatalf("cut after %d of %d: %v, %v", end, len(more), l.announced, err)
			}
			for i, got := range l.announced {
				if !sameAnnounced(got, old[i]) && !sameAnnounced(got, fresh[i]) {
					t.Fatalf("cut after %d of %d it says %v", end, len(more), got)
				}
			}
		}
	}
}

// large returns what is announced on n links with two services each.
func large(n int) (all []responder.Announced) {
	name := dnsname.MustParse
	for i := range n {
		a4, a6 := netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i % 256), 1}), fmt.Sprintf("fe80::%x:%x", i/256, i%256)
		records := []mdns.Record{
			{Name: name("pbx.local"), TTL: 120, Unique: true, Data: mdns.Address{Addr: a4}},
			{Name: name("pbx.local"), TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr(a6)}},
			{Name: name(fmt.Sprintf("1.%d.%d.10.in-addr.arpa", i%256, i/256)), TTL: 120, Unique: true, Data: mdns.PTR{Target: name("pbx.local")}},
			{Name: name(strings.Repeat("1.", 32) + "ip6.arpa"), TTL: 120, Unique: true, Data: mdns.PTR{Target: name("pbx.local")}},
		}
		for _, service := range []string{"Digium Phone Provisioning Server", "Sangoma Firmware Server"} {
			instance := name(service + "._digiumproxy._udp.local")
			records = append(records,
				mdns.Record{Name: instance, TTL: 120, Unique: true, Data: mdns.SRV{Port: 5060, Target: name("pbx.local")}},
				mdns.Record{Name: instance, TTL: 4500, Unique: true, Data: mdns.NewTXT("firmware_url_d40=http://pbx.example.net/firmware/d40/", "contactUser=proxy", "secret=phone provisioning")},
				mdns.Record{Name: name("_digiumproxy._udp.local"), TTL: 4500, Data: mdns.PTR{Target: instance}},
			)
		}
		all = append(all, responder.Announced{Link: fmt.Sprintf("vlan%d", i), Records: records})
	}
	return all
}

// What is announced on as many links as a host can have fits a note, and what was may be appended once more.
func TestNoteOfManyLinks(t *testing.T) {
	l := legacy{announced: large(4094)}
	text, left := encodeNote(l, noteTime, noteMore, true)
	if left > 0 || 2*len(text) > noteMost {
		t.Errorf("%d links find no room in %d bytes, of at most %d", left, len(text), noteMost)
	}
	got, err := decodeNote(text, noteTime, noteTime)
	slices.SortFunc(l.announced, func(a, b responder.Announced) int { return strings.Compare(a.Link, b.Link) })
	if err != nil || !slices.EqualFunc(got.announced, l.announced, sameAnnounced) {
		t.Errorf("%d links (%v)", len(got.announced), err)
	}
}

// What does not fit a note is left out, which is logged once.
func TestNoteThatIsFull(t *testing.T) {
	l := legacy{announced: slices.Repeat(large(4094), 6)}
	for i := range l.announced {
		l.announced[i].Link = fmt.Sprint(i)
	}
	var log bytes.Buffer
	note := filepath.Join(t.TempDir(), "x.said")
	p := &Publisher{config: Config{FS: disk.OS, Notes: []string{note}, Log: slog.New(slog.NewTextHandler(&log, nil))}}
	var w written
	w.replace(p, l, noteMore)
	w.replace(p, l, noteMore)
	text, info, err := disk.ReadRegular(disk.OS, note, noteMost)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeNote(text, info.ModTime(), time.Now())
	if err != nil || len(got.announced) < 4094 || len(got.announced) == len(l.announced) {
		t.Errorf("%d links of %d are noted (%v)", len(got.announced), len(l.announced), err)
	}
	for range 2 {
		w.replace(p, legacy{}, noteMore)
	}
	if n := strings.Count(log.String(), "has room for all links again"); n != 1 {
		t.Errorf("%d lines when there is room again", n)
	}
	want := fmt.Sprintf("left out\"=%d", len(l.announced)-len(got.announced))
	if n := strings.Count(log.String(), "is full"); n != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("no %s, once, in %s", want, log.String())
	}
}
