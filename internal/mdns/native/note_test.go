package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/disk"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
	"announcer/internal/mdns/link"
	"announcer/internal/mdns/responder"
	"announcer/internal/mdns/wire"
	"announcer/internal/publication"
	"announcer/internal/testkit/memlink"
)

var noteTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// A note has what was written into it, less the time that has passed.
func TestNoteRoundTrip(t *testing.T) {
	said := []responder.Said{{Sum: 1, Left: 2 * time.Minute}, {Sum: 1<<64 - 1, Left: 2 * time.Minute}, {Sum: 7, Left: 1500 * time.Millisecond}}
	for _, c := range []struct {
		more, touched, later time.Duration
		want                 string
		ago                  time.Duration
	}{
		{0, 0, 0, "1=2m0s 7=1.5s ffffffffffffffff=2m0s", 0},
		{0, 0, 1400 * time.Millisecond, "1=1m58.6s 7=100ms ffffffffffffffff=1m58.6s", 1400 * time.Millisecond},
		{0, 0, 119 * time.Second, "1=1s ffffffffffffffff=1s", 119 * time.Second},
		{0, 0, 121 * time.Second, "", 121 * time.Second},
		{noteMore, 0, time.Second, "1=1m59s 7=500ms ffffffffffffffff=1m59s", 0},
		{noteMore, 0, 121 * time.Second, "", 121*time.Second - noteMore},
		{noteMore, time.Minute, 119 * time.Second, "1=1s ffffffffffffffff=1s", 0},
		{noteMore, time.Minute, 24 * time.Hour, "", 24*time.Hour - time.Minute - noteMore},
		{noteMore, -time.Hour, time.Second, "1=1m59s 7=500ms ffffffffffffffff=1m59s", 0},
		{noteMore, time.Hour, 24 * time.Second, "1=1m36s ffffffffffffffff=1m36s", 0},
		{0, 0, -time.Second, "", 0},
		{0, 0, -24 * time.Hour, "", 0},
	} {
		t.Run(fmt.Sprintf("%v more, touched after %v, %v later", c.more, c.touched, c.later), func(t *testing.T) {
			text, _ := encodeNote(legacy{said: slices.Clone(said)}, noteTime, c.more, true)
			got, err := decodeNote(text, noteTime.Add(c.touched), noteTime.Add(c.later))
			if err != nil || words(got.said) != c.want || got.ago != c.ago {
				t.Errorf("%s, announced %v ago (%v); want %s, %v", words(got.said), got.ago, err, c.want, c.ago)
			}
		})
	}
}

func words(said []responder.Said) string {
	var all []string
	for _, s := range said {
		all = append(all, fmt.Sprintf("%x=%v", uint64(s.Sum), s.Left))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// What is no note says nothing, and does no harm.
func TestBadNotes(t *testing.T) {
	text, _ := encodeNote(legacy{said: []responder.Said{{Sum: 1, Left: time.Minute}}}, noteTime, 0, true)
	good := string(text)
	for _, c := range []struct {
		name  string
		place func(path string) error
		logs  bool
	}{
		{"absent", func(string) error { return nil }, false},
		{"empty", content(""), true},
		{"cut", content(good[:len(good)/2]), true},
		{"garbage", content("\x00\xff\x00"), true},
		{"another form", content(`{"version":2,"said":"all"}`), true},
		{"another version", content(strings.Replace(good, `"version":2`, `"version":1`, 1)), false},
		{"a sum that is none", content(strings.Replace(good, `"sums":["1"]`, `"sums":["x","-1",""]`, 1)), false},
		{"longer than any", content(strings.Replace(good, `"until":"2026`, `"until":"2027`, 1)), false},
		{"huge", content(strings.Repeat(" ", noteMost+1)), true},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o755) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			readsNothing(t, c.place, c.logs)
		})
	}
}

// readsNothing wants nothing to be read from the file that place makes, and a line of the log if logs is set.
func readsNothing(t *testing.T, place func(path string) error, logs bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.said")
	if err := place(path); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if got := readNote(disk.OS, []string{path}, noteTime, slog.New(slog.NewTextHandler(&log, nil))); len(got.said)+len(got.announced) > 0 {
		t.Errorf("says %v", got)
	}
	if logged := log.Len() > 0; logged != logs {
		t.Errorf("log %q", log.String())
	}
}

func content(text string) func(path string) error {
	return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
}

