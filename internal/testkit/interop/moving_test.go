//go:build linux

package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"announcer/internal/testkit/skip"
)

// moving is the document on moving to announcer.
const moving = "../../../docs/moving.md"

// testMoving moves a service from Avahi as the document says, command by command: a phone that listens never loses it.
func testMoving(t *testing.T, announcer string) {
	skip.Without(t, "dnsmasq")
	server, _ := newServer(t)
	text := read(t, moving)
	for _, dir := range []string{"announcer/services", "asterisk", "dnsmasq.d"} {
		if err := os.MkdirAll(filepath.Join(server.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyTo(t, filepath.Join(server.dir, "avahi/services"), "../../../examples/services/dpma.service")
	write(t, filepath.Join(server.dir, "asterisk"), "res_digium_phone.conf", regexp.MustCompile("(?s)```ini\n(.*?)```").FindStringSubmatch(text)[1])
	write(t, filepath.Join(server.dir, "dnsmasq.d"), "phones.conf", "dhcp-range=192.0.2.66,192.0.2.150\ndhcp-option=42,192.0.2.66,192.0.2.67\n# The phones:\ndhcp-option=66,http://192.0.2.5/\n")
	packets := newCapture(t, server, v0)
	avahi := server.startAvahi(t, "[server]\nallow-interfaces=v0\nenable-dbus=no\n[publish]\npublish-workstation=no\npublish-hinfo=no\n")
	avahi.await(t, "successfully established", 1)
	daemon := server.start(t, announcer, "run", "--socket", "/run/announcer.sock")
	daemon.await(t, "msg=", 1)
	commands := steps(text)
	for _, s := range commands {
		server.follow(t, announcer, s)
	}
	if len(commands) < 12 {
		t.Errorf("the document has %d commands", len(commands))
	}
	daemon.await(t, "msg=announced", 1)
	packets.end(t)
	if config := read(t, filepath.Join(server.dir, "dnsmasq.d/phones.conf")); strings.Count(config, "\n# dhcp-") != 1 || !strings.HasPrefix(config, "dhcp-range=192.0.2.66,") {
		t.Errorf("other lines than that of the phones are taken out:\n%s", config)
	}
	if gaps := packets.gaps(t, "Front office PBX._digiumproxy._udp.local."); gaps != nil {
		t.Errorf("a phone loses these: %q", gaps)
	}
}

// step is a command of the document with the lines that it prints.
type step struct {
	command string
	want    []string
}

// steps returns the commands of a document.
func steps(text string) (all []step) {
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{command: command})
			} else if line != "" {
				all[len(all)-1].want = append(all[len(all)-1].want, line)
			}
		}
	}
	return all
}

// follow runs a command as a person does, who looks at a state until it is as the document has it.
func (m machine) follow(t *testing.T, announcer string, s step) {
	t.Helper()
	s.command = strings.TrimPrefix(s.command, "sudo ")
	if strings.HasPrefix(s.command, "systemctl ") {
		return // no service manager runs in a namespace
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var out []byte
		m.do(t, func() error {
			cmd := exec.Command("sh", "-c", s.command)
			cmd.Dir = m.dir
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(announcer)+":"+os.Getenv("PATH"), "RUNTIME_DIRECTORY=/run")
			out, _ = cmd.Output() // what it prints is compared
			return nil
		})
		if printed := strings.Split(strings.TrimSpace(string(out)), "\n"); s.isIn(printed) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("$ %s\nprinted:\n%s\nwant:\n%s", s.command, out, strings.Join(s.want, "\n"))
		}
	}
}

// isIn reports whether the lines of a step were printed, in order. "…" stands for any text, and for any lines.
func (s step) isIn(printed []string) bool {
	pattern := regexp.QuoteMeta(strings.Join(strings.Fields(strings.Join(s.want, " ")), " "))
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(strings.Join(strings.Fields(strings.Join(printed, " ")), " "))
}

// gaps returns the records of an instance, and the one that points to it, that a cache loses between the first packet and the
// last: their time to live ends, or a goodbye comes (RFC 6762 §10.1) and nothing within a second.
func (c *capture) gaps(t *testing.T, instance string) (lost []string) {
	t.Helper()
	expires := map[string]time.Time{}
	for _, p := range c.responses(t) {
		for key, end := range expires {
			if p.at.After(end) {
				lost = append(lost, key)
				delete(expires, key)
			}
		}
		for _, rr := range p.records {
			ptr, isPTR := rr.(*dns.PTR)
			if unescape(rr.Header().Name) != instance && (!isPTR || unescape(ptr.Ptr) != instance) {
				continue
			}
			key := fmt.Sprint(unescape(rr.Header().Name), " ", dns.TypeToString[rr.Header().Rrtype], " ", p.version)
			expires[key] = p.at.Add(max(time.Second, time.Duration(rr.Header().Ttl)*time.Second))
		}
	}
	if len(expires) < 6 { // PTR, SRV and TXT, by IPv4 and IPv6
		lost = append(lost, fmt.Sprintf("only %d records at the end", len(expires)))
	}
	return lost
}

