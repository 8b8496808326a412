package daemon

import (
	"context"
	"reflect"
	"slices"

	"announcer/internal/netwatch"
	"announcer/internal/source"
)

// backlog is what could not be followed yet. It is tried again with every heartbeat.
type backlog struct {
	behind     error            // why the current links and servers are not announced yet
	unread     error            // why the links could not be read the last time
	unfollowed *source.Snapshot // what is defined now, if it could not be announced
}

// linksChanged announces on the links as they are now, and logs what happened to those that it announces on. If they
// could not be read, all stays as it is.
func (a *announcing) linksChanged(ctx context.Context, now netwatch.Reading) {
	if a.unread = now.Err; a.unread != nil {
		a.fallBehind("the change of the links is not applied yet", now.Err)
		return
	}
	before := a.desired.Links
	a.reading = now
	if !a.follow(ctx, "the change of the links is not applied yet") {
		return
	}
	for _, change := range netwatch.Changes(before, a.desired.Links, now) {
		a.log.Info("link changed", "link", change.Link, "change", change.What)
	}
}

// catchUp tries again what could not be followed.
func (a *announcing) catchUp(ctx context.Context) {
	switch {
	case a.unread != nil:
		a.links.Refresh()
	case a.unfollowed != nil:
		a.definitionsChanged(ctx, *a.unfollowed)
	default:
		a.follow(ctx, "the change is not applied yet")
	}
}

// follow announces what the links and servers are now. If that fails, it says so once, and it is tried again with every
// heartbeat.
func (a *announcing) follow(ctx context.Context, failure string) (ok bool) {
	if err := a.apply(ctx); err != nil {
		a.fallBehind(failure, err)
		return false
	}
	a.keepUp()
	return true
}

// fallBehind remembers that something is not followed, and says so once.
func (a *announcing) fallBehind(failure string, err error) {
	if a.behind == nil {
		a.log.Error(failure, "error", err)
	}
	a.behind = err
}

// keepUp notes that everything that could be read is followed, and logs that after something was not.
func (a *announcing) keepUp() {
	if a.behind != nil && a.unread == nil {
		a.log.Info("all changes are applied")
	}
	a.behind = a.unread
}

// definitionsChanged takes what is defined now, and reports what is news. The engine hears only of what changes what it
// announces.
func (a *announcing) definitionsChanged(ctx context.Context, snap source.Snapshot) {
	before := a.snapshot
	if a.unfollowed == nil && a.last.OK && sameFiles(snap, before) && reflect.DeepEqual(snap.Findings, before.Findings) {
		a.snapshot = snap
		a.noteServers(snap, before)
		a.noteRemarks(snap, before)
		return
	}
	a.unfollowed = nil
	if err := a.take(ctx, snap); err != nil {
		a.snapshot, a.unfollowed = before, &snap
		a.last = a.result(before, err)
		a.fallBehind("the change of the files is not applied yet", err)
		return
	}
	a.keepUp()
	a.last = a.result(before, nil)
	a.warnOfRestart(before, snap)
	a.noteServers(snap, before)
	a.noteRemarks(snap, before)
	if sameFiles(snap, before) {
		return
	}
	what := "files changed"
	if snap.Host != before.Host {
		what = "host name changed"
	}
	a.log.Info(what, append(attrs(snap.Since(before)), alsoChanged(snap, before)...)...)
}

// take makes a snapshot the one that is announced.
func (a *announcing) take(ctx context.Context, snap source.Snapshot) error {
	same := sameGroups(snap, a.snapshot)
	a.snapshot = snap
	if same {
		a.notice()
		return nil
	}
	return a.apply(ctx)
}

// sameGroups reports whether two snapshots announce the same, so that they differ only in what is wrong with files.
func sameGroups(one, other source.Snapshot) bool {
	return one.Host == other.Host && reflect.DeepEqual(one.Config, other.Config) && reflect.DeepEqual(one.Publications, other.Publications)
}

// sameFiles reports whether two snapshots differ at most in the findings and remarks, which are logged by themselves, and in how
// places answer.
func sameFiles(one, other source.Snapshot) bool {
	one.Findings, one.Remarks, one.Places = other.Findings, other.Remarks, other.Places
	return reflect.DeepEqual(one, other)
}

// noteServers logs each server of definitions that answers now and did not before. One that stops answering is a finding.
func (a *announcing) noteServers(snap, before source.Snapshot) {
	was := map[string]bool{}
	for _, p := range before.Places {
		was[p.Name] = p.Server != nil && p.Server.Connected
	}
	for _, p := range snap.Places {
		if p.Server != nil && p.Server.Connected && !was[p.Name] {
			a.log.Info("server of definitions answers", "source", p.Name, "revision", p.Server.Revision)
		}
	}
}

// noteRemarks logs what else is worth knowing now and was not so before, and what is no longer so.
func (a *announcing) noteRemarks(snap, before source.Snapshot) {
	for _, remark := range snap.Remarks {
		if !slices.Contains(before.Remarks, remark) {
			a.log.Info("about the files", "remark", remark)
		}
	}
	for _, remark := range before.Remarks {
		if !slices.Contains(snap.Remarks, remark) {
			a.log.Info("no longer so about the files", "remark", remark)
		}
	}
}

// alsoChanged returns what a line of the log says about changes that are none of groups.
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
