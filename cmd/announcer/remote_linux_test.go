package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"announcer/internal/remote"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/skip"
)

// definitionServer is nginx on a host, with TLS, at https://192.0.2.9/.
type definitionServer struct {
	host *netlab.Host
	dir  string
	cmd  *exec.Cmd
}

// nginxHead is what nginx needs in a user namespace and in a directory of its own.
const nginxHead = `user root; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 64; }
http {
	access_log off; default_type application/octet-stream;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
`

const nginxConfig = "daemon off;" + nginxHead + `
	server {
		listen 80; listen 443 ssl;
		ssl_certificate cert.pem; ssl_certificate_key key.pem;
		root DIR/site;
		location / { include DIR/mode.conf; }
		location /login.html { default_type text/html; return 200 "<html>log in</html>"; }
	}
}
`

// serveDefinitions starts nginx on a host, to end with the test.
func serveDefinitions(t *testing.T, host *netlab.Host) *definitionServer {
	t.Helper()
	nginx := skip.Without(t, "nginx")
	s := &definitionServer{host: host, dir: t.TempDir()}
	s.certify(t)
	s.write(t, "nginx.conf", strings.ReplaceAll(nginxConfig, "DIR", s.dir))
	s.write(t, "mode.conf", "")
	s.cmd = exec.Command(nginx, "-e", "error.log", "-p", s.dir, "-c", "nginx.conf")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := host.Start(s.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			said, err := os.ReadFile(filepath.Join(s.dir, "error.log"))
			t.Logf("nginx said:\n%s%v", said, err)
		}
	})
	return s
}

func (s *definitionServer) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait() // it was stopped
}

// certify makes a certificate for the address of the server, which is its own authority.
func (s *definitionServer) certify(t *testing.T) {
	t.Helper()
	s.certifyFrom(t, -time.Hour)
}

