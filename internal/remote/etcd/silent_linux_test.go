package etcd_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"

	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
)

// TestNoEtcd asks servers that are none of etcd.
func TestNoEtcd(t *testing.T) {
	for _, test := range []struct{ name, says string }{
		{"closes", ""},
		{"a web server", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
					io.WriteString(conn, test.says)
					conn.Close()
				}
			}()
			origin, err := etcd.New("etcd://"+l.Addr().String()+prefix, remote.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			origin.Follow(ctx, remote.Set{}, func(r remote.Report) {
				cancel()
				if r.Set != nil || r.Err == nil {
					t.Errorf("it reports %v, %v; want an error", r.Set, r.Err)
				}
			})
		})
	}
}

// TestLibrariesAreSilent runs a test that fails to connect, with all that the libraries log turned on.
func TestLibrariesAreSilent(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestNoEtcd$")
	cmd.Env = append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99", "ETCD_CLIENT_DEBUG=debug")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	if said.Len() > 0 {
		t.Errorf("standard error has:\n%s", &said)
	}
}
