package fileserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"announcer/internal/phones"
)

// image is the content of a file: bytes that differ from each other.
func image(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 2654435761 >> 16)
	}
	return data
}

const (
	d40Path = "eff/2_8_1_D40_firmware.eff"
	d65Path = "eff/2_8_1_D65_firmware.eff"
)

// folder makes a directory with firmware of two models, a secret beside that, and a secret above it.
func folder(t testing.TB, size int) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "firmware")
	for name, data := range map[string][]byte{
		"firmware/" + d40Path: image(size), "firmware/" + d65Path: image(size + 1), "firmware/secret.txt": []byte("secret"), "above.eff": []byte("secret"),
	} {
		file := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// running is a server that runs until the test ends.
type running struct {
	*Server
	addr    string
	reports chan Transfer
	stop    func() error // ends it, and returns what Serve returns
}

// start serves the firmware of a directory on a listener of its own.
func start(t testing.TB, dir string, change func(*Config)) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startOn(t, l, dir, change)
}

func startOn(t testing.TB, l net.Listener, dir string, change func(*Config)) *running {
	t.Helper()
	found, err := phones.Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	release, err := found.Release("2_8_1")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{addr: l.Addr().String(), reports: make(chan Transfer, 1000)}
	config := Config{Dir: dir, Release: release, Log: slog.New(slog.DiscardHandler), Report: func(tr Transfer) { r.reports <- tr }}
	if change != nil {
		change(&config)
	}
	if r.Server, err = New(config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, l, time.Second) }()
	var result error
	stopped := false
	r.stop = func() error {
		if cancel(); !stopped {
			result, stopped = <-ended, true
		}
		return result
	}
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// ended waits for the report of a transfer that has ended.
func (r *running) ended(t testing.TB) Transfer {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case tr := <-r.reports:
			if tr.Ended {
				return tr
			}
		case <-deadline:
			t.Fatal("no transfer ended")
		}
	}
}

// raw sends the lines of a request as they are, and returns the answer.
func (r *running) raw(t testing.TB, lines ...string) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines = append(lines, "Host: x", "Connection: close", "", "")
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(lines[0], " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

func TestServesExactlyTheFiles(t *testing.T) {
	dir := folder(t, 1000)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "eff", "2_8_1_D50_firmware.eff")); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, nil)
	for _, test := range []struct {
		name    string
		request string
		status  int
		body    []byte
	}{
		{"D40", "GET /" + d40Path + " HTTP/1.1", 200, image(1000)},
		{"D65", "GET /" + d65Path + " HTTP/1.1", 200, image(1001)},
		{"escaped slash", "GET /eff%2f2_8_1_D40_firmware.eff HTTP/1.1", 200, image(1000)},
		{"absolute URL", "GET http://x/" + d40Path + " HTTP/1.1", 200, image(1000)},
		{"root", "GET / HTTP/1.1", 404, nil},
		{"directory without slash", "GET /eff HTTP/1.1", 404, nil},
		{"directory", "GET /eff/ HTTP/1.1", 404, nil},
		{"file that is no firmware", "GET /secret.txt HTTP/1.1", 404, nil},
		{"file above", "GET /../above.eff HTTP/1.1", 404, nil},
		{"escaped path above", "GET /eff/..%2f..%2fabove.eff HTTP/1.1", 404, nil},
		{"escaped dots", "GET /eff/%2e%2e/%2e%2e/above.eff HTTP/1.1", 404, nil},
		{"path that is not clean", "GET /eff/../eff/2_8_1_D40_firmware.eff HTTP/1.1", 404, nil},
		{"two slashes", "GET /eff//2_8_1_D40_firmware.eff HTTP/1.1", 404, nil},
		{"two slashes and another root", "GET //etc/passwd HTTP/1.1", 404, nil},
		{"other root", "GET /etc/passwd HTTP/1.1", 404, nil},
		{"absolute URL of another root", "GET http://x//etc/passwd HTTP/1.1", 404, nil},
		{"link out of the directory", "GET /eff/2_8_1_D50_firmware.eff HTTP/1.1", 404, nil},
		{"backslash", "GET /eff\\2_8_1_D40_firmware.eff HTTP/1.1", 404, nil},
		{"zero byte", "GET /" + d40Path + "%00 HTTP/1.1", 404, nil},
		{"configuration", "GET /000fd3000001.cfg HTTP/1.1", 404, nil},
		{"POST", "POST /" + d40Path + " HTTP/1.1", 405, nil},
		{"DELETE", "DELETE /" + d40Path + " HTTP/1.1", 405, nil},
		{"OPTIONS", "OPTIONS * HTTP/1.1", 200, []byte{}}, // by the Go server itself
		{"wrong escape", "GET /%zz HTTP/1.1", 400, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := r.raw(t, test.request)
			if answer.StatusCode != test.status || test.body != nil && !bytes.Equal(body, test.body) || bytes.Contains(body, []byte("secret")) {
				t.Errorf("%s, %d bytes; want %d, %d bytes", answer.Status, len(body), test.status, len(test.body))
			}
		})
	}
}

