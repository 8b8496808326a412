package fileserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"announcer/internal/testkit/netlab"
)

func TestMain(m *testing.M) { netlab.Main(m) }

// TestTwoHundredPhonesAtOnce has phones, each with an address of its own, that all load a file at the same time.
func TestTwoHundredPhonesAtOnce(t *testing.T) {
	const crowd, size = 200, 1 << 20
	r := start(t, folder(t, size), nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results := make(chan error, crowd)
	for i := range crowd {
		go func() { results <- loadFrom(ctx, net.IPv4(127, 0, 1, byte(1+i)), "http://"+r.addr+"/"+d40Path, size) }()
	}
	for range crowd {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	phones := map[string]bool{}
	for len(phones) < crowd && !t.Failed() {
		if tr := r.ended(t); tr.Whole {
			phones[tr.Phone.String()] = true
		}
	}
}

// loadFrom loads a URL from an address of this host.
func loadFrom(ctx context.Context, from net.IP, url string, size int64) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if n, err := io.Copy(io.Discard, answer.Body); err != nil || n != size {
		return fmt.Errorf("%s gets %d bytes, %v", from, n, err)
	}
	return nil
}