// The first place that can be written is used; what was there is replaced whole, and nothing is left beside it.
func TestNotePlaces(t *testing.T) {
	dir := t.TempDir()
	places := []string{filepath.Join(dir, "absent", "x.said"), filepath.Join(dir, "x.said"), filepath.Join(dir, "y.said")}
	for _, step := range []string{"one, which is longer", "two"} {
		if path, err := writeNote(disk.OS, places, []byte(step), noteTime); err != nil || path != places[1] {
			t.Fatal(err)
		}
		entries, _ := os.ReadDir(dir)
		got, err := os.ReadFile(places[1])
		if err != nil || string(got) != step || len(entries) != 1 {
			t.Errorf("%q, %v, %v", got, err, entries)
		}
	}
	if info, err := os.Stat(places[1]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := writeNote(disk.OS, places[:1], nil, noteTime); err == nil {
		t.Error("no error for a directory that is not there")
	}
}

// text is a publication with a TXT record.
func text(txt string) publication.Publication {
	p := sip("Desk")
	p.Group.Services[0].TXT = []string{txt}
	return p
}

// A host that was restarted or has crashed, and has another address and other data now, is no rival of itself when a
// reflector sends what it said before; two minutes later it would be.
func TestRestartWithANote(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for _, c := range []struct {
			up, down time.Duration
			rival    bool
		}{
			{3 * time.Second, 5 * time.Second, false},
			{30 * time.Second, 118 * time.Second, false},
			{10 * time.Minute, 118 * time.Second, false},
			{30 * time.Second, 4 * time.Minute, true},
		} {
			t.Run(fmt.Sprintf("crash %v, up %v, down %v", crash, c.up, c.down), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testRestart(t, crash, c.up, c.down, c.rival) })
			})
		}
	}
}

func testRestart(t *testing.T, crash bool, up, down time.Duration, rival bool) {
	net := memlink.Live(1)
	segment := net.NewSegment()
	note := filepath.Join(t.TempDir(), "announcer.said")
	boot := func(i byte) machine {
		h := net.NewHost("pbx")
		h.Plug(segment, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, i}), 24))
		return machine{New(Config{Conn: h.Conn(), Log: slog.New(slog.DiscardHandler), Seed: [2]uint64{1, uint64(i)}, Notes: []string{note}}), h, "pbx"}
	}
	a := boot(1)
	a.apply(t, text("before"))
	time.Sleep(up)
	undo := keepFile(t, note)
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if crash {
		undo()
	}
	time.Sleep(down)
	b := boot(2)
	b.apply(t, text("now"))
	reflector := net.NewHost("reflector")
	reflector.Plug(segment, netip.MustParsePrefix("192.0.2.9/24"))
	for range 10 { // while it is probed for, and later
		time.Sleep(100 * time.Millisecond)
		reflect(t, reflector)
	}
	time.Sleep(3 * time.Second)
	if conflicts := b.Stats().Conflicts > 0; conflicts != rival {
		t.Errorf("a rival: %v, want %v", conflicts, rival)
	}
	if got := b.state(); !rival && got != "Desk announced" {
		t.Error(got)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	synctest.Wait()
}

// reflect sends what the host said before.
func reflect(t *testing.T, h *memlink.Host) {
	name := dnsname.MustParse("Desk._sip._udp.local")
	m := wire.Message{Header: wire.Header{Flags: wire.FlagResponse | wire.FlagAuthority}, Answers: []mdns.Record{
		{Name: mdns.HostName("pbx"), TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.1")}},
		{Name: name, TTL: 4500, Unique: true, Data: mdns.NewTXT("before")},
	}}
	data, ok := m.Encode(1472)
	if !ok {
		t.Fatal("the message does not fit")
	}
	if err := h.Send(link.Packet{Data: data, Link: 2, To: mdns.Group4}); err != nil {
		t.Fatal(err)
	}
}

// An engine that announces nothing leaves the note of another one alone.
func TestNoteOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		note := filepath.Join(t.TempDir(), "announcer.said")
		text, _ := encodeNote(legacy{said: []responder.Said{{Sum: 1, Left: time.Minute}}}, time.Now(), 0, true)
		if err := os.WriteFile(note, text, 0o600); err != nil {
			t.Fatal(err)
		}
		h := memlink.Live(1).NewHost("pbx")
		p := New(Config{Conn: h.Conn(), Log: slog.New(slog.DiscardHandler), Notes: []string{note}})
		time.Sleep(10 * time.Minute)
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(note); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// An engine that can't write its note says so once, and works.
func TestNoteThatCanNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := memlink.Live(1)
		h := net.NewHost("pbx")
		h.Plug(net.NewSegment(), netip.MustParsePrefix("192.0.2.1/24"))
		var log bytes.Buffer
		p := New(Config{Conn: h.Conn(), Log: slog.New(slog.NewTextHandler(&log, nil)), Notes: []string{filepath.Join(t.TempDir(), "absent", "x")}})
		m := machine{p, h, "pbx"}
		m.apply(t, sip("Desk"))
		time.Sleep(5 * time.Minute)
		if got := m.state(); got != "Desk announced" {
			t.Error(got)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "not noted"); n != 1 {
			t.Errorf("%d warnings: %s", n, log.String())
		}
	})
}

