package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// NoDaemonError reports that no daemon listens, and what the user can do.
type NoDaemonError struct{ Text string }

func (e *NoDaemonError) Error() string { return e.Text }

// DeniedError reports that the socket of a daemon is not for this user, and what the user can do. Whether the daemon
// works is not known.
type DeniedError struct{ Text string }

func (e *DeniedError) Error() string { return e.Text }

// How long a daemon that works may take to begin an answer.
const (
	patience       = 10 * time.Second
	reloadPatience = reloadTime + patience
)

// columnsKey is the key of a query with the width of the client's terminal.
const columnsKey = "columns"

// Client talks to the daemon.
type Client struct {
	Columns int // width of the terminal, 0 for no limit

	http     http.Client
	path     string        // of the socket
	patience time.Duration // within which the daemon must begin an answer, except a reload
}

// Dial finds the daemon at one of the places. If it can't be reached, the error is a *[NoDaemonError], or a *[DeniedError]
// if this user may not reach one of the places.
func Dial(places []string) (*Client, error) {
	var forbidden *DeniedError
	for _, path := range places {
		conn, err := net.Dial("unix", path)
		switch {
		case err == nil:
			conn.Close()
			return newClient(path), nil
		case errors.Is(err, fs.ErrPermission):
			forbidden = cmp.Or(forbidden, denied(path))
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		default:
			return nil, &NoDaemonError{fmt.Sprintf("the daemon can't be reached at %s: %v", path, cause(err))}
		}
	}
	if forbidden != nil {
		return nil, forbidden
	}
	return nil, &NoDaemonError{fmt.Sprintf("no daemon listens on %s; want one started (systemctl start announcer, or announcer run), or --socket PATH",
		strings.Join(places, " or "))}
}

func denied(path string) *DeniedError {
	return &DeniedError{fmt.Sprintf("%s is not accessible to this user; want sudo, or the user in the group of its directory (see ls -ld %s)", path, filepath.Dir(path))}
}

func newClient(path string) *Client {
	return &Client{path: path, patience: patience, http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}
}

// Status writes the state of the daemon, and reports whether all is well.
func (c *Client) Status(ctx context.Context, w io.Writer, inJSON bool) (well bool, err error) {
	return c.ask(ctx, c.patience, http.MethodGet, fmt.Sprintf("/status?%s=%d", columnsKey, c.Columns), w, inJSON, func() {})
}

// Reload has the daemon read everything again, writes what came of it, and reports whether nothing was refused.
func (c *Client) Reload(ctx context.Context, w io.Writer, inJSON bool) (well bool, err error) {
	return c.ask(ctx, reloadPatience, http.MethodPost, "/reload", w, inJSON, func() {})
}

// Watch writes what happens, a line for each event, until ctx is done or the daemon ends, which is an error. It calls begun as soon
// as nothing that happens is missed.
func (c *Client) Watch(ctx context.Context, w io.Writer, inJSON bool, begun func()) error {
	_, err := c.ask(ctx, c.patience, http.MethodGet, "/watch", w, inJSON, begun)
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the daemon has ended")
	}
	return err
}

func (c *Client) ask(ctx context.Context, patience time.Duration, method, path string, w io.Writer, inJSON bool, begun func()) (well bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(patience, func() {
		cancel(fmt.Errorf("it hangs or is stopped: no data within %s", patience))
	})
	defer late.Stop()
	r, err := http.NewRequestWithContext(ctx, method, "http://announcer"+path, nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Accept", textType)
	if inJSON {
		r.Header.Set("Accept", jsonType)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return false, fmt.Errorf("the daemon at %s does not answer: %w", c.path, cmp.Or(context.Cause(ctx), err))
	}
	late.Stop()
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return false, errors.New(strings.TrimSpace(string(text)))
	}
	begun()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return false, fmt.Errorf("the daemon at %s closed the connection early: %w", c.path, err)
	}
	return answer.Header.Get("Announcer-Healthy") == "true", nil
}
