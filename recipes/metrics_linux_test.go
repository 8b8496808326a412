package recipes

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"announcer/internal/testkit/built"
	"announcer/internal/testkit/netlab"
)

// patience is how long a daemon may take for what it does in a moment.
const patience = time.Minute

// exposition is what the metrics of a daemon are, by name.
type exposition map[string]family

// family is a metric with the names of its labels.
type family struct {
	help   string
	labels []string
}

// scrape returns the metrics of the daemon behind a control socket. It has none if there is no daemon yet.
func scrape(socket string) (exposition, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	answer, err := client.Get("http://daemon/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("%s: %s", answer.Status, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		return nil, err
	}
	all := exposition{}
	for name, f := range families {
		found := family{help: f.GetHelp()}
		for _, metric := range f.Metric {
			for _, label := range metric.Label {
				found.labels = append(found.labels, label.GetName())
			}
		}
		all[name] = found
	}
	return all, nil
}

// daemon starts "announcer run" on a host, with a configuration, and returns its control socket.
func daemon(t *testing.T, program string, host *netlab.Host, config string) (socket string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "announcer.toml")
	write(t, file, config)
	socket = filepath.Join(dir, "socket")
	start(t, program, host, "run", "--config", file, "--socket", socket, "--log-level", "error")
	return socket
}

// start starts the program on a host until the test ends.
func start(t *testing.T, program string, host *netlab.Host, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = t.Output()
	if err := host.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
}

// answers waits until a daemon answers on its control socket.
func answers(t *testing.T, socket string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		_, err := scrape(socket)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	good = `<service-group><name>%s</name><service><type>_digiumproxy._udp</type><port>5060</port><txt-record>serviceType=asterisk</txt-record>` +
		`<txt-record>sipUrl=sip:proxy@192.0.2.5:5060</txt-record></service></service-group>`
	bad = `<service-group><name>%s</name><service><type>_digiumproxy._udp</type><port>x</port></service></service-group>`
)

// troubled starts daemons that have all troubles at once, and returns their metrics as soon as there are all of those wanted.
func troubled(t *testing.T, wanted []string) exposition {
	t.Helper()
	phone, holder := netlab.NewHost(t), netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: phone, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	netlab.Veth(t, netlab.End{Name: "eth1", Addrs: []string{"198.51.100.5/24"}}, netlab.End{Host: holder, Name: "eth0", Addrs: []string{"198.51.100.6/24"}})
	gone := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(gone.Close)
	program, dir := built.Announcer(t, ".."), t.TempDir()
	for name, form := range map[string]string{"good": good, "spoiled": good, "bad": bad} {
		write(t, filepath.Join(dir, name+".service"), fmt.Sprintf(form, name))
	}
	socket := daemon(t, program, nil, fmt.Sprintf(`[daemon]
services = [%q, %q]
interfaces = ["eth0"]
poll = "100ms"
[remote]
cache = %q
[[rule]]
match = "good.service"
check = "tcp"
`, dir, gone.URL+"/a.toml", t.TempDir()))

	// Another program holds port 5353 for itself, so that the second daemon reaches no host.
	var held net.PacketConn
	var err error
	holder.Do(func() { held, err = net.ListenPacket("udp4", ":5353") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	second := daemon(t, program, holder, fmt.Sprintf("[daemon]\nservices = [%q]\ninterfaces = [\"eth0\"]\n", t.TempDir()))
	start(t, program, phone, "announce", "--preset", "dpma", "--server", "192.0.2.6", "--interface", "eth0")

	all := exposition{}
	deadline := time.Now().Add(patience)
	for spoiled := false; ; time.Sleep(50 * time.Millisecond) {
		for _, s := range []string{socket, second} {
			seen, err := scrape(s)
			if err != nil && time.Now().After(deadline) {
				t.Fatal(err)
			}
			maps.Copy(all, seen)
		}
		if _, ok := all["announcer_refused_since_timestamp_seconds"]; ok && !spoiled {
			write(t, filepath.Join(dir, "spoiled.service"), fmt.Sprintf(bad, "spoiled"))
			start(t, program, phone, "browse", "--interface", "eth0", "_digiumproxy._udp")
			spoiled = true
		}
		missing := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool {
			_, ok := all[name]
			return ok
		})
		if len(missing) == 0 {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("the daemons have no %s", strings.Join(missing, ", "))
		}
	}
}

// TestMetricsExist wants every metric and label of the rules and the dashboard in what daemons have, and a help text of each metric.
func TestMetricsExist(t *testing.T) {
	netlab.Need(t)
	queries := slices.Concat(ruleQueries(t), dashboardQueries(t))
	var wanted []string
	for _, q := range queries {
		wanted = append(wanted, q.metrics...)
	}
	all := troubled(t, wanted)
	for _, q := range queries {
		if names := q.missing(all); len(names) > 0 {
			t.Errorf("%s: %q: daemons have no %s", q.where, q.text, strings.Join(names, ", "))
		}
	}
	for name, metric := range all {
		if metric.help == "" {
			t.Errorf("%s has no help text", name)
		}
	}
}
