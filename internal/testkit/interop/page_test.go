//go:build linux

package interop

import (
	"fmt"
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
