package remote

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// mostWait is the longest time for which a server can put off requests.
const mostWait = time.Hour

// busyError is the refusal of a server that wants no request for a time.
type busyError struct {
	error
	wait time.Duration
}

// Error implements error.
func (e *busyError) Error() string {
	if wait := e.wait.Round(time.Second); wait > 0 {
		return fmt.Sprintf("%v; it wants no request for %s", e.error, wait)
	}
	return e.error.Error()
}

// Unwrap returns the refusal.
func (e *busyError) Unwrap() error { return e.error }

// busyFor returns for how long a server wants no request after an error; 0: it has not said so.
func busyFor(err error) time.Duration {
	if busy, ok := errors.AsType[*busyError](err); ok {
		return busy.wait
	}
	return 0
}

// retryAfter returns for how long the server wants no request, at most mostWait: its answer has seconds, or a date (RFC 9110
// §10.2.3). That is compared with the date of the answer, if it has one: the clock of this host may be another.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(mostWait/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if said, err := http.ParseTime(header.Get("Date")); err == nil {
		now = said
	}
	return min(max(0, at.Sub(now)), mostWait)
}