// What is announced comes out of a note as it went in, whatever its size, as long as caches may hold it.
func TestNoteOfRecords(t *testing.T) {
	name := func(s string) dnsname.Name { return dnsname.MustParse(s) }
	large := strings.Repeat("x", 250)
	records := []mdns.Record{
		{Name: name("pbx.local"), TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("192.0.2.1")}},
		{Name: name("pbx.local"), TTL: 120, Unique: true, Data: mdns.Address{Addr: netip.MustParseAddr("fe80::1")}},
		{Name: name("Front desk é._sip._udp.local"), TTL: 120, Unique: true, Data: mdns.SRV{Port: 5060, Target: name("PBX.local")}},
		{Name: name("Front desk é._sip._udp.local"), TTL: 4500, Unique: true, Data: mdns.NewTXT("a=b", "")},
	}
	for i := range 1000 {
		records = append(records, mdns.Record{Name: name("_sip._udp.local"), TTL: 4500, Data: mdns.PTR{Target: name(fmt.Sprintf("Desk %d._sip._udp.local", i))}})
	}
	for range 3 {
		records = append(records, mdns.Record{Name: name("_sip._udp.local"), TTL: 4500, Unique: true, Data: mdns.NewTXT(slices.Repeat([]string{large}, 34)...)})
	}
	owed := slices.Clone(records[:3])
	given := legacy{announced: []responder.Announced{{Link: "eth0", Records: records}, {Link: "eth1", Records: records[:1]}, {Link: "eth2", Owed: owed}}}
	text, left := encodeNote(given, noteTime, noteMore, true)
	if left > 0 {
		t.Errorf("%d links find no room", left)
	}
	for _, c := range []struct {
		later time.Duration
		ago   time.Duration
		ttl   uint32 // of what is owed
	}{{0, 0, 120}, {time.Minute, 0, 60}, {2 * time.Minute, 2*time.Minute - noteMore, 0}} {
		t.Run(c.later.String(), func(t *testing.T) {
			want := slices.Clone(given.announced)
			want[2].Owed = slices.Clone(owed)
			for i := range want[2].Owed {
				want[2].Owed[i].TTL = c.ttl
			}
			if c.ttl == 0 {
				want[2].Owed = nil
			}
			got, err := decodeNote(text, noteTime, noteTime.Add(c.later))
			if err != nil || !slices.EqualFunc(got.announced, want, sameAnnounced) || got.ago != c.ago {
				t.Errorf("%d links, announced %v ago (%v); want %d, %v, the same", len(got.announced), got.ago, err, len(want), c.ago)
			}
		})
	}
}

// A process that is stopped before it has announced what the one before it left announced withdraws that, after a restart
// and after a crash.
func TestStoppedSoonAfterARestart(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for _, up := range []time.Duration{0, 300 * time.Millisecond, 800 * time.Millisecond, 5 * time.Second} {
			t.Run(fmt.Sprintf("crash %v, up %v", crash, up), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testStoppedSoon(t, crash, up) })
			})
		}
	}
}

