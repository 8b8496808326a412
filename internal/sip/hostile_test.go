package sip

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"announcer/internal/guard"
	"announcer/internal/testkit/siptest"
)

// TestHostile lets peers do what they like to both requests by all transports. Each exchange ends at its deadline at the
// latest, has taken little memory and leaves nothing behind.
func TestHostile(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP, TLS} {
		for _, b := range append(siptest.Behaviours(), siptest.Provisional) {
			if !slices.Contains(b.Transports, string(transport)) {
				continue
			}
			t.Run(string(transport)+"/"+b.Name, func(t *testing.T) {
				to := hostileTarget(siptest.Hostile(t, string(transport), b), transport)
				for name, request := range map[string]func(context.Context, Target) (Answer, error){"OPTIONS": Alive, "NOTIFY": checkSync} {
					answers := b.Answers || b.Name == siptest.Provisional.Name && name == "OPTIONS"
					t.Run(name, func(t *testing.T) {
						hostile(t, b, answers, func(ctx context.Context) (Answer, error) { return request(ctx, to) })
					})
				}
			})
		}
	}
}

func hostileTarget(p *siptest.HostilePeer, transport Transport) Target {
	return Target{Host: p.Addr.Addr().String(), Port: p.Addr.Port(), Transport: transport}
}

// What an exchange may take beyond its deadline, and in all the memory that is allocated meanwhile, by the peer and for
// the certificates too.
const (
	hostilePatience = 300 * time.Millisecond
	hostileSlack    = 5 * time.Second
	hostileMemory   = 4 << 20
)

func hostile(t *testing.T, b siptest.Behaviour, answers bool, ask func(context.Context) (Answer, error)) {
	patience := hostilePatience
	if answers || b.Floods {
		patience = within // it ends long before
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ended := make(chan struct{})
	var answer Answer
	var err error
	go func() {
		defer close(ended)
		answer, err = ask(ctx)
	}()
	select {
	case <-ended:
	case <-time.After(hostilePatience + hostileSlack):
		t.Fatal("the exchange does not end")
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > hostileMemory {
		t.Errorf("the exchange allocates %d kB", took>>10)
	}
	switch {
	case answers && (err != nil || answer.Code/100 > 2):
		t.Errorf("%v, %v; want the answer", answer, err)
	case !answers && err == nil:
		t.Errorf("%v is no answer to the request", answer)
	case !answers && b.Floods && errors.Is(err, ErrTimeout):
		t.Errorf("the error is %v; want the end as soon as it is too much", err)
	}
}

// TestHostileCancel cancels an exchange with each peer that would let it wait. It ends at once.
func TestHostileCancel(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP, TLS} {
		for _, b := range siptest.Behaviours() {
			if b.Floods || b.Answers || !slices.Contains(b.Transports, string(transport)) {
				continue
			}
			t.Run(string(transport)+"/"+b.Name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				peer := siptest.Hostile(t, string(transport), b)
				go func() {
					_, err := checkSync(ctx, hostileTarget(peer, transport))
					ended <- err
				}()
				<-peer.Met
				cancel()
				select {
				case err := <-ended:
					if err == nil {
						t.Error("there is an answer")
					}
				case <-time.After(hostileSlack):
					t.Error("the exchange does not end")
				}
			})
		}
	}
}

// TestTooMuch checks that a flood is distinguished from silence.
func TestTooMuch(t *testing.T) {
	b := siptest.Behaviours()[slices.IndexFunc(siptest.Behaviours(), func(b siptest.Behaviour) bool { return b.Name == "floods responses to others" })]
	for _, transport := range []Transport{UDP, TCP, TLS} {
		t.Run(string(transport), func(t *testing.T) {
			if _, err := Alive(t.Context(), hostileTarget(siptest.Hostile(t, string(transport), b), transport)); !errors.Is(err, guard.ErrTooMuch) {
				t.Errorf("%s: %v, want %v", transport, err, guard.ErrTooMuch)
			}
		})
	}
}
