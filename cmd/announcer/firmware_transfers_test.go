package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/deployment"
	"announcer/internal/dnsname"
	"announcer/internal/escape"
	"announcer/internal/layout"
	"announcer/internal/limit"
	"announcer/internal/mdns"
	"announcer/internal/phones"
	"announcer/internal/phones/fileserver"
	"announcer/internal/testkit/printed"
)

func transfer(phone string, sent int64, ended, whole bool) fileserver.Transfer {
	file := fileserver.File{Image: phones.Image{Path: "2_8_1_D40_firmware.eff", Size: 40e6}}
	return fileserver.Transfer{
		Phone: netip.MustParseAddr(phone), Agent: phones.Agent{Model: "D40", Version: "1_4_0_0"}, File: file,
		Started: time.Now(), Took: 2 * time.Second, Sent: sent, Has: sent, Ended: ended, Whole: whole,
	}
}

// newView makes a view of a deployment in which no hardware address is known.
func newView(out io.Writer, terminal bool, until int) *transferView {
	p := newTransferView(out, false, until, deployment.New(deployment.Config{Wanted: until, MAC: func(netip.Addr) string { return "" }}))
	p.terminal = terminal
	return p
}

func TestTransferLines(t *testing.T) {
	var out bytes.Buffer
	p := newView(&out, false, 2)
	unknown := transfer("192.0.2.12", 40e6, true, true)
	unknown.Agent = phones.Agent{}
	for _, tr := range []fileserver.Transfer{
		transfer("192.0.2.11", 0, false, false), transfer("192.0.2.11", 10e6, true, false),
		transfer("192.0.2.11", 40e6, true, true), transfer("192.0.2.11", 40e6, true, true), unknown,
	} {
		p.report(tr)
	}
	p.draw(nil)
	want := `192.0.2.11 D40 1_4_0_0 loads 2_8_1_D40_firmware.eff
192.0.2.11 D40 1_4_0_0 stopped after 10.0 MB of 2_8_1_D40_firmware.eff, 25 %
192.0.2.11 D40 1_4_0_0 has 2_8_1_D40_firmware.eff, 40.0 MB in 2s (20.0 MB/s); 1 of 2 phones done
192.0.2.11 D40 1_4_0_0 has 2_8_1_D40_firmware.eff, 40.0 MB in 2s (20.0 MB/s); 1 of 2 phones done
192.0.2.12 - - has 2_8_1_D40_firmware.eff, 40.0 MB in 2s (20.0 MB/s); 2 of 2 phones done
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", &out, want)
	}
	p.run(context.Background(), nil, func() []fileserver.Transfer { return nil }) // ends, since two phones are done
}

// TestTransferJSON wants each line to be an object that docs/json.schema.json describes.
func TestTransferJSON(t *testing.T) {
	var out bytes.Buffer
	p := newView(&out, false, 2)
	p.json = true
	p.begin([]fileserver.File{{Image: phones.Image{Path: "a.eff", Model: "D40", Size: 7}, SHA256: "ab"}}, "http://127.0.0.1:9353/")
	p.announced([]mdns.Event{{Name: "Firmware\u202e", Type: dnsname.MustParse("_digiumproxy._udp"), Link: "eth0"}})
	p.report(transfer("192.0.2.11", 0, false, false))
	p.report(transfer("192.0.2.11", 40e6, true, true))
	p.leftOut(limit.Excess{Lines: 7, Most: "192.0.2.66"}, true)
	wants := []string{`"path":"a.eff"`, `"announced":{"name":"Firmware\u202e","type":"_digiumproxy._udp","link":"eth0"}`, `"state":"loading"`, `"state":"done"`, `"missed":7`}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(wants) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(wants), &out)
	}
	for i, line := range lines {
		if checkOutput(t, "announcer firmware serve --json", []byte(line), ""); !strings.Contains(line, wants[i]) {
			t.Errorf("line %d is %s, want %s in it", i, line, wants[i])
		}
	}
}

// TestTransferLinesAreLimited has a client that asks for one byte again and again, and phones that get the file.
func TestTransferLinesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out printed.Text
		p := newView(&out, false, 2)
		for range 1000 {
			p.report(transfer("192.0.2.66", 0, false, false))
			p.report(transfer("192.0.2.66", 1, true, false))
		}
		p.report(transfer("192.0.2.66", 40e6, true, true))
		p.report(transfer("192.0.2.11", 0, false, false))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		p.run(ctx, nil, func() []fileserver.Transfer { return nil })
		text := out.String()
		if n := strings.Count(text, "\n"); n != linesOfPhone+3 {
			t.Errorf("%d lines, want %d:\n%s", n, linesOfPhone+3, text)
		}
		for _, want := range []string{
			"192.0.2.66 D40 1_4_0_0 has ", "192.0.2.11 D40 1_4_0_0 loads ",
			fmt.Sprintf("%d more lines, most of them of 192.0.2.66\n", 2000-linesOfPhone),
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing:\n%s", want, text)
			}
		}
	})
}

func TestTransferTable(t *testing.T) {
	var out bytes.Buffer
	p := newView(escape.NewWriter(&out), true, 0)
	p.report(transfer("192.0.2.11", 40e6, true, true))
	p.report(transfer("192.0.2.12", 10e6, true, false))
	running := []fileserver.Transfer{transfer("192.0.2.13", 20e6, false, false)}
	p.draw(running)
	p.draw(running)
	table := "\r\x1b[K" + strings.Join([]string{
		"PHONE       MODEL  HAS      FILE                    DONE   RATE",
		"192.0.2.11  D40    1_4_0_0  2_8_1_D40_firmware.eff  100 %  20.0 MB/s  done",
		"192.0.2.12  D40    1_4_0_0  2_8_1_D40_firmware.eff  25 %   5.0 MB/s   stopped",
		"192.0.2.13  D40    1_4_0_0  2_8_1_D40_firmware.eff  50 %   10.0 MB/s",
		"1 phone done, 1 loading",
	}, "\n\r\x1b[K") + "\n\x1b[J"
	if want := table + "\x1b[5A" + table; out.String() != want {
		t.Errorf("drawn:\n%q\nwant:\n%q", out.String(), want)
	}
	if lines := p.table(running, 2, 0); len(lines) != 4 || !strings.HasPrefix(lines[1], "192.0.2.12") || !strings.HasPrefix(lines[2], "192.0.2.13") {
		t.Errorf("with room for two:\n%s", strings.Join(lines, "\n"))
	}
	lines := p.table(running, 4, 60)
	if len(lines) > 6 || !strings.HasPrefix(lines[len(lines)-1], "1 phone done") {
		t.Errorf("more than there is room for:\n%s", strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if layout.Width(line) > 60 {
			t.Errorf("%q is wider than the terminal", line)
		}
	}
}
