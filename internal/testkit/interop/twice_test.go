//go:build linux

package interop

import (
	"path/filepath"
	"strings"
	"testing"
)

// testAnnouncedTwice runs the daemon on a host where Avahi runs: they share the port and the name of the host without a
// conflict, and that Avahi announces a definition too is reported, by its file and by what is heard.
func testAnnouncedTwice(t *testing.T, announcer string) {
	server, neighbour := newServer(t)
	const service = "<service-group><name>NAME</name><service><type>_digiumproxy._udp</type><port>5060</port></service></service-group>"
	definition := func(name string) string { return strings.Replace(service, "NAME", name, 1) }
	folder := t.TempDir()
	write(t, folder, "both.service", definition("Both"))
	write(t, folder, "ours.service", definition("Ours"))
	write(t, filepath.Join(server.dir, "avahi/services"), "theirs.service", definition("Both"))
	avahi := server.startAvahi(t, "[server]\nenable-dbus=no\n[publish]\npublish-workstation=no\npublish-hinfo=no\n")
	avahi.await(t, "successfully established", 1)

	daemon := server.start(t, announcer, "run", "--services", folder, "--interface", "v0")
	daemon.await(t, `msg="port 5353 is shared with avahi-daemon (pid `, 1)
	daemon.await(t, "both.service is announced by Avahi too, from /etc/avahi/services/theirs.service; want one of the two files removed", 1)
	daemon.await(t, `detail="another program of this host announces this very service"`, 1)
	neighbour.await(t, onBothVersions(serviceOf("Both"), serviceOf("Ours")))
	if text := daemon.out.String(); strings.Contains(text, "msg=conflict") || strings.Contains(text, "msg=renamed") {
		t.Error("they are in conflict")
	}
	if text := avahi.out.String(); strings.Contains(text, "onflict") || strings.Contains(text, "ollision") {
		t.Error("Avahi sees a conflict")
	}
}

// serviceOf is a service of this test as it is to be seen.
func serviceOf(name string) service {
	return service{Name: name, Type: "_digiumproxy._udp", Domain: "local", Host: hostname + ".local", Port: 5060}
}
