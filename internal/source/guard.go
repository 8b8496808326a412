package source

import (
	"fmt"
	"io"
	"time"
)

const (
	patience    = 2 * time.Second       // for all calls of one look together
	impatience  = 20 * time.Millisecond // for a call when that is over
	clockLayout = "15:04:05"
)

// guard makes calls that can hang, such as those for files on a server that is gone. It belongs to one goroutine.
type guard struct {
	over time.Time            // when the patience of this look ends
	hung map[string]time.Time // calls that have not returned, by what they are for, and since when
	back chan string          // receives the key of a call that has returned after all
}

func newGuard() *guard { return &guard{hung: map[string]time.Time{}, back: make(chan string, 1)} }

// begin starts a look, and reports whether a call that hung has returned.
func (g *guard) begin() (returned bool) {
	g.over = time.Now().Add(patience)
	for {
		select {
		case key := <-g.back:
			delete(g.hung, key)
			returned = true
		default:
			return returned
		}
	}
}

// hangError reports that a call has not returned.
type hangError struct{ since time.Time }

func (e *hangError) Error() string {
	return fmt.Sprintf("its file system has not answered since %s", e.since.Format(clockLayout))
}

// attempt makes a call in a goroutine of its own. If it hangs, the error is a [hangError], and so it is for all later
// calls with its key until it has returned. What it returns then is closed if it can be.
func attempt[T any](g *guard, key string, call func() (T, error)) (T, error) {
	var none T
	if since, hangs := g.hung[key]; hangs {
		return none, &hangError{since}
	}
	type outcome struct {
		value T
		err   error
	}
	began, done := time.Now(), make(chan outcome, 1)
	go func() {
		value, err := call()
		done <- outcome{value, err}
	}()
	timeout := time.NewTimer(max(time.Until(g.over), impatience))
	defer timeout.Stop()
	select {
	case o := <-done:
		return o.value, o.err
	case <-timeout.C:
	}
	g.hung[key] = began
	go func() {
		if late := <-done; late.err == nil {
			if c, ok := any(late.value).(io.Closer); ok {
				c.Close()
			}
		}
		g.back <- key
	}()
	return none, &hangError{began}
}
