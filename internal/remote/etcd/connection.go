package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"announcer/internal/guard"
	"announcer/internal/remote"
	"announcer/internal/wakeup"
)

const (
	beat      = 3 * time.Second // between two questions whether the server still answers
	beatWait  = 3 * time.Second // for the answer
	confirmed = time.Minute     // between two reports that it does
	mostBytes = 64 << 20        // of all definitions together
)

// connection is a connection to one server.
type connection struct {
	server Server // nil: it can't be reached
	prefix *Prefix
	ctx    context.Context // ends with the connection; its cause says why
	stop   context.CancelCauseFunc
}

var (
	errSilent = errors.New("it does not answer in time; want a cluster that is not overloaded")
	errLogin  = errors.New("the password is sent by TLS only; want ca in [remote]")
)

// connect connects to a server and logs in. wait is the time that the server may take.
func (p *Prefix) connect(ctx context.Context, address string, wait time.Duration) (*connection, error) {
	password, err := p.password([]string{address})
	if err != nil {
		return nil, err
	}
	c := &connection{prefix: p}
	c.ctx, c.stop = context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	c.server, err = p.Open(c.ctx, address, wait, c.stop)
	if err == nil && p.settings.User != "" {
		err = c.login(password, wait)
	}
	if err != nil {
		err = c.failure(err)
		c.close()
		return nil, err
	}
	return c, nil
}

// password returns the password of the user, "" if there is none. It is not for servers on other hosts without TLS.
func (p *Prefix) password(addresses []string) (string, error) {
	password, err := p.settings.Password()
	if err == nil && p.settings.User != "" && !p.encrypted() && slices.ContainsFunc(addresses, isElsewhere) {
		err = errLogin
	}
	return password, err
}

// close ends the connection, and all that goes on by it.
func (c *connection) close() {
	c.stop(context.Canceled)
	if c.server != nil {
		c.server.Close()
	}
}

// login logs in, if the cluster has users.
func (c *connection) login(password string, wait time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(c.ctx, wait, errSilent)
	defer cancel()
	err := c.server.Login(ctx, c.prefix.settings.User, password)
	if errors.Is(err, rpctypes.ErrAuthNotEnabled) {
		return nil
	}
	return timely(ctx, err)
}

// timely returns the cause of the end of a context instead of an error that follows from it.
func timely(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// list returns all keys below the prefix, as a majority of the cluster has them.
func (c *connection) list(wait time.Duration) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeoutCause(c.ctx, wait, errSilent)
	defer cancel()
	list, err := c.server.List(ctx, c.prefix.prefix)
	if err == nil && (list.More || list.Count != int64(len(list.Kvs))) {
		err = fmt.Errorf("its list is not complete: %d of %d keys", len(list.Kvs), list.Count)
	}
	return list, timely(ctx, err)
}

// watch reports what happens after the list, until the connection ends or cannot be used any more.
func (c *connection) watch(v *view, report func(remote.Report)) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	events := c.server.Watch(ctx, c.prefix.prefix, v.seen+1)
	beats := make(chan int64)
	go c.beat(ctx, beats)
	deliver := func() {
		set := v.set()
		report(remote.Report{Set: &set})
	}
	var changes wakeup.Settling // several keys are often written in a row
	told := time.Now()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case r, open := <-events:
			if err := ended(r, open); err != nil {
				return timely(ctx, err)
			}
			v.apply(r)
			changes.Changed()
			continue
		case revision := <-beats:
			if v.saw(revision); changes.Over != nil || time.Since(told) < confirmed {
				continue
			}
		case <-changes.Over:
		}
		deliver()
		changes, told = wakeup.Settling{}, time.Now()
	}
}

// ended returns why a watch is over; nil if it is not.
func ended(r clientv3.WatchResponse, open bool) error {
	if !open {
		return guard.ErrClosed
	}
	return r.Err()
}

// beat asks the server now and then whether it still answers, and ends the connection if it does not.
func (c *connection) beat(ctx context.Context, beats chan<- int64) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		revision, err := c.revision(ctx)
		if err != nil {
			c.stop(err)
			return
		}
		select {
		case beats <- revision:
		case <-ctx.Done():
		}
	}
}

// revision returns the revision that the server has.
func (c *connection) revision(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, beatWait, errSilent)
	defer cancel()
	revision, err := c.server.Revision(ctx, c.prefix.prefix)
	return revision, timely(ctx, err)
}

// isSilent reports whether a server did not answer in time.
func isSilent(err error) bool { return errors.Is(err, errSilent) }

// losses are why a watch ends for no reason that would remain: its connection or stream ends, its server leaves the cluster, changes
// are compacted before they are seen, or a token expires.
var losses = []error{guard.ErrClosed, errSilent, io.EOF, rpctypes.ErrNoLeader, rpctypes.ErrCompacted, rpctypes.ErrInvalidAuthToken}

// isLoss reports whether another connection may be good after the end of a watch.
func isLoss(err error) bool {
	return slices.ContainsFunc(losses, func(loss error) bool { return errors.Is(err, loss) })
}

// failure returns why there is no answer, in a sentence.
func (c *connection) failure(err error) error {
	err = timely(c.ctx, err)
	settings := c.prefix.settings
	switch {
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("%s may not read the keys below %s; want a role with that right", c.user(), c.prefix.prefix)
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return errors.New("it wants a user; want user and password_file, or cert and key, in [remote]")
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return fmt.Errorf("it does not accept the user %q or the password; want them right in [remote]", settings.User)
	case errors.Is(err, rpctypes.ErrNoLeader):
		return errors.New("the cluster has no leader; want the majority of its servers running and connected")
	}
	if answer, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return fmt.Errorf("it answers %q", guard.Clip(answer.Error()))
	}
	switch answer, ok := status.FromError(err); {
	case ok && answer.Code() == codes.ResourceExhausted:
		return fmt.Errorf("it sends more than %d bytes at once; want fewer or smaller definitions below the prefix", mostBytes)
	case ok && answer.Code() != codes.OK:
		return fmt.Errorf("it answers %q", guard.Clip(answer.Message()))
	}
	return err
}

// user returns who the cluster takes this host for.
func (c *connection) user() string {
	settings := c.prefix.settings
	if settings.User != "" {
		return fmt.Sprintf("the user %q", settings.User)
	}
	return "the user that the certificate in [remote] names"
}
