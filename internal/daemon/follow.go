package daemon

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"announcer/internal/diag"
	"announcer/internal/netwatch"
	"announcer/internal/source"
)

// linksChanged announces on the links as they are now, and tells what happened to those that it announces on. Where that
// fails, it is tried again with every heartbeat.
func (d *Daemon) linksChanged(ctx context.Context) {
	before, behind := d.desired.Links, d.behind
	err := d.apply(ctx)
	d.behind = err != nil
	if err != nil {
		if !behind {
			d.Log.Error("the change of the links is not followed yet", "error", err)
		}
		return
	}
	for _, change := range netwatch.Changes(before, d.desired.Links, d.present) {
		d.Log.Info("link changed", "iface", change.Link, "change", change.What)
	}
}

// filesChanged takes what is defined now, where that is news, and tells what is. The engine hears only of what changes
// what it announces.
func (d *Daemon) filesChanged(ctx context.Context) {
	before, snap := d.Snapshot, d.Source.Look()
	if reflect.DeepEqual(snap, before) {
		d.giveBack(lookTime)
		return
	}
	d.logFindings(news(snap.Findings, before.Findings))
	d.Snapshot = snap
	if !sameGroups(snap, before) {
		if err := d.apply(ctx); err != nil {
			d.Snapshot = before
			d.last = d.result(before, err)
			d.Log.Error("the change of the files is not followed", "error", err)
			return
		}
	}
	d.last = d.result(before, nil)
	d.warnOfRestart(before, snap)
	d.Log.Info("files changed", append(attrs(snap.Since(before)), alsoChanged(snap, before)...)...)
}

// news gives the findings that were not there before.
func news(now, before diag.Findings) diag.Findings {
	return slices.DeleteFunc(slices.Clone(now), func(f diag.Finding) bool { return slices.Contains(before, f) })
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
		all = append(all, "host", fmt.Sprintf("%s, was %s", snap.Host, before.Host))
	}
	return all
}
