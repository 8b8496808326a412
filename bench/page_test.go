//go:build linux

package bench

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// pageAddress is where the page of a responder is, if it has one.
const pageAddress = "127.0.0.1:9353"

// The times of the script of the page.
const (
	settle = 300 * time.Millisecond // from an event to the page
	pause  = 2 * time.Second        // from one page to the next
)

// viewer is a browser with the page open: it follows the events, and loads the page after them, as the script does.
type viewer struct {
	client http.Client
	events atomic.Int64 // questions that it was shown
	pages  atomic.Int64
}

// newViewer opens the page of a responder until the test ends.
func newViewer(t *testing.T, l *lab) *viewer {
	t.Helper()
	v := &viewer{client: http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (conn net.Conn, err error) {
		l.server.Do(func() { conn, err = net.Dial("tcp", pageAddress) })
		return conn, err
	}}}}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := v.get(ctx, "/events")
	if err != nil {
		t.Fatal(err)
	}
	news, ended := make(chan struct{}, 1), make(chan struct{}, 2)
	go func() {
		v.follow(stream, news)
		ended <- struct{}{}
	}()
	go func() {
		v.look(ctx, news)
		ended <- struct{}{}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		<-ended
	})
	return v
}

func (v *viewer) get(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pageAddress+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := v.client.Do(request)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// follow counts the questions of a stream, until it ends.
func (v *viewer) follow(stream io.ReadCloser, news chan<- struct{}) {
	defer stream.Close()
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "event: ") {
			continue
		}
		if lines.Text() == "event: asked" {
			v.events.Add(1)
		}
		select {
		case news <- struct{}{}:
		default:
		}
	}
}

// look loads the page after events, until ctx ends.
func (v *viewer) look(ctx context.Context, news <-chan struct{}) {
	for wait := settle; ; wait = pause {
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
		time.Sleep(wait)
		page, err := v.get(ctx, "/")
		if err != nil {
			return
		}
		if n, err := io.Copy(io.Discard, page); err == nil && n > 0 {
			v.pages.Add(1)
		}
		page.Close()
	}
}
