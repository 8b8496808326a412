// Package oneshot announces for a while: until it is stopped, for a time, or as long as a command runs.
package oneshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/services"
)

const (
	// announceTime is how long it may take until all is announced: probing takes a second, a dozen renames a few more.
	announceTime = 20 * time.Second
	goodbyeTime  = 1500 * time.Millisecond
)

// Announce publishes desired, calls while once all of it is announced, and sends goodbyes when while returns, fails or
// panics. Meanwhile it follows other names of this host. announced is called for each service and link with the name that
// it has got.
func Announce(ctx context.Context, p mdns.Publisher, desired publication.Desired, announced func([]mdns.Event), while func() error) (err error) {
	defer func() {
		goodbye, cancel := context.WithTimeout(context.Background(), goodbyeTime)
		defer cancel()
		if closeErr := p.Close(goodbye); err == nil && closeErr != nil {
			err = fmt.Errorf("failed to withdraw the services: %w", closeErr)
		}
	}()
	if err := publish(ctx, p, desired, announced); err != nil {
		return err
	}
	return followHost(ctx, p, desired, while)
}

// followHost calls while, and meanwhile announces desired again with each other name that this host gets.
func followHost(ctx context.Context, p mdns.Publisher, desired publication.Desired, while func() error) (err error) {
	ctx, stop := context.WithCancel(ctx)
	var failed error
	var task sync.WaitGroup
	defer func() {
		stop()
		task.Wait()
		err = errors.Join(err, failed)
	}()
	task.Go(func() {
		source.WatchHost(ctx, desired.Host, func(host string) {
			desired.Host, failed = host, nil
			if err := p.Apply(ctx, desired); err != nil && ctx.Err() == nil {
				failed = fmt.Errorf("the name of the host, %s now, is not followed: %w", host, err)
			}
		})
	})
	return while()
}

// publish returns once every service is announced on every link, or one of them can't be.
func publish(ctx context.Context, p mdns.Publisher, desired publication.Desired, announced func([]mdns.Event)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, announceTime, errTooLong)
	defer cancel()
	if err := p.Apply(ctx, desired); err != nil {
		return err
	}
	if err := unreachable(p, desired); err != nil {
		return err
	}
	var held []mdns.Event // announced, and not reported yet
	defer func() { report(held, announced) }()
	for {
		statuses := p.Status()
		done, err := settled(statuses)
		if done || err != nil {
			held = append(held, drain(p)...)
			return err
		}
		if len(statuses) <= mdns.BulkMore {
			report(held, announced)
			held = nil
		}
		select {
		case events := <-p.Events():
			held = append(held, events...)
		case <-ctx.Done():
			if done, err := settled(p.Status()); done && err == nil {
				return nil // it was announced at the same moment, which the event does not say yet
			}
			return context.Cause(ctx)
		}
	}
}

// unreachable reports each link with IPv4 addresses where services for IPv4 can't be announced by it. Phones speak IPv4, so
// IPv6 is no replacement. Where a link has no IPv4 address and can't be served by IPv6, its services are refused.
func unreachable(p mdns.Publisher, desired publication.Desired) error {
	o, ok := p.(mdns.Observer)
	if !ok {
		return nil
	}
	var errs []error
	for _, f := range o.Observe().Faults {
		if f.Version == publication.V4 && wants(desired, f) {
			errs = append(errs, errors.New(f.String()))
		}
	}
	return errors.Join(errs...)
}

// wants reports whether a service is for the link and the IP version of a fault.
func wants(desired publication.Desired, f publication.Fault) bool {
	l, ok := desired.Links.ByName(f.Link)
	return ok && slices.ContainsFunc(desired.Groups, func(p publication.Publication) bool {
		return p.On(l) && slices.ContainsFunc(p.Group.Services, func(s services.Service) bool {
			return f.Version.Carries(s.Protocol)
		})
	})
}

var errTooLong = fmt.Errorf("not everything could be announced within %s", announceTime)

// settled reports whether every service is announced or waits in standby; a refused one is an error.
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

// drain returns the events that are there already.
func drain(p mdns.Publisher) []mdns.Event {
	select {
	case events := <-p.Events():
		return events
	default:
		return nil
	}
}

// report passes on those of the events that say that a service is announced.
func report(events []mdns.Event, announced func([]mdns.Event)) {
	events = slices.DeleteFunc(events, func(e mdns.Event) bool { return e.Kind != mdns.ServiceAnnounced })
	if len(events) > 0 {
		announced(events)
	}
}