func TestSymlinkPutInPlaceOfAFile(t *testing.T) {
	dir := folder(t, 1000)
	r := start(t, dir, nil)
	file := filepath.Join(dir, filepath.FromSlash(d40Path))
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../above.eff", file); err != nil {
		t.Fatal(err)
	}
	if answer, body := r.raw(t, "GET /"+d40Path+" HTTP/1.1"); answer.StatusCode != 503 || bytes.Contains(body, []byte("secret")) {
		t.Errorf("a link out of the directory: %s %q", answer.Status, body)
	}
}

func TestFileThatChanges(t *testing.T) {
	dir := folder(t, 1000)
	r := start(t, dir, nil)
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(d40Path)), image(999), 0o644); err != nil {
		t.Fatal(err)
	}
	if answer, _ := r.raw(t, "GET /"+d40Path+" HTTP/1.1"); answer.StatusCode != 503 {
		t.Errorf("a file that is not the one that was hashed: %s", answer.Status)
	}
}

func TestHeadAndHash(t *testing.T) {
	r := start(t, folder(t, 1000), nil)
	hash := sha256.Sum256(image(1000))
	want := hex.EncodeToString(hash[:])
	if got := r.Files()[0].SHA256; got != want {
		t.Errorf("the hash is %s, want %s", got, want)
	}
	answer, body := r.raw(t, "HEAD /"+d40Path+" HTTP/1.1")
	if answer.StatusCode != 200 || answer.ContentLength != 1000 || len(body) > 0 || answer.Header.Get("ETag") != `"`+want+`"` || answer.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("%s, %v", answer.Status, answer.Header)
	}
	if len(r.reports) > 0 {
		t.Error("HEAD counts as a transfer")
	}
}

func TestRanges(t *testing.T) {
	r := start(t, folder(t, 1000), nil)
	etag := `"` + r.Files()[0].SHA256 + `"`
	all := image(1000)
	for _, test := range []struct {
		name    string
		headers string // with "|" between them
		status  int
		body    []byte
	}{
		{"beginning", "Range: bytes=0-99", 206, all[:100]},
		{"up to the end", "Range: bytes=900-", 206, all[900:]},
		{"last byte", "Range: bytes=-1", 206, all[999:]},
		{"more than there is", "Range: bytes=990-99999999999999", 206, all[990:]},
		{"after the end", "Range: bytes=1000-", 416, nil},
		{"backwards", "Range: bytes=5-4", 416, nil},
		{"number too large", "Range: bytes=0-99999999999999999999999999", 416, nil},
		{"other unit", "Range: lines=1-2", 416, nil},
		{"same version", "Range: bytes=0-99|If-Range: " + etag, 206, all[:100]},
		{"other version", "Range: bytes=0-99|If-Range: \"other\"", 200, all},
		{"same version is cached", "If-None-Match: " + etag, 304, []byte{}},
		{"other version is not wanted", "If-Match: \"other\"", 412, []byte{}},
		{"more than the whole file", "Range: bytes=" + strings.TrimSuffix(strings.Repeat("0-999,", 1000), ","), 200, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := r.raw(t, append([]string{"GET /" + d40Path + " HTTP/1.1"}, strings.Split(test.headers, "|")...)...)
			if answer.StatusCode != test.status || test.body != nil && !bytes.Equal(body, test.body) {
				t.Errorf("%s, %d bytes; want %d, %d bytes", answer.Status, len(body), test.status, len(test.body))
			}
		})
	}
}

