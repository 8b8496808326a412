//go:build linux

package interop

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"announcer/internal/testkit/built"
)

// goneWithin is how long after SIGTERM a neighbour may still list what was announced.
const goneWithin = 2 * time.Second

// TestAnnouncer runs the program itself, built with the race detector.
func TestAnnouncer(t *testing.T) {
	announcer := built.Announcer(t, "../../..", "-race")
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"peers", func(t *testing.T) { testPeers(t, announcer) }},
		{"dig asks the group", func(t *testing.T) { testDigAsksGroup(t, announcer) }},
		{"beside", func(t *testing.T) { testBeside(t, announcer) }},
		{"page", func(t *testing.T) { testPage(t, announcer) }},
		{"page of a mass update", func(t *testing.T) { testPageOfUpdate(t, announcer) }},
		{"moving", func(t *testing.T) { testMoving(t, announcer) }},
		{"avahi-publish", func(t *testing.T) { testPublish(t, announcer) }},
		{"look beside", func(t *testing.T) { testLookBeside(t, announcer) }},
		{"announced twice", func(t *testing.T) { testAnnouncedTwice(t, announcer) }},
		{"corpus", func(t *testing.T) { testCorpus(t, announcer) }},
		{"example", func(t *testing.T) { testLikeAvahi(t, announcer, "../../../examples/services") }},
		{"more examples", func(t *testing.T) { testLikeAvahi(t, announcer, "../../../examples/more") }},
		{"engine zeroconf", func(t *testing.T) { testLikeAvahi(t, announcer, "../../../examples/services", "--engine", "zeroconf") }},
		{"two sites", func(t *testing.T) { testTwoSites(t, announcer, "../../../examples/more/two-sites") }},
		{"announce", func(t *testing.T) { testAnnounce(t, announcer) }},
		{"exit status", func(t *testing.T) { testExitStatus(t, announcer) }},
		{"check of firmware", func(t *testing.T) { testCheckFirmware(t, announcer) }},
		{"check of a SIP server", func(t *testing.T) { testCheckSIP(t, announcer) }},
		{"restart", func(t *testing.T) { testRestart(t, announcer) }},
		{"restart by TCP", func(t *testing.T) { testRestartByTCP(t, announcer) }},
		{"restart interrupted", func(t *testing.T) { testRestartInterrupted(t, announcer) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t)
		})
	}
}

// testLikeAvahi compares what a neighbour sees of files that announcer announces with what it sees of them where
// Avahi does.
func testLikeAvahi(t *testing.T, announcer, folder string, options ...string) {
	server, neighbour := newServer(t)
	want := announcedByAvahi(t, server, neighbour, folder)
	if len(want) == 0 {
		t.Fatal("Avahi announces nothing of ", folder)
	}
	args := append([]string{"run", "--services", folder, "--interface", "v0"}, options...)
	testRun(t, server, neighbour, want, announcer, args...)
}

// announcedByAvahi lets Avahi announce a folder of files, and returns what the neighbour sees of that.
func announcedByAvahi(t *testing.T, server machine, neighbour neighbour, folder string) []sighting {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		copyTo(t, filepath.Join(server.dir, "avahi/services"), file)
	}
	watch := neighbour.watch(t)
	avahi := server.startAvahi(t, "[server]\nenable-dbus=no\n[publish]\npublish-workstation=no\npublish-hinfo=no\n")
	avahi.await(t, "successfully established", len(files))
	seen := neighbour.browse(t)
	watch.await(t, len(seen), patience)
	avahi.stop(t)
	watch.await(t, 0, patience)
	return seen
}

// testRun runs the daemon until the neighbour sees what it should, and ends it.
func testRun(t *testing.T, server machine, neighbour neighbour, want []sighting, announcer string, args ...string) {
	t.Helper()
	packets := newCapture(t, server, v0)
	watch := neighbour.watch(t)
	daemon := server.start(t, announcer, args...)
	neighbour.await(t, want)
	watch.await(t, len(want), patience)

	asked := time.Now()
	daemon.stop(t)
	if daemon.result != nil {
		t.Errorf("announcer run ended with %v on SIGTERM; want status 0", daemon.result)
	}
	watch.await(t, 0, goneWithin-time.Since(asked))
	t.Logf("all gone %v after SIGTERM", time.Since(asked).Round(time.Millisecond))
	packets.check(t)
}

// testTwoSites checks that each link has its own services and addresses, and nothing of the other's.
func testTwoSites(t *testing.T, announcer, folder string) {
	server := newMachine(t, hostname)
	site := func(name, address string) []sighting {
		return onBothVersions(service{
			Name: name, Type: "_digiumproxy._udp", Domain: "local", Host: hostname + ".local", Port: 5060,
			TXT: []string{"sipUrl=sip:proxy@" + address + ":5060;transport=udp", "serviceType=asterisk"},
		})
	}
	north, south := newAvahiNeighbour(t, server, vlan10), newAvahiNeighbour(t, server, vlan20)
	northPackets, southPackets := newCapture(t, server, vlan10), newCapture(t, server, vlan20)
	server.start(t, announcer, "run", "--config", filepath.Join(folder, "announcer.toml"))
	north.await(t, site("PBX North", "192.0.2.20"))
	south.await(t, site("PBX South", "192.0.2.21"))
	northPackets.check(t)
	southPackets.check(t)
}

// testAnnounce runs the one-shot with a command, for as long as which the service must be there.
func testAnnounce(t *testing.T, announcer string) {
	server, neighbour := newServer(t)
	packets := newCapture(t, server, v0)
	watch := neighbour.watch(t)
	p := server.start(t, announcer, "announce", "--preset", "dpma", "--server", "10.1.2.3", "--interface", "v0", "--", "sleep", "3")
	want := onBothVersions(service{
		Name: "DPMA at 10.1.2.3", Type: "_digiumproxy._udp", Domain: "local", Host: hostname + ".local", Port: 5060,
		TXT: []string{"sipUrl=sip:proxy@10.1.2.3:5060;transport=udp", "serviceType=asterisk"},
	})
	neighbour.await(t, want)
	watch.await(t, len(want), patience)
	select {
	case <-p.ended:
		t.Error("the command ended before the service was found")
	default:
	}

	p.wait(t)
	if p.result != nil {
		t.Errorf("announcer announce ended with %v; want status 0", p.result)
	}
	watch.await(t, 0, goneWithin)
	packets.check(t)
}

func testExitStatus(t *testing.T, announcer string) {
	p := newMachine(t, hostname).start(t, announcer, "announce", "--preset", "dpma", "--server", "10.1.2.3", "--interface", "lo",
		"--", "sh", "-c", "exit 7")
	p.wait(t)
	if code := p.cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("announcer announce ended with status %d, want that of its command, 7", code)
	}
}

func copyTo(t *testing.T, folder, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, filepath.Base(file), string(text))
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readIfThere returns "" for a file that is not there.
func readIfThere(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}
