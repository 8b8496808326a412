// Package oneshot announces for a while: until it is told to stop, for a time, or as long as a command runs.
package oneshot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"announcer/internal/mdns"
)

const (
	// announceTime is how long it may take until all is announced: probing takes a second, a dozen renames a few more.
	announceTime = 20 * time.Second
	goodbyeTime  = 1500 * time.Millisecond
)

// Announce publishes desired, calls while once all of it is on the wire, and says goodbye when while returns or
// fails. announced is called for each service and link with the name that it has got. An error of while is
// returned as it is.
func Announce(ctx context.Context, p mdns.Publisher, desired mdns.Desired, announced func(mdns.Event), while func() error) error {
	err := publish(ctx, p, desired, announced)
	if err == nil {
		err = while()
	}
	goodbye, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	if closeErr := p.Close(goodbye); err == nil && closeErr != nil {
		err = fmt.Errorf("failed to say goodbye: %w", closeErr)
	}
	return err
}

// publish returns once every service is announced on every link, or one of them can't be.
func publish(ctx context.Context, p mdns.Publisher, desired mdns.Desired, announced func(mdns.Event)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, announceTime, errTooLong)
	defer cancel()
	if err := p.Apply(ctx, desired); err != nil {
		return err
	}
	for {
		if done, err := settled(p.Status()); done || err != nil {
			drain(p, announced)
			return err
		}
		select {
		case e := <-p.Events():
			report(e, announced)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var errTooLong = fmt.Errorf("not everything could be announced within %s", announceTime)

// settled says whether every service is announced or waits in standby; a refused one is an error.
func settled(statuses []mdns.ServiceStatus) (bool, error) {
	var refused []string
	done := true
	for _, s := range statuses {
		switch s.State {
		case mdns.Refused:
			refused = append(refused, fmt.Sprintf("%q is not announced on %s: %s", s.Wanted, s.Link, s.Why))
		case mdns.Probing:
			done = false
		}
	}
	if refused != nil {
		return true, errors.New(strings.Join(refused, "; "))
	}
	return done, nil
}

// drain tells of the events that are there already.
func drain(p mdns.Publisher, announced func(mdns.Event)) {
	for {
		select {
		case e := <-p.Events():
			report(e, announced)
		default:
			return
		}
	}
}

func report(e mdns.Event, announced func(mdns.Event)) {
	if e.Kind == mdns.ServiceAnnounced {
		announced(e)
	}
}