// certifyFrom makes one that is valid for two hours, from some time from now on.
func (s *definitionServer) certifyFrom(t *testing.T, begins time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(begins)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: begin, NotAfter: begin.Add(2 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP("192.0.2.9"), net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	s.write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// write replaces a file, as a person or a program that takes care does.
func (s *definitionServer) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"~", []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// mode has nginx treat requests as some lines of its configuration say.
func (s *definitionServer) mode(t *testing.T, lines string) {
	t.Helper()
	s.write(t, "mode.conf", lines)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// broken is a server that sends half of a document.
func broken(t *testing.T, host *netlab.Host, address string) {
	t.Helper()
	var l net.Listener
	var err error
	host.Do(func() { l, err = net.Listen("tcp", address) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.ReadFull(conn, make([]byte, 16))
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n[[group]]\nname = \"half\"\n")
			conn.Close()
		}
	}()
}

// oneService is a definition of a service with a port.
func oneService(port int) string {
	return fmt.Sprintf("[[group]]\nname = \"a\"\n[[group.service]]\ntype = \"_http._tcp\"\nport = %d\n", port)
}

// TestDefinitionsFromNginx has a server of definitions fail in every way. Nothing is withdrawn, and the next good definition is
// announced. At the end the host starts again without a line.
func TestDefinitionsFromNginx(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	heard := newOnlooker(t, other, "eth0", 4)
	web := serveDefinitions(t, other)
	broken(t, other, "127.0.0.1:8080")
	web.write(t, "site/berlin.toml", oneService(1))
	dir := t.TempDir()
	in(t, dir, "mkdir cache; printf 'secret\\n' > password; chmod 644 password")
	in(t, dir, fmt.Sprintf(`cat > announcer.toml <<-END
		[daemon]
		services = ["https://192.0.2.9/berlin.toml?token=hidden"]
		poll = "200ms"
		[remote]
		ca = "%s/cert.pem"
		user = "berlin"
		password_file = "password"
		cache = "cache"
		END
		`, web.dir))
	run := startRun(t, server, dir, "--config", "announcer.toml")
	heard.await(t, "the start", heard.services, "a=1")
	run.says(t, "password_file in [remote]: every user of this host can read password; want chmod o-r")
	for i, step := range []struct{ name, mode, log string }{
		{"401", `auth_basic "x"; auth_basic_user_file /dev/null;`, `it answers 401 Unauthorized, it does not accept the user \"berlin\" or the password`},
		{"403", "deny all;", "it answers 403 Forbidden"},
		{"404", "return 404;", "it answers 404 Not Found"},
		{"500", "return 500;", "it answers 500 Internal Server Error"},
		{"502", "proxy_pass http://127.0.0.1:1;", "it answers 502 Bad Gateway"},
		{"503", "return 503;", "it answers 503 Service Unavailable"},
		{"no answer at all", "return 444;", "it closes the connection without an answer"},
		{"a login page", "return 302 /login.html;", `it sends a document of the type \"text/html\"`},
		{"another host", "return 302 https://192.0.2.5/berlin.toml;", `it redirects to another host, \"192.0.2.5\"`},
		{"without TLS", "return 302 http://192.0.2.9/berlin.toml;", "it redirects from https to http"},
		{"another type", "types { } default_type image/png;", `it sends a document of the type \"image/png\"`},
		{"half a body", "proxy_pass http://127.0.0.1:8080;", "it ends in the middle of the document"},
		{"an empty document", "try_files /empty =500;", "the document is empty"},
		{"an error in the definition", "try_files /wrong.toml =500;", `msg="unknown key in [[group]]; did you mean \"name\"?" file=https://192.0.2.9/berlin.toml:2`},
	} {
		web.write(t, "site/empty", "")
		web.write(t, "site/wrong.toml", "[[group]]\nnam = \"a\"\n")
		web.mode(t, step.mode)
		run.says(t, step.log)
		heard.await(t, step.name, heard.services, fmt.Sprintf("a=%d", i+1))
		web.write(t, "site/berlin.toml", oneService(i+2))
		web.mode(t, "")
		heard.await(t, step.name+", and repaired", heard.services, fmt.Sprintf("a=%d", i+2))
	}
	for i, clock := range []struct {
		name   string
		begins time.Duration
		log    string
	}{
		{"the clock of the host a day behind", 23 * time.Hour, "its certificate is not valid before "},
		{"the clock of the host a day ahead", -25 * time.Hour, "its certificate expired at "},
	} {
		t.Run(clock.name, func(t *testing.T) {
			web.certifyFrom(t, clock.begins)
			web.mode(t, "")
			run.says(t, clock.log)
			heard.await(t, "the wrong clock", heard.services, fmt.Sprintf("a=%d", i+15))
			web.write(t, "site/berlin.toml", oneService(i+16))
			web.certify(t)
			web.mode(t, "")
			heard.await(t, "the right clock", heard.services, fmt.Sprintf("a=%d", i+16))
		})
	}
	web.stop()
	run.says(t, "no server listens on that port; want a server of definitions there, which this host reaches; what it defined on ")
	if len(heard.goodbyes) > 0 {
		t.Errorf("there were goodbyes of %v, want none", heard.goodbyes)
	}
	for _, secret := range []string{"hidden", "secret"} {
		run.never(t, secret)
	}
	run.never(t, `msg="files changed" added=https`)

	offline, neighbour := cable(t, "192.0.2.5/24")
	heard = newOnlooker(t, neighbour, "eth0", 4)
	again := startRun(t, offline, dir, "--config", "announcer.toml")
	heard.await(t, "a start without the server", heard.services, "a=17")
	again.says(t, "no server listens on that port; want a server of definitions there, which this host reaches; what it defined on ")
}

// begun waits until a file is being written in a directory.
func begun(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		if temporary, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(temporary) > 0 {
			return
		}
	}
	t.Fatal("nothing is saved")
}

// TestKilledWhileSaving kills a host again and again, at about the time at which it saves what a server says. What it has saved is
// whole each time, and is announced when it starts without a line.
func TestKilledWhileSaving(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	const kills = 6
	c := console{dir: t.TempDir(), host: netlab.NewHost(t), path: binDir(t)}
	var l net.Listener
	var err error
	c.host.Do(func() { l, err = net.Listen("tcp", "127.0.0.1:0") })
	if err != nil {
		t.Fatal(err)
	}
	var version atomic.Int64
	sent := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := version.Add(1)
		text := oneService(int(n)) + "# " + strings.Repeat("x", 900<<10) + "\n"
		w.Header().Set("Content-Type", "application/toml")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(n, 10)))
		io.WriteString(w, text)
		http.NewResponseController(w).Flush() // a save that the test does not see is followed by the next one
		select {
		case sent <- struct{}{}:
		case <-r.Context().Done():
		}
	})}
	go server.Serve(l)
	defer server.Close()
	place := "http://" + l.Addr().String() + "/berlin.toml"
	in(t, c.dir, fmt.Sprintf("printf '[daemon]\\nservices = [\"%s\"]\\npoll = \"200ms\"\\n[remote]\\ncache = \"cache\"\\n' > announcer.toml", place))
	const run = "announcer run --config announcer.toml --interface lo --socket announcer.sock"
	cache := remote.Cache{Dir: filepath.Join(c.dir, "cache")}
	saved, within := int64(0), 0
	for range kills {
		in(t, c.dir, "rm -f cache/*.new") // what the process before has left, so that the next one is noticed
		cmd := c.shell(run)
		if err := c.host.Start(cmd); err != nil {
			t.Fatal(err)
		}
		<-sent
		begun(t, cache.Dir)
		for ok := saved > 0; !ok; _, ok, _ = cache.Load(place) { // the first version is saved, so that there is an old one
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(20 * time.Millisecond))
		cmd.Process.Kill()
		cmd.Wait() // it was killed
		set, ok, err := cache.Load(place)
		if err != nil || !ok && saved > 0 {
			t.Fatalf("saved is %v, %v", ok, err)
		}
		if temporary, _ := filepath.Glob(filepath.Join(cache.Dir, "*.new")); len(temporary) > 0 {
			within++
		}
		now, _ := strconv.ParseInt(strings.Trim(set.Revision, `"`), 10, 64)
		if now < saved || now > version.Load() {
			t.Errorf("saved is version %d, after %d, of %d", now, saved, version.Load())
		}
		saved = now
	}
	t.Logf("%d of %d kills came while it was saving, and version %d of %d is saved", within, kills, saved, version.Load())
	server.Close()
	c.inBackground(t, step{command: run, want: []string{"time=… level=INFO msg=announced service=a …"}})
}

