package browse

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/dnsname"
	"announcer/internal/guard"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// resolver makes a resolver that asks in a lab, and has a DNS server that knows some names.
func (l *lab) resolver(dns map[string]string) *Resolver {
	r := NewResolver(nil)
	var conn link.Conn
	r.place = func() (string, []publication.Link, error) {
		var links []publication.Link
		conn, links = l.asker()
		return "this", links, nil
	}
	r.open = func() (link.Conn, error) { return conn, nil }
	r.dns = func(_ context.Context, host string) ([]netip.Addr, error) {
		if a, ok := dns[host]; ok {
			return addrs(a), nil
		}
		return nil, errors.New("no such host")
	}
	return r
}

// tried returns the hosts that are tried in a look-up, all of which fail but the last.
func tried(ctx context.Context, r *Resolver, host string) (all []string, err error) {
	err = r.Lookup(ctx, host, func(host string) error {
		all = append(all, host)
		return nil
	})
	return all, err
}

func TestLookup(t *testing.T) {
	for _, test := range []struct {
		name, host string
		want       string // what is tried, or a part of the error
	}{
		{"host in .local", "pbx.local", "192.0.2.1"},
		{"in capitals, with a dot", "PBX.Local.", "192.0.2.1"},
		{"host that does not answer", "gone.local", "the host gone.local is not found: no host answers by mDNS on "},
		{"short name that DNS knows", "printer.local", "192.0.2.53"},
		{"long name that DNS knows", "pbx.corp.local", "192.0.2.54"},
		{"long name that DNS does not know", "gone.corp.local", "the host gone.corp.local is not found: no host answers by mDNS on "},
		{"another domain", "pbx.example.com", "pbx.example.com"},
		{"domain that ends alike", "pbx.notlocal", "pbx.notlocal"},
		{"address", "192.0.2.7", "192.0.2.7"},
		{"IPv6", "2001:db8::7", "2001:db8::7"},
		{"local alone", "local", "local"},
		{"name that is none", "a..local", "a..local"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inLab(t, func(t *testing.T, l *lab) {
				l.engine(t, "pbx", "192.0.2.1/24", group("PBX", sip, 5060))
				r := l.resolver(map[string]string{"printer.local": "192.0.2.53", "pbx.corp.local": "192.0.2.54"})
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				all, err := tried(ctx, r, test.host)
				if missing, ok := errors.AsType[*guard.NotFoundError](err); ok {
					all = []string{missing.Error()}
				} else if err != nil {
					t.Fatal(err)
				}
				if len(all) != 1 || !strings.HasPrefix(all[0], test.want) {
					t.Errorf("%q, want %q", all, test.want)
				}
				if ctx.Err() != nil {
					t.Error("there is no time left")
				}
			})
		})
	}
}

// TestLookupOfThisHost needs no network: nothing may be announced yet that depends on it.
func TestLookupOfThisHost(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		all, err := tried(t.Context(), l.resolver(nil), "This.local")
		if err != nil || !slices.Contains(all, "127.0.0.1") {
			t.Errorf("%q, %v; want 127.0.0.1", all, err)
		}
	})
}

// TestLookupKeeps asks in the first look-up of a minute only, and again after a failure.
func TestLookupKeeps(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		l.engine(t, "pbx", "192.0.2.1/24", group("PBX", sip, 5060))
		l.listen()
		r := l.resolver(nil)
		asks := func(want bool, fail error) {
			t.Helper()
			l.mu.Lock()
			l.heard = nil
			l.mu.Unlock()
			if err := r.Lookup(t.Context(), "pbx.local", func(string) error { return fail }); !errors.Is(err, fail) {
				t.Errorf("error %v, want %v", err, fail)
			}
			synctest.Wait()
			l.mu.Lock()
			defer l.mu.Unlock()
			if asked := len(l.heard) > 0; asked != want {
				t.Errorf("questions: %t, want %t", asked, want)
			}
		}
		asks(true, nil)
		asks(false, nil)
		asks(false, errors.New("it has another address now"))
		asks(true, nil)
		time.Sleep(keepTime + time.Second)
		asks(true, nil)
	})
}

// TestLinkLocalAddress wants the link with an address that holds on that link alone.
func TestLinkLocalAddress(t *testing.T) {
	h := Host{Link: "eth0", Name: dnsname.MustParse("pbx.local"), Addrs: addrs("192.0.2.1", "2001:db8::1", "fe80::1")}
	if got, want := h.reachable(), []string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFindHost asks for a host by its name and by its addresses.
func TestFindHost(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		l.engine(t, "pbx", "192.0.2.1/24", group("PBX", sip, 5060))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		conn, links := l.asker()
		found, err := findHost(ctx, conn, pbx, links)
		if err != nil || len(found) != 1 || found[0].Name != pbx || !slices.Equal(found[0].Addrs, addrs("192.0.2.1")) || !slices.Equal(found[0].From, []Sender{{Addr: addrs("192.0.2.1")[0]}}) {
			t.Errorf("by name: %+v, %v", found, err)
		}
		conn, links = l.asker()
		found, err = findAddress(ctx, conn, addrs("192.0.2.1")[0], links)
		if err != nil || len(found) != 1 || !found[0].Name.Equal(pbx) || found[0].Link != links[0].Name {
			t.Errorf("by address: %+v, %v", found, err)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("it took %v; want no more than the answers", d)
		}
		conn, links = l.asker()
		found, err = findAddress(ctx, conn, addrs("192.0.2.77")[0], links)
		if _, err = foundFor("192.0.2.77", found, links, err); err == nil || err.Error() != "no host answers for 192.0.2.77 by mDNS on "+links[0].Name {
			t.Errorf("an address of nobody: %+v, %v", found, err)
		}
	})
}