func testStoppedSoon(t *testing.T, crash bool, up time.Duration) {
	net := memlink.Live(1)
	segment := net.NewSegment()
	note := filepath.Join(t.TempDir(), "announcer.said")
	heard := listen(net, segment)
	boot := func() machine {
		h := net.NewHost("pbx")
		h.Plug(segment, netip.MustParsePrefix("192.0.2.1/24"))
		return machine{New(Config{Conn: h.Conn(), Log: slog.New(slog.DiscardHandler), Notes: []string{note}}), h, "pbx"}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	a := boot()
	a.apply(t, sip("Desk"))
	time.Sleep(10 * time.Second)
	undo := keepFile(t, note)
	if err := a.Close(over); !errors.Is(err, context.Canceled) { // which is the end without goodbyes
		t.Errorf("Close with a context that is over: %v", err)
	}
	if crash {
		undo()
	}
	time.Sleep(time.Second)
	b := boot()
	b.apply(t, sip("Desk"))
	time.Sleep(up)
	if n := heard.goodbyes(); n > 0 {
		t.Errorf("%d goodbyes before the end", n)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	time.Sleep(time.Second)
	if n, want := heard.goodbyes(), 6; n != want {
		t.Errorf("%d goodbyes, want %d", n, want)
	}
}

func sameAnnounced(a, b responder.Announced) bool {
	return a.Link == b.Link && slices.Equal(a.Records, b.Records) && slices.Equal(a.Owed, b.Owed)
}

// keepFile returns a function that undoes what is done to a file.
func keepFile(t *testing.T, path string) (undo func()) {
	t.Helper()
	text, at, err := readInTime(disk.OS, path)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := disk.Replace(disk.OS, path, text, disk.Replacement{Modified: at}); err != nil {
			t.Fatal(err)
		}
	}
}

// A note is written when what is announced changes, and no more than touched while it does not. It counts from then on.
func TestNoteIsTouched(t *testing.T) {
	onSegment(t, "192.0.2.1/24", func(t *testing.T, m machine, _ *memlink.Conn) {
		note := filepath.Join(t.TempDir(), "x.said")
		p := New(Config{Conn: m.host.Conn(), Log: slog.New(slog.DiscardHandler), Notes: []string{note}})
		noting := machine{p, m.host, "pbx"}
		noting.apply(t, sip("Desk"))
		time.Sleep(20 * time.Second)
		first, at, err := readInTime(disk.OS, note)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		text, touched, err := readInTime(disk.OS, note)
		if err != nil || !bytes.Equal(text, first) || touched.Sub(at) < 59*time.Minute || touched.After(time.Now()) {
			t.Errorf("after an hour it was touched %v later (%v), the same: %v", touched.Sub(at), err, bytes.Equal(text, first))
		}
		for later, want := range map[time.Duration]time.Duration{0: 0, time.Minute: 0, 4 * time.Minute: 4*time.Minute - noteMore} {
			if l, err := decodeNote(text, touched, touched.Add(later)); err != nil || len(l.announced) == 0 || l.ago != want {
				t.Errorf("%v after it was touched it says that it was announced %v ago (%v), want %v", later, l.ago, err, want)
			}
		}
		if err := os.WriteFile(note, []byte("of another program"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * noteEvery)
		if text, _, _ := readInTime(disk.OS, note); !strings.Contains(string(text), `"link":"eth0"`) {
			t.Errorf("what is another file by now stays: %s", text)
		}
		noting.apply(t, sip("Desk"), sip("Lobby"))
		time.Sleep(20 * time.Second)
		if l, err := decodeNote(readAt(t, note)); err != nil || !strings.Contains(fmt.Sprint(l.announced), "Lobby") {
			t.Errorf("a change is not noted: %v, %v", l.announced, err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// readAt reads a note, as [decodeNote] wants it, now.
func readAt(t *testing.T, path string) (text []byte, touched, now time.Time) {
	t.Helper()
	text, touched, err := readInTime(disk.OS, path)
	if err != nil {
		t.Fatal(err)
	}
	return text, touched, time.Now()
}

// What is added to a name that is announced is noted, too.
func TestAddedRecordIsNoted(t *testing.T) {
	onSegment(t, "192.0.2.1/24", func(t *testing.T, m machine, _ *memlink.Conn) {
		note := filepath.Join(t.TempDir(), "x.said")
		p := New(Config{Conn: m.host.Conn(), Log: slog.New(slog.DiscardHandler), Notes: []string{note}})
		noting := machine{p, m.host, "pbx"}
		noting.apply(t, sip("Desk"))
		time.Sleep(20 * time.Second)
		desk := sip("Desk")
		desk.Group.Services[0].Subtypes = []dnsname.Name{dnsname.MustParse("_desk._sub._sip._udp")}
		noting.apply(t, desk)
		time.Sleep(20 * time.Second)
		if l, err := decodeNote(readAt(t, note)); err != nil || !strings.Contains(fmt.Sprint(l.announced), "_desk._sub") {
			t.Errorf("it is not noted: %v, %v", l.announced, err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPauseAfter(t *testing.T) {
	for _, test := range []struct {
		name       string
		took, want time.Duration
	}{
		{"a small host", 200 * time.Microsecond, noteLeast},
		{"thousands of links", 40 * time.Millisecond, 2 * time.Second},
		{"a slow disk", time.Second, notePause},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := pauseAfter(test.took); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
