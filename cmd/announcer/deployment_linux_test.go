package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"announcer/internal/testkit/netlab"
)

const (
	deploymentTime = 90 * time.Second // for all of it; it takes a few seconds
	silence        = 2 * time.Second  // longer than any of announcer's pauses after a goodbye
)

// firmwareFolder makes the folder with firmware that the documents use, and returns the hash of each file.
func firmwareFolder(t *testing.T, dir string) map[string]string {
	t.Helper()
	folder := filepath.Join(dir, "firmware")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	hashes := map[string]string{}
	for i, model := range []string{"D40", "D65", "P330"} {
		data := bytes.Repeat([]byte{byte(i), 1, 2, 3, 5, 7, 11}, 300_000)
		name := "2_8_1_" + model + "_firmware.eff"
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		hash := sha256.Sum256(data)
		hashes[name] = hex.EncodeToString(hash[:])
	}
	return hashes
}

// TestDeployment deploys six phones on one link as docs/deploying.md says: it runs every command of that document before the recipes, in order,
// and checks what each phone got, and that nothing is announced in the end.
func TestDeployment(t *testing.T) {
	netlab.Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), deploymentTime)
	defer cancel()
	var ends []netlab.End
	var all []*phone
	for i, model := range []string{"D40", "D40", "D65", "D65", "P330", "D40"} {
		h := netlab.NewHost(t)
		ends = append(ends, netlab.End{Host: h, Name: "eth0", Addrs: []string{fmt.Sprintf("192.0.2.%d/24", 11+i)}})
		all = append(all, newPhone(h, model))
	}
	netlab.Switch(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, ends...)
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	dir := t.TempDir()
	hashes := firmwareFolder(t, dir)
	wire := listenTo(t, all[0])

	for _, p := range all {
		p.start(ctx, t)
	}
	phones, _, _ := strings.Cut(documents(t)[deploying], "\n## Recipes")
	for _, s := range steps(t, phones) {
		switch {
		case strings.HasPrefix(s.command, "announcer announce "):
			for _, p := range all {
				if did := p.did(); len(did) != 1 || !strings.HasPrefix(did[0], "loads ") {
					t.Errorf("before the PBX is announced a %s did %q; want it to have its firmware", p.model, did)
				}
			}
			fallthrough
		default:
			out, err := console{dir: dir}.shell(s.command).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", s.command, err, out)
			}
			compareSome(t, s, strings.Split(string(out), "\n"))
		}
	}

	for i, p := range all {
		<-p.done
		file := "2_8_1_" + p.model + "_firmware.eff"
		want := []string{
			fmt.Sprintf("loads %s from 192.0.2.5:8080, %s", file, hashes[file]),
			"takes sip:proxy@192.0.2.5:5060;transport=udp",
			"restarts",
		}
		if got := p.did(); p.err != nil || !slices.Equal(got, want) {
			t.Errorf("phone %d, a %s, did %q, error %v; want %q", i+1, p.model, got, p.err, want)
		}
	}
	wire.wantSilence(t)
}

// compareSome wants the lines of a step among those that were printed.
func compareSome(t *testing.T, s step, got []string) {
	t.Helper()
	for _, line := range s.want {
		if !slices.ContainsFunc(got, func(g string) bool { return matches(line, g) }) {
			t.Errorf("$ %s\nprinted:\n%s\nwant in it:\n%s", s.command, strings.Join(got, "\n"), line)
		}
	}
}

// tap hears the multicast DNS of a link.
type tap struct {
	conn *net.UDPConn
	held map[string]bool // the services that the server announces
}

func listenTo(t *testing.T, p *phone) *tap {
	conn := p.listen(t)
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	return &tap{conn: conn, held: map[string]bool{}}
}

// wantSilence wants a goodbye for every service that was announced, and nothing after that.
func (w *tap) wantSilence(t *testing.T) {
	t.Helper()
	buf := make([]byte, 9000)
	for goodbye := false; ; {
		if err := w.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			t.Fatal(err)
		}
		n, from, err := w.conn.ReadFromUDP(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if len(w.held) > 0 || !goodbye {
				t.Errorf("still on the wire in the end: %v; goodbye said: %t", w.held, goodbye)
			}
			return
		} else if err != nil {
			t.Fatal(err)
		}
		var m dns.Msg
		if !from.IP.Equal(net.IPv4(192, 0, 2, 5)) || m.Unpack(buf[:n]) != nil || !m.Response {
			continue
		}
		for _, r := range m.Answer {
			if ptr, ok := r.(*dns.PTR); ok && ptr.Hdr.Name == phoneBrowses {
				goodbye = ptr.Hdr.Ttl == 0
				if w.held[ptr.Ptr] = !goodbye; goodbye {
					delete(w.held, ptr.Ptr)
				}
			}
		}
	}
}
