package fileserver

import (
	"errors"
	"io"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"announcer/internal/guard"
	"announcer/internal/phones"
)

// Transfer is a file that is being sent to a phone.
type Transfer struct {
	Phone     netip.Addr
	Agent     phones.Agent // what the phone says of itself
	UserAgent string       // the same in its own words, of which [guard.MaxText] bytes are kept
	File      File
	Started   time.Time
	Took      time.Duration // so far
	Sent      int64         // bytes
	Has       int64         // bytes of the file that the phone has, by this transfer and by those before
	Ended     bool
	Whole     bool // the phone has all of the file now, by this transfer or by several with parts of it
}

// Percent returns how much of the file the phone has, 0 to 100.
func (t Transfer) Percent() int { return int(100 * t.Has / max(t.File.Size, 1)) }

// Rate returns bytes per second.
func (t Transfer) Rate() float64 {
	if t.Took <= 0 {
		return 0
	}
	return float64(t.Sent) / t.Took.Seconds()
}

// Running returns the transfers that run now, the oldest first.
func (s *Server) Running() []Transfer {
	s.mu.Lock()
	var all []Transfer
	for t := range s.transfers {
		all = append(all, t.now())
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b Transfer) int { return a.Started.Compare(b.Started) })
	return all
}

// transfer is one that runs.
type transfer struct {
	Transfer
	way
	file *opened
	body *counter
	held int64 // bytes that the phone had before, unless it had all
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request, file *opened) *transfer {
	t := &transfer{Transfer: Transfer{Phone: host(r), File: file.content.File, Started: time.Now()}, file: file}
	t.body = &counter{ResponseWriter: w, check: file.unwritten}
	t.Agent, t.UserAgent = phones.ParseAgent(r.UserAgent()), guard.Clip(r.UserAgent())
	t.way, _ = r.Context().Value(connKey{}).(way)
	s.mu.Lock()
	t.held = s.got[owned{t.Phone, t.File.Path}].part(t.File.Size)
	s.transfers[t] = true
	s.mu.Unlock()
	s.config.Report(t.now())
	return t
}

// host returns the address that a request came from.
func host(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddrPort(r.RemoteAddr)
	return addr.Addr().Unmap().WithZone("")
}

// now returns the current state of the transfer.
func (t *transfer) now() Transfer {
	now := t.Transfer
	now.Took = time.Since(t.Started)
	now.Sent = t.arrived()
	now.Has = t.has(now.Sent)
	return now
}

// has returns the number of bytes of the file that the phone has when so many of this transfer have arrived.
func (t *transfer) has(sent int64) int64 { return min(t.held+sent, t.File.Size) }

// arrived returns the number of bytes that were sent, less what the phone has not got yet.
func (t *transfer) arrived() int64 {
	return max(t.body.sent.Load()-max(unacknowledged(t.conn), 0), 0)
}

// follow keeps the connection open as long as the phone takes enough of the file, and reports to the listener what it
// takes. The function that it returns ends that.
func (t *transfer) follow() (stop func()) {
	rc := http.NewResponseController(t.body)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var extended, reported int64 // how much had arrived then
		for {
			select {
			case <-tick.C:
			case <-done:
				t.listener.Moved(t.conn, t.arrived()-reported)
				return
			}
			at := t.arrived()
			t.listener.Moved(t.conn, at-reported)
			if reported = at; at >= extended+stallBytes {
				extended = at
				// It fails only where the connection is gone, which the transfer finds out itself.
				_ = rc.SetWriteDeadline(time.Now().Add(stallTime))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// end settles what the phone has got.
func (s *Server) end(t *transfer) {
	last := t.Transfer
	last.Sent, last.Ended = t.body.sent.Load(), true
	last.Has = t.has(last.Sent)
	from, ok := t.body.from()
	complete := t.body.err == nil && t.delivered()
	switch changed := errors.Is(t.body.err, errChanged) || complete && !t.file.holds(); {
	case changed:
		s.fault(last.File, errChanged)
		s.log(last.Phone).Error("a file was changed while it was sent", "phone", last.Phone, "file", last.File.Path)
	case ok && complete:
		last.Has, last.Whole = s.record(last, span{from, from + last.Sent})
	}
	last.Took = time.Since(t.Started)
	s.mu.Lock()
	delete(s.transfers, t)
	s.mu.Unlock()
	s.log(last.Phone).Info("sent", "phone", last.Phone, "model", last.Agent.Model, "version", last.Agent.Version, "file", last.File.Path,
		"bytes", last.Sent, "whole", last.Whole, "took", last.Took.Round(time.Millisecond))
	s.config.Report(last)
}

// delivered waits until the phone has acknowledged all that was sent, and reports whether it has. It gives up where the
// phone is slower than it may be.
func (t *transfer) delivered() bool {
	last, deadline := unacknowledged(t.conn), time.Now().Add(stallTime)
	for {
		left := unacknowledged(t.conn)
		switch {
		case left == 0:
			return true
		case left < 0 || time.Now().After(deadline):
			return false
		case left <= last-stallBytes:
			last, deadline = left, time.Now().Add(stallTime)
		}
		time.Sleep(5 * time.Millisecond) // nothing reports when it is acknowledged
	}
}

// pieceBytes is how much of a file is sent at a time, so that it is known how far a transfer is.
const pieceBytes = stallBytes

// counter counts the body of an answer. It passes ReadFrom on, which is where sendfile is: nothing stands between the file
// and the connection.
type counter struct {
	http.ResponseWriter
	check  func() error // after each piece: whether there may be more
	status int
	sent   atomic.Int64
	err    error
}

// Unwrap is for [http.ResponseController].
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader remembers the status.
func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

// Write sends a piece.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.count(int64(n), err)
	return n, err
}

// ReadFrom sends all of src.
func (c *counter) ReadFrom(src io.Reader) (sent int64, err error) {
	from, most := src, int64(math.MaxInt64)
	if limited, ok := src.(*io.LimitedReader); ok {
		from, most = limited.R, limited.N
	}
	for sent < most {
		piece := &io.LimitedReader{R: from, N: min(pieceBytes, most-sent)}
		n, err := c.ResponseWriter.(io.ReaderFrom).ReadFrom(piece)
		if sent += n; err == nil {
			err = c.check()
		}
		c.count(n, err)
		if err != nil || piece.N > 0 {
			return sent, err
		}
	}
	return sent, nil
}

func (c *counter) count(n int64, err error) {
	c.sent.Add(n)
	if c.err == nil {
		c.err = err
	}
}

// from returns the place in the file at which the body began. Several parts in one answer have none.
func (c *counter) from() (start int64, ok bool) {
	switch c.status {
	case http.StatusOK:
		return 0, true
	case http.StatusPartialContent:
		return rangeStart(c.Header().Get("Content-Range"))
	}
	return 0, false
}