// TestNothingOnPurpose wants group = [] to withdraw what a server defined, and its removal from the list, too.
func TestNothingOnPurpose(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	heard := newOnlooker(t, other, "eth0", 4)
	web := serveDefinitions(t, other)
	web.write(t, "site/berlin.toml", oneService(1))
	dir := t.TempDir()
	in(t, dir, "mkdir cache local; printf 'daemon.services = [\"http://192.0.2.9/berlin.toml\", \"local\"]\\ndaemon.poll = \"200ms\"\\nremote.cache = \"cache\"\\n' > announcer.toml")
	run := startRun(t, server, dir, "--config", "announcer.toml")
	heard.await(t, "the start", heard.services, "a=1")
	run.says(t, "every host between here and the server can change where phones go; want https instead of http")
	web.write(t, "site/berlin.toml", "# closed\ngroup = []\n")
	heard.await(t, "nothing on purpose", heard.services, "")
	if !heard.goodbyes["a"] {
		t.Errorf("there were goodbyes of %v, want one of a", heard.goodbyes)
	}
	web.write(t, "site/berlin.toml", oneService(2))
	heard.await(t, "opened again", heard.services, "a=2")
}

// TestCommandsTakeURLs has list and validate read the definitions of a site, as its host would.
func TestCommandsTakeURLs(t *testing.T) {
	netlab.Need(t)
	t.Parallel()
	server, other := cable(t, "192.0.2.5/24")
	web := serveDefinitions(t, other)
	web.write(t, "site/berlin.toml", oneService(80))
	web.write(t, "site/wrong.toml", "[[group]]\nnam = \"a\"\n")
	dir := t.TempDir()
	in(t, dir, fmt.Sprintf("printf '[remote]\\nca = \"%s/cert.pem\"\\n' > announcer.toml", web.dir))
	for deadline := time.Now().Add(wireTime); ; time.Sleep(10 * time.Millisecond) {
		if out, _ := runOn(t, server, dir, "validate", "http://192.0.2.9/berlin.toml"); !strings.Contains(out, "no server listens") || time.Now().After(deadline) {
			break
		}
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"validate", []string{"validate", "--config", "announcer.toml", "https://192.0.2.9/berlin.toml"}, 0, "1 file checked, 0 errors, 0 warnings\n"},
		{"validate without the authority", []string{"validate", "https://192.0.2.9/berlin.toml"}, 3, "https://192.0.2.9/berlin.toml: its certificate is signed by an authority that is not known here; want its certificate as ca in [remote]\n"},
		{"validate by http", []string{"validate", "http://192.0.2.9/berlin.toml?a=b"}, 0, "http://192.0.2.9/berlin.toml?…: warning: every host between here and the server can change where phones go; want https instead of http\n"},
		{"validate what has an error", []string{"validate", "--config", "announcer.toml", "https://192.0.2.9/wrong.toml"}, 3, "https://192.0.2.9/wrong.toml:2:1: \"nam\": unknown key in [[group]]; did you mean \"name\"?\n"},
		{"validate what is not there", []string{"validate", "--config", "announcer.toml", "https://192.0.2.9/none.toml"}, 3, "https://192.0.2.9/none.toml: it answers 404 Not Found; want the document on the server, or another URL in services\n"},
		{"validate a password", []string{"validate", "https://u:p@192.0.2.9/berlin.toml"}, 3, "https://…@192.0.2.9/berlin.toml: a URL is printed and logged; want user and password_file in [remote] instead of a user and a password in the URL\n"},
		{"list", []string{"list", "--config", "announcer.toml", "https://192.0.2.9/berlin.toml"}, 0, `https://192.0.2.9/berlin.toml: group "a"`},
		{"list by --services", []string{"list", "--config", "announcer.toml", "--services", "https://192.0.2.9/berlin.toml"}, 0, `https://192.0.2.9/berlin.toml: group "a"`},
		{"list what is not there", []string{"list", "--config", "announcer.toml", "https://192.0.2.9/none.toml"}, 3, "https://192.0.2.9/none.toml: it answers 404 Not Found"},
		{"list what has an error", []string{"list", "--config", "announcer.toml", "https://192.0.2.9/wrong.toml"}, 3, "https://192.0.2.9/wrong.toml:2:1: \"nam\": unknown key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, code := runOn(t, server, dir, test.args...)
			if code != test.code || !strings.Contains(out, test.want) {
				t.Errorf("exit status %d, want %d; printed:\n%s\nwant:\n%s", code, test.code, out, test.want)
			}
		})
	}
}

