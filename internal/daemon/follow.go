package daemon

import (
	"context"
	"reflect"

	"announcer/internal/netwatch"
	"announcer/internal/source"
)

// linksChanged announces on the links as they are now, and logs what happened to those that it announces on.
func (d *Daemon) linksChanged(ctx context.Context) {
	before := d.desired.Links
	if !d.follow(ctx, "the change of the links is not followed yet") {
		return
	}
	for _, change := range netwatch.Changes(before, d.desired.Links, d.present) {
		d.Log.Info("link changed", "iface", change.Link, "change", change.What)
	}
}

// follow announces what the links and servers are now. Where that fails, it says so once, and it is tried again with
// every heartbeat.
func (d *Daemon) follow(ctx context.Context, failure string) (ok bool) {
	err := d.apply(ctx)
	if err != nil && d.behind == nil {
		d.Log.Error(failure, "error", err)
	}
	d.behind = err
	return err == nil
}

// filesChanged takes what is defined now, where that is news, and tells what is. The engine hears only of what changes
// what it announces.
func (d *Daemon) filesChanged(ctx context.Context) {
	before, snap := d.Snapshot, d.Source.Look()
	reloadFailed := !d.last.OK && len(before.BadConfig) == 0
	if reflect.DeepEqual(snap, before) && !reloadFailed {
		d.giveBack(lookTime)
		return
	}
	if err := d.take(ctx, snap); err != nil {
		d.Snapshot = before
		d.last = d.result(before, err)
		d.Log.Error("the change of the files is not followed", "error", err)
		return
	}
	d.last = d.result(before, nil)
	d.warnOfRestart(before, snap)
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
