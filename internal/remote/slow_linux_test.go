package remote

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"announcer/internal/testkit/skip"
)

// slowServer is nginx, which answers as some lines of its configuration say.
type slowServer struct {
	dir, address string
	cmd          *exec.Cmd
}

func startSlow(t *testing.T) *slowServer {
	t.Helper()
	nginx := skip.Without(t, "nginx")
	s := &slowServer{dir: t.TempDir(), address: silence(t, false)}
	s.write(t, "site/berlin.toml", text)
	s.mode(t, "")
	s.cmd = exec.Command(nginx, "-e", "error.log", "-p", s.dir, "-c", "nginx.conf")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Signal(syscall.SIGTERM)
		s.cmd.Wait() // it was stopped
	})
	return s
}

// silence returns an address at which nothing listens, or a server that takes connections and never answers.
func silence(t *testing.T, listens bool) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !listens {
		l.Close()
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func (s *slowServer) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mode has nginx answer as lines of its configuration say.
func (s *slowServer) mode(t *testing.T, lines string) {
	t.Helper()
	s.write(t, "nginx.conf", fmt.Sprintf(`daemon off; %s worker_processes 1; pid nginx.pid; error_log error.log;
		events { worker_connections 64; }
		http {
			access_log off; default_type application/toml; postpone_output 0;
			client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
			server { listen %s; root %s/site; location / { %s } }
		}`, map[bool]string{true: "user root;"}[os.Getuid() == 0], s.address, s.dir, lines))
	if s.cmd != nil {
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSlowServer has nginx take longer than a host waits. That is an error, not an empty document, and the next answer in time
// is taken.
func TestSlowServer(t *testing.T) {
	const patience = time.Second
	s := startSlow(t)
	w := website(t, "http://"+s.address+"/berlin.toml", Settings{})
	w.poll, w.timeout = 100*time.Millisecond, patience
	reports := make(chan Report)
	go w.Follow(t.Context(), Set{}, func(r Report) {
		select {
		case reports <- r:
		case <-t.Context().Done():
		}
	})
	for r := range reports {
		if r.Set != nil { // nginx has started
			break
		}
	}
	for i, test := range []struct{ name, mode string }{
		{"a byte in a second", "limit_rate 1;"},
		{"all but the end in time", fmt.Sprintf("limit_rate_after %d; limit_rate 1;", len(text))},
		{"an upstream that never answers", "proxy_pass http://" + silence(t, true) + ";"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.mode(t, test.mode)
			s.write(t, "site/berlin.toml", fmt.Sprintf("%s# %d%s\n", text, i, strings.Repeat("x", 10)))
			for r := range reports {
				if r.Set != nil && !strings.HasPrefix(string(r.Set.Files[0].Data), text) {
					t.Fatalf("it takes %q", r.Set.Files[0].Data)
				}
				if r.Err != nil && strings.HasPrefix(r.Err.Error(), "it does not answer; want ") {
					break
				}
			}
			s.mode(t, "")
			s.write(t, "site/berlin.toml", text+strings.Repeat("#", i+1))
			for r := range reports {
				if r.Set != nil && string(r.Set.Files[0].Data) == text+strings.Repeat("#", i+1) {
					return
				}
			}
		})
	}
}