// sections returns docs/fleet.md in two parts: the one on etcd, and all else.
func sections(t *testing.T) (web, etcd string) {
	t.Helper()
	text := documents(t)[manySites]
	start, end := strings.Index(text, "## The same with etcd\n"), strings.Index(text, "## The host of a site\n")
	if start < 0 || end < start {
		t.Fatal("the document has no section on etcd")
	}
	return text[:start] + text[end:], text[start:end]
}

// TestFleetEtcd runs every command of docs/fleet.md on etcd, in order.
func TestFleetEtcd(t *testing.T) {
	netlab.Need(t)
	for _, want := range []string{"etcd", "etcdctl", "openssl"} {
		skip.Without(t, want)
	}
	t.Parallel()
	c := console{dir: t.TempDir(), host: netlab.NewHost(t), path: binDir(t)}
	t.Cleanup(func() { c.shell("kill $(cat etcd.pid)").Run() }) // if a step before failed
	_, document := sections(t)
	all := steps(t, document)
	for _, step := range all {
		c.follow(t, step)
	}
	if len(all) < 20 {
		t.Errorf("the section has %d commands; want at least 20", len(all))
	}
}

// TestFleet runs every other command of docs/fleet.md, in order, with nginx as its blocks of configuration say.
func TestFleet(t *testing.T) {
	netlab.Need(t)
	skip.Without(t, "nginx")
	t.Setenv("PATH", binDir(t)+":"+os.Getenv("PATH"))
	document, _ := sections(t)
	s := &definitionServer{dir: t.TempDir()}
	t.Setenv("RUNTIME_DIRECTORY", s.dir)
	s.certify(t)
	s.write(t, "site.conf", blocks(document, "nginx")[0])
	s.write(t, "nginx.conf", nginxHead+"include site.conf;\n}\n")
	t.Cleanup(func() { exec.Command("nginx", "-e", "error.log", "-p", s.dir, "-c", "nginx.conf", "-s", "stop").Run() }) // if a step before failed
	all := steps(t, document)
	for _, step := range all {
		follow(t, s.dir, step)
	}
	if len(all) < 15 {
		t.Errorf("the document has %d commands; want at least 15", len(all))
	}
}

// runOn runs a command on a host, and returns what it prints and its exit status.
func runOn(t *testing.T, host *netlab.Host, dir string, args ...string) (out string, code int) {
	t.Helper()
	var printed bytes.Buffer
	cmd := exec.Command(filepath.Join(binDir(t), "announcer"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &printed, &printed
	if err := host.Start(cmd); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its exit status matters
	return printed.String(), cmd.ProcessState.ExitCode()
}
