//go:build linux

package interop

import (
	"net"
	"net/http"
	"testing"
	"time"

	"announcer/internal/testkit/skip"
)

// checked returns a configuration that checks what a group announces, more often than is useful outside tests.
func checked(group string) string {
	return "[daemon]\nservices = []\ninterfaces = [\"v0\"]\ncheck_interval = \"1s\"\n[[group]]\ncheck = \"auto\"\n" + group
}

// testCheckFirmware lets a web server with firmware come, go and come back: what is announced does the same.
func testCheckFirmware(t *testing.T, announcer string) {
	server, neighbour := newServer(t)
	packets, watch := newCapture(t, server, v0), neighbour.watch(t)
	config := write(t, server.dir, "announcer.toml", checked(`preset = "firmware"
url = "http://192.0.2.2:8080/"
version = "2_8_1"
files = { D40 = "D40.eff", D65 = "D65.eff" }
`))
	daemon := server.start(t, announcer, "run", "--config", config)
	daemon.await(t, "server does not answer, service not announced", 1)
	if there := watch.there(); len(there) > 0 {
		t.Errorf("announced before it has answered: %q", there)
	}
	stop := neighbour.serve(t, "D40.eff")
	watch.await(t, 2, patience)
	daemon.await(t, "part of the server does not answer, service still announced", 1)
	stop()
	gone := time.Now()
	watch.await(t, 0, patience)
	t.Logf("gone %v after its server", time.Since(gone).Round(100*time.Millisecond))
	neighbour.serve(t, "D40.eff", "D65.eff")
	watch.await(t, 2, patience)
	daemon.await(t, "server answers again", 1)
	packets.check(t)
	for _, version := range []string{"ip", "ipv6"} {
		t.Run(version, func(t *testing.T) {
			_, gone := packets.heard(t, version)
			if len(gone) == 0 {
				t.Error("no goodbye was said")
			}
		})
	}
}

// serve serves files by HTTP HEAD on port 8080 until stop is called or the test ends.
func (m machine) serve(t *testing.T, files ...string) (stop func()) {
	t.Helper()
	mux := http.NewServeMux()
	for _, file := range files {
		mux.HandleFunc("HEAD /"+file, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1000") })
	}
	var listener net.Listener
	m.do(t, func() (err error) {
		listener, err = net.Listen("tcp", ":8080")
		return err
	})
	web := &http.Server{Handler: mux}
	go web.Serve(listener)
	stop = func() { web.Close() }
	t.Cleanup(stop)
	return stop
}

// testCheckSIP does the same with a SIP server that sipp plays.
func testCheckSIP(t *testing.T, announcer string) {
	skip.Without(t, "sipp")
	server, neighbour := newServer(t)
	packets, watch := newCapture(t, server, v0), neighbour.watch(t)
	config := write(t, server.dir, "announcer.toml", checked("preset = \"dpma\"\nserver = \"192.0.2.2\"\n"))
	pbx := func() *process {
		return neighbour.sipp(t, "192.0.2.2", `<recv request="OPTIONS"/>`+respond("404 Not Found"))
	}
	first := pbx()
	daemon := server.start(t, announcer, "run", "--config", config)
	watch.await(t, 2, patience)
	first.stop(t)
	watch.await(t, 0, patience)
	daemon.await(t, "server does not answer, service withdrawn", 1)
	daemon.await(t, "sip:proxy@192.0.2.2:5060;transport=udp: no server listens on that port", 1)
	pbx()
	watch.await(t, 2, patience)
	packets.check(t)
}