// TestProgress has a phone that reads half of a file, and then the rest.
func TestProgress(t *testing.T) {
	const size = 32 << 20 // more than the buffers of a connection
	r := start(t, folder(t, size), nil)
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\nUser-Agent: Digium D40 1_4_0_0_57389\r\n\r\n", d40Path)
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, answer.Body, size/2); err != nil {
		t.Fatal(err)
	}
	now := r.Running()
	if len(now) != 1 || now[0].Sent < size/4 || now[0].Sent > size || now[0].Ended || now[0].Agent != (phones.Agent{Model: "D40", Version: "1_4_0_0_57389"}) {
		t.Fatalf("half way: %+v", now)
	}
	if now[0].Percent() < 25 || now[0].Percent() > 100 || now[0].Rate() <= 0 {
		t.Errorf("half way: %d %%, %f bytes/s", now[0].Percent(), now[0].Rate())
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	if end := r.ended(t); end.Sent != size || !end.Whole || end.Phone.String() != "127.0.0.1" || len(r.Running()) != 0 {
		t.Errorf("at the end: %+v", end)
	}
}

func TestWhole(t *testing.T) {
	r := start(t, folder(t, 1000), nil)
	get := func(header string) Transfer {
		r.raw(t, "GET /"+d40Path+" HTTP/1.1", header)
		return r.ended(t)
	}
	for _, step := range []struct {
		header string
		whole  bool
	}{
		{"Range: bytes=500-", false},
		{"Range: bytes=0-0,2-2", false}, // several parts don't count
		{"Range: bytes=0-100", false},
		{"Range: bytes=50-499", true},
		{"X: y", true},
	} {
		if got := get(step.header); got.Whole != step.whole {
			t.Errorf("%s: whole %t, want %t", step.header, got.Whole, step.whole)
		}
	}
}

func TestBrokenTransferIsNotWhole(t *testing.T) {
	r := start(t, folder(t, 32<<20), nil)
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", d40Path)
	if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if end := r.ended(t); end.Whole || end.Sent >= 32<<20 {
		t.Errorf("%+v", end)
	}
}

// recorded is a connection that reports what it is asked to read from, which is where sendfile begins.
type recorded struct {
	*net.TCPConn
	files *atomic.Int64
}

func (c recorded) ReadFrom(src io.Reader) (int64, error) {
	if limited, ok := src.(*io.LimitedReader); ok {
		if _, ok := limited.R.(*os.File); ok {
			c.files.Add(1)
		}
	}
	return c.TCPConn.ReadFrom(src)
}

type recordingListener struct {
	net.Listener
	files atomic.Int64
}

func (l *recordingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return recorded{conn.(*net.TCPConn), &l.files}, nil
}

// TestConnectionReadsFromTheFile wants nothing between the file and the connection, so that the kernel can send it.
func TestConnectionReadsFromTheFile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	recording := &recordingListener{Listener: l}
	r := startOn(t, recording, folder(t, 1000), nil)
	r.raw(t, "GET /"+d40Path+" HTTP/1.1")
	r.raw(t, "GET /"+d40Path+" HTTP/1.1", "Range: bytes=10-900")
	if n := recording.files.Load(); n != 2 {
		t.Errorf("%d of 2 answers went from the file to the connection", n)
	}
}

