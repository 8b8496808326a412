package remote_test

import (
	"context"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"

	"announcer/internal/remote"
)

// unreachable is a network on which no server is reached.
type unreachable struct {
	rand.Source
	err error
}

func (u unreachable) Dial(context.Context, *net.Dialer, string, string) (net.Conn, error) {
	return nil, u.err
}

// TestUnreached wants the cause why a server was not reached.
func TestUnreached(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"no such name", &net.DNSError{Name: "prov.example.net", IsNotFound: true}, "the host prov.example.net is not found; want a server of definitions there"},
		{"DNS server fails", &net.DNSError{Name: "prov.example.net", Err: "server misbehaving"}, "the DNS server has no address of prov.example.net; want"},
		{"refused", syscall.ECONNREFUSED, "no server listens on that port; want"},
		{"no route", syscall.EHOSTUNREACH, "it can't be reached; want"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, err := remote.NewWebsite("https://prov.example.net/a.toml", 0, remote.Settings{Net: unreachable{err: test.err}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = w.Get(t.Context(), remote.Set{}); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
