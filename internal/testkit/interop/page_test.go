//go:build linux

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"announcer/internal/testkit/browser"
)

const pageAddress = "http://127.0.0.1:9353/"

// has is true in a page if a part of it has a text.
func has(part, text string) string {
	return fmt.Sprintf("!!document.querySelector(%q)?.textContent.includes(%q)", part, text)
}

// testPage follows a daemon with a browser on its machine, on one page that is never loaded again.
func testPage(t *testing.T, announcer string) {
	server := newMachine(t, hostname)
	phone := newNeighbour(t, server, v0)
	services := filepath.Join(server.dir, "services")
	if err := os.Mkdir(services, 0o755); err != nil {
		t.Fatal(err)
	}
	good := read(t, "../../../examples/services/dpma.service")
	write(t, services, "dpma.service", good)
	config := write(t, server.dir, "announcer.toml", fmt.Sprintf("[daemon]\nhttp = \"127.0.0.1:9353\"\nservices = [%q]\ninterfaces = [\"v0\"]\n", services))
	server.start(t, announcer, "run", "--config", config).await(t, "msg=announced", 1)

	p := browser.Open(t, server.Host)
	p.Go(t, pageAddress)
	p.Await(t, has("#state.ok", "All is well"))
	p.Await(t, has("#services tbody", "Front office PBX"))
	p.Await(t, has("#services tbody .ok", "announced"))
	p.Await(t, has("#links tbody", "192.0.2.1"))
	p.Await(t, has("#phones", "No host has asked yet."))
	browser.Value[bool](t, p, "window.sameDocument = true")

	phone.output(t.Context(), "dig", "-p", "5353", "+tries=1", "+time=1", "@224.0.0.251", "_digiumproxy._udp.local", "PTR")
	p.Await(t, has("#phones tbody", "192.0.2.2"))

	write(t, services, "dpma.service", "<service-group>\n  <nme>PBX</nme>\n</service-group>\n")
	p.Await(t, has("#findings tbody", "dpma.service:2:3"))
	p.Await(t, has("#findings tbody", "did you mean <name>?"))
	p.Await(t, has("#state.bad .problems", "dpma.service:1:1"))
	p.Await(t, has("#services tbody .ok", "announced")) // the last good version
	write(t, services, "dpma.service", good)
	p.Await(t, has("#state.ok", "All is well"))
	p.Await(t, has("#findings", "No file has errors or warnings."))
	if !browser.Value[bool](t, p, "window.sameDocument === true") {
		t.Error("the page was loaded again")
	}

	still := browser.Open(t, server.Host)
	still.Script(t, false)
	still.Go(t, pageAddress)
	for _, want := range []string{has("#state.ok", "All is well"), has("#services tbody .ok", "announced"), has("#phones tbody", "192.0.2.2")} {
		if !browser.Value[bool](t, still, want) {
			t.Errorf("without its script the page lacks %s", want)
		}
	}
}

const (
	imageSize     = 8 << 20
	phoneReceives = 64 << 10 // bytes that a phone takes before it reads them
)

// testPageOfUpdate follows a mass update of six phones with a browser: a bar for each, half full while they wait in the middle,
// and all full in the end.
func testPageOfUpdate(t *testing.T, announcer string) {
	server := newMachine(t, hostname)
	neighbour := newNeighbour(t, server, v0)
	folder := filepath.Join(server.dir, "firmware")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	models := []string{"D40", "D65", "P330"}
	for i, model := range models {
		write(t, folder, "2_8_1_"+model+"_firmware.eff", string(bytes.Repeat([]byte{byte(i), 1, 2, 3}, imageSize/4)))
	}
	server.start(t, announcer, "firmware", "serve", folder, "--interface", "v0", "--http", "9353").await(t, "page "+pageAddress, 1)

	p := browser.Open(t, server.Host)
	p.Go(t, pageAddress)
	p.Await(t, has("#transfers", "No phone has loaded firmware yet."))
	browser.Value[bool](t, p, "window.sameDocument = true")

	goOn := make(chan struct{})
	loaded := make(chan error, 6)
	for i := range cap(loaded) {
		address := fmt.Sprintf("192.0.2.%d", 11+i)
		neighbour.IP(t, "addr", "add", address+"/24", "dev", "eth0")
		go func() { loaded <- neighbour.load(address, models[i%len(models)], goOn) }()
	}
	const bars = `[...document.querySelectorAll("#transfers progress")]`
	p.Await(t, bars+`.filter(bar => bar.value > 0.3 * bar.max && bar.value < bar.max).length === 6`)
	p.Await(t, `(bar => bar.value > 0.3 * bar.max && bar.value < bar.max)(document.querySelector("#update progress"))`)
	p.Await(t, has("#update", "Loading now: 6"))
	for _, want := range []string{"192.0.2.16", "D65", "1_4_0_0", "loading"} {
		p.Await(t, has("#transfers tbody", want))
	}
	close(goOn)
	for range cap(loaded) {
		if err := <-loaded; err != nil {
			t.Error(err)
		}
	}
	p.Await(t, bars+`.filter(bar => bar.value === bar.max).length === 6`)
	p.Await(t, `document.querySelectorAll("#transfers td.ok").length === 6`)
	p.Await(t, has("#update", "No phone is loading now."))
	if !browser.Value[bool](t, p, "window.sameDocument === true") {
		t.Error("the page was loaded again")
	}
	for _, found := range p.Violations(t) {
		t.Error(found)
	}
}

// load loads the firmware of a model as a phone with an address of the machine does, and waits in the middle until it may go
// on.
func (m machine) load(address, model string, goOn <-chan struct{}) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, to string) (conn net.Conn, err error) {
		m.Do(func() { conn, err = dialer.DialContext(ctx, network, to) })
		if err != nil {
			return nil, err
		}
		return conn, conn.(*net.TCPConn).SetReadBuffer(phoneReceives)
	}}}
	request, err := http.NewRequest(http.MethodGet, "http://192.0.2.1:8080/2_8_1_"+model+"_firmware.eff", nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "Digium "+model+" 1_4_0_0_63880")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	half, err := io.CopyN(io.Discard, answer.Body, imageSize/2)
	<-goOn
	rest, restErr := io.Copy(io.Discard, answer.Body)
	if err := errors.Join(err, restErr); err != nil || half+rest != imageSize {
		return fmt.Errorf("%s loaded %d bytes: %w", address, half+rest, err)
	}
	return nil
}