// TestTooManyConnections has a host with as many connections as it may have. One more takes the place of a connection that
// is slow, and is closed if none is.
func TestTooManyConnections(t *testing.T) {
	r := start(t, folder(t, 32<<20), nil)
	var open []net.Conn
	for range limits.Host {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
		fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", d40Path)
		if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("one connection too many gets %d bytes; want it closed", n)
	}
	open[0].Close()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if answer, err := http.Get("http://" + r.addr + "/" + d40Path); err == nil {
			answer.Body.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatal("a place that was left is not given to another: ", err)
		}
	}
}

func TestConfigs(t *testing.T) {
	r := start(t, folder(t, 1000), func(c *Config) { c.Configs = true })
	for _, test := range []struct {
		name, path string
		status     int
	}{
		{"MAC address", "/000fd3000001.cfg", 200},
		{"in capitals", "/000FD3ABCDEF.cfg", 200},
		{"in a directory", "/x/000000000000.cfg", 200},
		{"digit missing", "/000fd300000.cfg", 404},
		{"no MAC address", "/phone.cfg", 404},
		{"slash at the end", "/000fd3000001.cfg/", 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := r.raw(t, "GET "+test.path+" HTTP/1.1")
			if answer.StatusCode != test.status {
				t.Errorf("%s, want %d", answer.Status, test.status)
			}
			want := `<firmware model="D40" version="2_8_1" url="http://` + r.addr + `/eff/2_8_1_D40_firmware.eff" />`
			if test.status == 200 && (!bytes.Contains(body, []byte(want)) || !bytes.Contains(body, []byte("<config>"))) {
				t.Errorf("the body is\n%s\nwant in it\n%s", body, want)
			}
		})
	}
}

// TestConfigServer points phones that fetch their configuration to a server.
func TestConfigServer(t *testing.T) {
	const server = "sip:proxy@192.0.2.20:5060;transport=udp"
	r := start(t, folder(t, 1000), func(c *Config) { c.Configs, c.ConfigServer = true, server })
	_, body := r.raw(t, "GET /000fd3000001.cfg HTTP/1.1")
	if want := `<setting id="config_server_url" value="` + server + `" />`; !bytes.Contains(body, []byte(want)) || !bytes.Contains(body, []byte("<firmware ")) {
		t.Errorf("the configuration is\n%s\nwant in it\n%s", body, want)
	}
}

func TestURLWithADirectory(t *testing.T) {
	r := start(t, folder(t, 1000), func(c *Config) { c.URL = "http://192.0.2.1:8080/fw/"; c.Configs = true })
	for name, path := range map[string]string{"with the directory": "/fw/" + d40Path, "without it": "/" + d40Path} {
		t.Run(name, func(t *testing.T) {
			if answer, _ := r.raw(t, "GET "+path+" HTTP/1.1"); answer.StatusCode != 200 {
				t.Error(answer.Status)
			}
		})
	}
	if _, body := r.raw(t, "GET /fw/000fd3000001.cfg HTTP/1.1"); !bytes.Contains(body, []byte(`url="http://192.0.2.1:8080/fw/eff/`)) {
		t.Errorf("the configuration is\n%s", body)
	}
}

// TestEndLetsTransfersFinish ends the server while a phone loads, and again with one that never goes on.
func TestEndLetsTransfersFinish(t *testing.T) {
	const size = 32 << 20
	r := start(t, folder(t, size), nil)
	answer, err := http.Get("http://" + r.addr + "/" + d40Path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	if n, err := io.Copy(io.Discard, answer.Body); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + r.addr + "/" + d40Path); err == nil {
		t.Error("it answers after its end")
	}

	r = start(t, folder(t, size), nil)
	stuck, err := http.Get("http://" + r.addr + "/" + d40Path)
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Body.Close()
	if err := r.stop(); err != nil {
		t.Errorf("with a phone that is stuck: %v", err)
	}
	if end := r.ended(t); end.Whole {
		t.Errorf("%+v", end)
	}
}
