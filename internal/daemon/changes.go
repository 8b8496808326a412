package daemon

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/netwatch"
	"announcer/internal/source"
)

// linksChanged announces on the links as they are now, and tells what happened to those that it announces on.
func (d *Daemon) linksChanged(ctx context.Context) {
	before := d.desired.Links
	if err := d.apply(ctx); err != nil {
		d.Log.Error("the change of the links is not followed", "error", err)
		return
	}
	for _, change := range netwatch.Changes(before, d.desired.Links) {
		d.Log.Info("link changed", "iface", change.Link, "change", change.What)
	}
}

// reload takes what is defined now, whole, and tells all that is wrong with it. What was refused on the network is
// tried again, changed or not.
func (d *Daemon) reload(ctx context.Context) {
	snap, err := d.Source.Load()
	if err == nil {
		d.logFindings(snap.Findings)
		err = d.take(ctx, "reloaded", snap)
	}
	if err != nil {
		d.Log.Error("reload failed, everything stays as it was", "error", err)
	}
}

// filesChanged takes what is defined now, where that is news, and tells what is.
func (d *Daemon) filesChanged(ctx context.Context) {
	const heading = "files changed"
	snap, err := d.Source.Load()
	switch before := d.Snapshot; {
	case err != nil || reflect.DeepEqual(snap, before):
	case announcesAs(snap, before):
		d.logFindings(news(snap.Findings, before.Findings))
		d.Snapshot = snap
		d.logChanges(heading, snap, before)
	default:
		d.logFindings(news(snap.Findings, before.Findings))
		err = d.take(ctx, heading, snap)
	}
	if err != nil {
		d.Log.Error("the change of the files is not followed", "error", err)
	}
}

// announcesAs says whether two snapshots announce the same, so that they differ only in what is wrong with files.
func announcesAs(a, b source.Snapshot) bool {
	return a.Host == b.Host && reflect.DeepEqual(a.Config, b.Config) && reflect.DeepEqual(a.Publications, b.Publications)
}

// news gives the findings that were not there before.
func news(now, before diag.Findings) diag.Findings {
	return slices.DeleteFunc(slices.Clone(now), func(f diag.Finding) bool { return slices.Contains(before, f) })
}

// take makes a snapshot the one that is announced, and logs the changes under a heading. Where it can't be, all stays
// as it was.
func (d *Daemon) take(ctx context.Context, heading string, snap source.Snapshot) error {
	before := d.Snapshot
	d.Snapshot = snap
	if err := d.apply(ctx); err != nil {
		d.Snapshot = before
		return err
	}
	d.logChanges(heading, snap, before)
	return nil
}

// logChanges tells of what is different, in one line.
func (d *Daemon) logChanges(heading string, snap, before source.Snapshot) {
	if snap.Config.Engine != before.Config.Engine {
		d.Log.Warn("another engine is configured; it is used after a restart", "engine", snap.Config.Engine)
	}
	d.Log.Info(heading, attrs(snap, before)...)
}

// attrs gives what a line of the log says about the changes from one snapshot to another.
func attrs(snap, before source.Snapshot) []any {
	var all []any
	changes := snap.Since(before)
	for _, list := range []struct {
		key   string
		items []string
	}{
		{"added", changes.Added}, {"changed", changes.Changed}, {"removed", changes.Removed}, {"refused", changes.Refused},
	} {
		if len(list.items) > 0 {
			all = append(all, list.key, strings.Join(list.items, ", "))
		}
	}
	if len(before.Refused) > 0 && len(snap.Refused) == 0 {
		all = append(all, "refused", "none")
	}
	if snap.Host != before.Host {
		all = append(all, "host", fmt.Sprintf("%s, was %s", snap.Host, before.Host))
	}
	return all
}
