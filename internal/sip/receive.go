package sip

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"announcer/internal/guard"
)

// What is read of the other side's messages, beside the bytes that [guard.MaxBytes] allows.
const (
	// maxMessages is how many messages may come before the exchange fails: the responses to eleven requests (all
	// retransmissions until GiveUp), several to each, and requests that a server sends to every client that is connected.
	maxMessages = 100
	// maxHead is how many bytes the start line and the headers of a message may have. A response has about 500; a
	// message in UDP is cut behind them.
	maxHead = 16 << 10
)

// The intervals of retransmissions (RFC 3261 §17.1.1.1).
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// packets receives messages by UDP, and sends the request again until no more are asked for (Timer E, RFC 3261 §17.1.2.2).
type packets struct {
	net.Conn
	request  []byte
	interval time.Duration // from the last request to the next one
	due      time.Time     // of the next request
	buf      [maxHead]byte
}

func newPackets(conn net.Conn, request string) *packets {
	return &packets{Conn: conn, request: []byte(request), interval: t1, due: time.Now().Add(t1)}
}

// next returns the next message.
func (p *packets) next() (string, error) {
	for {
		if err := p.SetReadDeadline(p.due); err != nil {
			return "", err
		}
		n, err := p.Read(p.buf[:])
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return string(p.buf[:n]), err
		}
		if _, err := p.Write(p.request); err != nil {
			return "", err
		}
		p.interval = min(2*p.interval, t2)
		p.due = time.Now().Add(p.interval)
	}
}

// stream receives messages by TCP or TLS, one after the other as Content-Length says (RFC 3261 §7.5, §18.3).
type stream struct {
	*bufio.Reader
	body int // bytes of the last message that are still to be read
}

func newStream(conn net.Conn) *stream { return &stream{Reader: bufio.NewReader(conn)} }

// next returns the start line and headers of the next message.
func (s *stream) next() (string, error) {
	if _, err := s.Discard(s.body); err != nil {
		return "", err
	}
	head, err := s.head()
	if err != nil {
		return "", err
	}
	s.body, err = bodyLength(head)
	return head, err
}

// head reads up to the empty line behind the headers. Empty lines before a message keep the connection alive and count
// for nothing.
func (s *stream) head() (string, error) {
	var head []byte
	for len(head) <= maxHead {
		part, err := s.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		lineStarts := len(head) == 0 || head[len(head)-1] == '\n'
		empty := lineStarts && strings.Trim(string(part), "\r\n") == ""
		if empty && len(head) > 0 {
			return string(head), nil
		}
		if !empty {
			head = append(head, part...)
		}
	}
	return "", fmt.Errorf("%w: headers of more than %d bytes", guard.ErrTooMuch, maxHead)
}

// bodyLength returns how many bytes follow the headers of a message.
func bodyLength(head string) (int, error) {
	text := header(head, "Content-Length", "l")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), n > guard.MaxBytes:
		return 0, fmt.Errorf("%w: a message of %s bytes", guard.ErrTooMuch, guard.Clip(text))
	case err != nil:
		return 0, fmt.Errorf("it sends a message with the length %q, which is not a number", guard.Clip(text))
	}
	return int(n), nil
}
