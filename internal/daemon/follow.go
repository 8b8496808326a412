package daemon

import (
	"context"
	"reflect"

	"announcer/internal/netwatch"
	"announcer/internal/source"
)

// backlog is what could not be followed yet. It is tried again with every heartbeat.
type backlog struct {
	behind     error            // why what the links and servers are now is not announced yet
	unread     error            // why the links could not be read the last time
	unfollowed *source.Snapshot // what is defined now, if it could not be announced
}

// linksChanged announces on the links as they are now, and logs what happened to those that it announces on. If they
// could not be read, all stays as it is.
func (d *Daemon) linksChanged(ctx context.Context, now netwatch.Reading) {
	if d.unread = now.Err; d.unread != nil {
		d.fallBehind("the change of the links is not followed yet", now.Err)
		return
	}
	before := d.desired.Links
	d.reading = now
	if !d.follow(ctx, "the change of the links is not followed yet") {
		return
	}
	for _, change := range netwatch.Changes(before, d.desired.Links, now) {
		d.Log.Info("link changed", "iface", change.Link, "change", change.What)
	}
}

// catchUp tries again what could not be followed.
func (d *Daemon) catchUp(ctx context.Context) {
	switch {
	case d.unread != nil:
		d.Links.Refresh()
	case d.unfollowed != nil:
		d.definitionsChanged(ctx, *d.unfollowed)
	default:
		d.follow(ctx, "the change is not followed yet")
	}
}

// follow announces what the links and servers are now. If that fails, it says so once, and it is tried again with every
// heartbeat.
func (d *Daemon) follow(ctx context.Context, failure string) (ok bool) {
	if err := d.apply(ctx); err != nil {
		d.fallBehind(failure, err)
		return false
	}
	d.behind = d.unread
	return true
}

// fallBehind remembers that something is not followed, and says so once.
func (d *Daemon) fallBehind(failure string, err error) {
	if d.behind == nil {
		d.Log.Error(failure, "error", err)
	}
	d.behind = err
}

// definitionsChanged takes what is defined now, and reports what is news. The engine hears only of what changes what it
// announces.
func (d *Daemon) definitionsChanged(ctx context.Context, snap source.Snapshot) {
	before := d.Snapshot
	d.unfollowed = nil
	if err := d.take(ctx, snap); err != nil {
		d.Snapshot, d.unfollowed = before, &snap
		d.last = d.result(before, err)
		d.fallBehind("the change of the files is not followed yet", err)
		return
	}
	d.behind = d.unread
	d.last = d.result(before, nil)
	d.warnOfRestart(before, snap)
	if reflect.DeepEqual(snap, before) {
		return
	}
	what := "files changed"
	if snap.Host != before.Host {
		what = "host name changed"
	}
	d.Log.Info(what, append(attrs(snap.Since(before)), alsoChanged(snap, before)...)...)
}

// take makes a snapshot the one that is announced.
func (d *Daemon) take(ctx context.Context, snap source.Snapshot) error {
	same := sameGroups(snap, d.Snapshot)
	d.Snapshot = snap
	if same {
		d.notice()
		return nil
	}
	return d.apply(ctx)
}

// sameGroups says whether two snapshots announce the same, so that they differ only in what is wrong with files.
func sameGroups(a, b source.Snapshot) bool {
	return a.Host == b.Host && reflect.DeepEqual(a.Config, b.Config) && reflect.DeepEqual(a.Publications, b.Publications)
}

// alsoChanged gives what a line of the log says about changes that are none of groups.
func alsoChanged(snap, before source.Snapshot) []any {
	var all []any
	if len(before.Refused) > 0 && len(snap.Refused) == 0 {
		all = append(all, "refused", "none")
	}
	if snap.Host != before.Host {
		all = append(all, "host", snap.Host, "was", before.Host)
	}
	return all
}