// response is a packet with records.
type response struct {
	at      time.Time
	version byte // of IP
	records []dns.RR
}

// responses returns what the machine multicast, in order, and a last packet without records a second and a half later than the last one.
func (c *capture) responses(t *testing.T) (all []response) {
	t.Helper()
	var last time.Time
	for data := c.packets.Bytes()[24:]; len(data) >= 16; {
		header := data[:16]
		at := time.Unix(int64(binary.LittleEndian.Uint32(header)), int64(binary.LittleEndian.Uint32(header[4:]))*1000)
		size := binary.LittleEndian.Uint32(header[8:])
		frame := data[16 : 16+size]
		data = data[16+size:]
		version, payload := multicastDNS(frame)
		var m dns.Msg
		if payload == nil || m.Unpack(payload) != nil || !m.Response {
			continue
		}
		last = at
		all = append(all, response{at, version, slices.Concat(m.Answer, m.Extra)})
	}
	return append(all, response{at: last.Add(1500 * time.Millisecond)})
}

// multicastDNS returns the IP version and the message of a frame to port 5353, nil if it is something else.
func multicastDNS(frame []byte) (version byte, message []byte) {
	const ethernet, udp = 14, 8
	if len(frame) < ethernet+20+udp || frame[0]&1 == 0 {
		return 0, nil
	}
	packet := frame[ethernet:]
	header, protocol := int(packet[0]&0xF)*4, packet[9]
	if version = packet[0] >> 4; version == 6 {
		header, protocol = 40, packet[6]
	}
	if protocol != 17 || len(packet) < header+udp || binary.BigEndian.Uint16(packet[header+2:]) != 5353 {
		return 0, nil
	}
	return version, packet[header+udp:]
}

// testPublish runs each row of the document's table: avahi-publish and announcer announce the same.
func testPublish(t *testing.T, announcer string) {
	skip.Without(t, "avahi-publish")
	rows := regexp.MustCompile("(?m)^\\| `(avahi-publish [^`]*)` \\| `announcer ([^`]*)` \\|$").FindAllStringSubmatch(read(t, moving), -1)
	if len(rows) < 6 {
		t.Fatalf("the document has %d rows", len(rows))
	}
	for _, row := range rows {
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			server := newMachine(t, hostname)
			n := newNeighbour(t, server, v0)
			server.startBus(t)
			avahi := server.startAvahi(t, "[server]\nallow-interfaces=v0\n[publish]\npublish-workstation=no\npublish-hinfo=no\n")
			var theirs []*process
			for _, command := range strings.Split(row[1], " & ") {
				p := server.start(t, "sh", "-c", "exec "+command)
				p.await(t, "Established", 1)
				theirs = append(theirs, p)
			}
			want := n.desk(t)
			for _, p := range theirs {
				p.stop(t)
			}
			avahi.stop(t)
			ours := server.start(t, "sh", "-c", "exec "+announcer+" "+row[2]+" --interface v0")
			ours.await(t, "announced Desk", 1)
			got := n.desk(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("announcer differs (-avahi-publish +announcer):\n%s", diff)
			}
		})
	}
}

// answers returns the records that answer a question, each once: to a stranger, Avahi adds others.
func (s stranger) answers() ask {
	return func(ctx context.Context, name string, typ uint16) ([]dns.RR, error) {
		all, err := s.ask(ctx, name, typ)
		if err != nil {
			return nil, err
		}
		return askOf(all)(ctx, name, typ)
	}
}

// found is what a program that knows no multicast DNS finds out about the service.
type found struct {
	Published []published
	Addresses []string // of desk.local
	Reverse   []string // names of its address
}

// desk asks for the services of the table's rows.
func (n neighbour) desk(t *testing.T) (f found) {
	t.Helper()
	s, err := n.stranger("udp4")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	like := []published{{Service: service{Domain: "local"}, Subtypes: []string{"_desk._sub._sip._udp.local"}}}
	if f.Published, err = s.answers().published(t.Context(), like); err != nil {
		t.Fatal(err)
	}
	if len(f.Published) != 1 || f.Published[0].Service.Name != "Desk" {
		t.Fatalf("found %+v", f.Published)
	}
	f.Addresses = texts(t, s.answers(), "desk.local", dns.TypeA)
	f.Reverse = texts(t, s.answers(), "77.2.0.192.in-addr.arpa", dns.TypePTR)
	return f
}

// texts returns the records of an answer as text.
func texts(t *testing.T, ask ask, name string, typ uint16) (list []string) {
	t.Helper()
	answer, err := ask(t.Context(), name, typ)
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range answer {
		list = append(list, rr.String())
	}
	return list
}
