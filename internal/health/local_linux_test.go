package health

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/guard"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/native"
	"announcer/internal/netwatch"
	"announcer/internal/publication"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/printed"
	"announcer/services"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// TestServerInLocal has a firmware server on another host, which is known by multicast DNS only: firmware that names it is
// announced, and firmware that names a host which does not exist is not, with the reason in state and log.
func TestServerInLocal(t *testing.T) {
	netlab.Need(t)
	other := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.1/24"}}, netlab.End{Host: other, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	serveIn(t, other, "web")
	links, err := netwatch.Read()
	if err != nil {
		t.Fatal(err)
	}
	links, _ = netwatch.Select(links, []string{"eth0"}, nil)
	log := new(printed.Text)
	ctx, cancel := context.WithCancel(t.Context())
	m := NewAsking(func(place Place) guard.Lookup { return browse.NewResolver(place).Lookup }, slog.New(slog.NewTextHandler(log, nil)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	named := func(host string) publication.Publication {
		p := published(publication.CheckAuto, services.Service{Type: digium, TXT: services.TXT{"serviceType=firmware", "firmwareUrl=http://" + host + ":8080/", "D40File=x"}})
		p.ID = host
		return p
	}
	desired := publication.Desired{Host: "pbx", Links: links, Groups: []publication.Publication{named("web.local"), named("gone.local")}}
	m.Answering(desired, Settings{Interval: 100 * time.Millisecond, Timeout: 3 * time.Second, Down: 2, Up: 1})
	for deadline := time.After(30 * time.Second); m.States()[0].State != Up || m.States()[1].State != Down; {
		select {
		case <-m.Changed():
		case <-deadline:
			t.Fatalf("%+v", m.States())
		}
	}
	const why = "http://gone.local:8080/x: the host gone.local is not found: no host answers by mDNS on eth0"
	if got := m.States()[1].LastError; got != why {
		t.Errorf("the reason is %q, want %q", got, why)
	}
	if text := log.String(); !strings.Contains(text, why) {
		t.Errorf("the log lacks %q:\n%s", why, text)
	}
}

// serveIn has a host answer HEAD of any file on port 8080, and answer for its name by multicast DNS.
func serveIn(t *testing.T, host *netlab.Host, name string) {
	t.Helper()
	var p *native.Publisher
	var err error
	host.Do(func() {
		l, listenErr := net.Listen("tcp", "0.0.0.0:8080")
		if err = listenErr; err != nil {
			return
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "7") })}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
		links, readErr := netwatch.Read()
		if err = readErr; err != nil {
			return
		}
		if p, err = native.Open(slog.New(slog.DiscardHandler), nil); err != nil {
			return
		}
		g := services.Group{Name: "Web", Services: []services.Service{{Type: dnsname.MustParse("_http._tcp"), Port: 8080}}}
		err = p.Apply(t.Context(), publication.Desired{Host: name, Links: links, Groups: []publication.Publication{{ID: "web", Group: g}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
}
