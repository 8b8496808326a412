package admission

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// poor is a listener that gets no client until a time.
type poor struct {
	net.Listener
	why    error
	until  time.Time
	closed chan struct{}
}

func (p poor) Accept() (net.Conn, error) {
	if time.Now().Before(p.until) {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", p.why)}
	}
	<-p.closed
	return nil, net.ErrClosed
}

func (p poor) Close() error { close(p.closed); return nil }

func TestAttend(t *testing.T) {
	for _, test := range []struct {
		name  string
		why   error
		lasts time.Duration
		want  []string // when fails was called, and with what
	}{
		{"no failure", syscall.EMFILE, 0, nil},
		{"no descriptor for a moment", syscall.EMFILE, time.Millisecond, []string{"0s too many open files", "0s <nil>"}},
		{"no descriptor for an hour", syscall.ENFILE, time.Hour, []string{"0s too many open files in system", "1h0m0s <nil>"}},
		{"no memory for a minute", syscall.ENOMEM, time.Minute, []string{"0s cannot allocate memory", "1m0s <nil>"}},
		{"no error of the system", errors.New("the socket has been removed"), time.Minute, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []string
				start := time.Now()
				l := Attend(poor{nil, test.why, start.Add(test.lasts), make(chan struct{})}, func(why error) {
					calls = append(calls, fmt.Sprint(time.Since(start).Truncate(5*time.Second), " ", why))
				})
				server := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
				go server.Serve(l)
				time.Sleep(2 * time.Hour)
				server.Close()
				synctest.Wait()
				if !slices.Equal(calls, test.want) {
					t.Errorf("calls %q, want %q", calls, test.want)
				}
			})
		})
	}
}

// A listener that is closed is not one that works again.
func TestAttendClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []string
		l := Attend(poor{nil, syscall.EMFILE, time.Now().Add(time.Minute), make(chan struct{})}, func(why error) {
			calls = append(calls, fmt.Sprint(why))
		})
		l.Accept()
		l.Close()
		l.Accept()
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []string{"too many open files"}; !slices.Equal(calls, want) {
			t.Errorf("calls %q, want %q", calls, want)
		}
	})
}
