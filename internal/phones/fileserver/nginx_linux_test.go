package fileserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/skip"

	"announcer/internal/testkit/netlab"
)

const (
	serverAddr  = "192.0.2.1"
	atOnce      = 8        // phones that load at the same time
	imageSize   = 34 << 20 // about that of a phone's firmware
	leastOfRate = 0.8      // of nginx
	rounds      = 5
)

// BenchmarkBesideNginx lets phones behind a cable load the same files from this server and from nginx, in turns. It
// fails where the best round is not at least [leastOfRate] of nginx's best.
func BenchmarkBesideNginx(b *testing.B) {
	phonesHost := netlab.NewHost(b)
	netlab.Veth(b, netlab.End{Name: "lan0", Addrs: []string{serverAddr + "/24"}}, netlab.End{Host: phonesHost, Name: "eth0", Addrs: []string{"192.0.2.2/24"}})
	dir := folder(b, imageSize)
	nginx := startNginx(b, dir)
	l, err := net.Listen("tcp", serverAddr+":0")
	if err != nil {
		b.Fatal(err)
	}
	ours := startOn(b, l, dir, func(c *Config) { c.Report = func(Transfer) {} }).addr

	var best, bestOfNginx float64
	for b.Loop() {
		for range rounds {
			best = max(best, load(b, phonesHost, ours))
			bestOfNginx = max(bestOfNginx, load(b, phonesHost, nginx))
		}
	}
	b.ReportMetric(best/1e6, "MB/s")
	b.ReportMetric(bestOfNginx/1e6, "nginx-MB/s")
	b.ReportMetric(best/bestOfNginx, "of-nginx")
	if best < leastOfRate*bestOfNginx {
		b.Errorf("%.0f MB/s, and nginx has %.0f; want at least %.1f of that", best/1e6, bestOfNginx/1e6, leastOfRate)
	}
}

// load has phones that load a file at the same time. It returns bytes per second of all together.
func load(b *testing.B, h *netlab.Host, server string) float64 {
	b.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		h.Do(func() { conn, err = new(net.Dialer).DialContext(ctx, network, addr) })
		return conn, err
	}}}
	defer client.CloseIdleConnections()
	began := time.Now()
	results := make(chan error, atOnce)
	for range atOnce {
		go func() {
			answer, err := client.Get("http://" + server + "/" + d40Path)
			if err != nil {
				results <- err
				return
			}
			defer answer.Body.Close()
			n, err := io.Copy(io.Discard, answer.Body)
			if err == nil && n != imageSize {
				err = fmt.Errorf("%d bytes", n)
			}
			results <- err
		}()
	}
	for range atOnce {
		if err := <-results; err != nil {
			b.Fatal(err)
		}
	}
	return atOnce * imageSize / time.Since(began).Seconds()
}

// startNginx serves a directory by nginx, and returns its address.
func startNginx(b *testing.B, dir string) string {
	b.Helper()
	nginx := skip.Without(b, "nginx")
	const addr = serverAddr + ":8081"
	config := filepath.Join(b.TempDir(), "nginx.conf")
	text := fmt.Sprintf(`user root; daemon off; worker_processes 2; pid %[1]s.pid; error_log stderr;
events { worker_connections 1024; }
http {
	access_log off; sendfile on; tcp_nopush on;
	client_body_temp_path %[1]s.body; proxy_temp_path %[1]s.proxy; fastcgi_temp_path %[1]s.fastcgi; uwsgi_temp_path %[1]s.uwsgi; scgi_temp_path %[1]s.scgi;
	server { listen %[2]s; root %[3]s; }
}
`, config, addr, dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(nginx, "-e", "stderr", "-c", config)
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was stopped
		if b.Failed() {
			b.Logf("nginx said:\n%s", &said)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return addr
		}
		if time.Now().After(deadline) {
			b.Fatal("nginx does not answer: ", err)
		}
	}
}
