package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/validate"
)

// reload asks for what is defined now, whole. done, unless nil, receives what comes of it.
func (d *Daemon) reload(done chan<- status.Reload) {
	if done != nil {
		d.waiting = append(d.waiting, done)
	}
	d.systemd.reloading()
	d.Definitions.Reload()
	d.Links.Refresh()
}

// updated takes what is defined now.
func (d *Daemon) updated(ctx context.Context, u source.Update) {
	if u.Reload {
		d.reloaded(ctx, u)
	}
	if !u.Reload || len(u.Snapshot.BadConfig) > 0 {
		d.definitionsChanged(ctx, u.Snapshot)
	}
	if u.Reload && d.isReady {
		d.systemd.ready(d.view().line())
	}
}

// reloaded takes what a reload has found, and reports all that is wrong with it. If it cannot be announced, all stays as
// it is. What was refused on the network is tried again, changed or not.
func (d *Daemon) reloaded(ctx context.Context, u source.Update) {
	before := d.Snapshot
	var err error
	if len(u.Snapshot.BadConfig) > 0 {
		err = u.Snapshot.BadConfig
	} else {
		d.Snapshot, d.findings = u.Snapshot, nil // all of them are logged again
		d.notice()
		err = d.apply(ctx)
	}
	if err != nil {
		d.Snapshot = before
		d.findings = d.list()
		d.Log.Error("reload failed, everything stays as it was", "error", err)
	} else {
		d.warnOfRestart(before, u.Snapshot)
		d.Log.Info("reloaded", append(attrs(u.Snapshot.Since(before)), alsoChanged(u.Snapshot, before)...)...)
	}
	d.last = d.result(before, err)
	d.lacks(u.Silent)
	for _, done := range d.waiting {
		done <- d.last
	}
	d.waiting = nil
}

// lacks says that places have not answered to a reload.
func (d *Daemon) lacks(silent []source.Silence) {
	var list []string
	for _, s := range silent {
		list = append(list, fmt.Sprintf("%s has not answered for %s", s.Source, time.Since(s.Since).Round(time.Second)))
	}
	if len(list) > 0 && d.last.OK {
		d.last.OK, d.last.Error = false, strings.Join(list, "; ")+"; what it defined before stays in use"
		d.Log.Error("reload is not complete", "error", d.last.Error)
	}
}

// result tells what came of reading everything anew.
func (d *Daemon) result(before source.Snapshot, err error) status.Reload {
	r := status.Reload{Time: time.Now(), Changes: d.Snapshot.Since(before), Good: d.last.Good}
	switch findings, ok := errors.AsType[diag.Findings](err); {
	case ok:
		r.Error = "the configuration is refused, everything stays as it was: " + findings.Error()
	case err != nil:
		r.Error = "nothing was changed: " + err.Error()
	case len(d.Snapshot.BadConfig) > 0:
		r.Error = "the configuration is refused, its last good version stays in use: " + d.Snapshot.BadConfig.Error()
	default:
		r.OK, r.Good = true, r.Time
	}
	return r
}

// setting is one that is used after a restart only.
type setting struct{ key, is, will string }

func (s setting) String() string {
	return "another " + s.key + " is configured; it is used after a restart"
}

// afterRestart returns the settings that differ between two configurations and are used after a restart only.
func afterRestart(is, will config.Config) []setting {
	return slices.DeleteFunc([]setting{
		{"engine", is.Engine, will.Engine}, {"metrics", is.Metrics, will.Metrics}, {"socket", is.Socket, will.Socket},
		{"log_level", is.LogLevel, will.LogLevel}, {"log_format", is.LogFormat, will.LogFormat},
	}, func(s setting) bool { return s.is == s.will })
}

// warnOfRestart logs the changes that are used after a restart only.
func (d *Daemon) warnOfRestart(before, snap source.Snapshot) {
	for _, s := range afterRestart(before.Config, snap.Config) {
		d.Log.Warn(s.String(), s.key, s.will)
	}
}

const nothingDefined = "nothing is defined that could be announced"

// apply hands the definitions and the links, as they are known now, to the engine.
func (d *Daemon) apply(ctx context.Context) error {
	d.spare.giveBack()
	links := d.reading.Links
	desired, assumed := d.Snapshot.Desired(links)
	if d.isNews(assumed, desired.Links) {
		d.Log.Warn(assumed)
	}
	if len(desired.Groups) == 0 {
		d.Log.Warn(nothingDefined)
	}
	d.warnOfAbsentLinks(desired)
	d.desired, d.assumed = desired, assumed
	d.applied = d.Health.Answering(desired, d.Snapshot.Config.Check)
	if err := d.Publisher.Apply(ctx, d.applied); err != nil {
		return err
	}
	d.together = validate.Together(d.applied, d.initial.Engine)
	d.notice()
	d.lookAround()
	return nil
}

// isNews reports whether a sentence about the choice of links is worth a line of the log: it is another one than before,
// and where no interface is named, other links are used, too. (Interfaces of containers come and go all the time.)
func (d *Daemon) isNews(assumed string, links []publication.Link) bool {
	sameLinks := slices.EqualFunc(links, d.desired.Links, func(a, b publication.Link) bool { return a.Index == b.Index && a.Name == b.Name })
	byDefault := len(d.Snapshot.Config.Interfaces) == 0 && d.assumed != ""
	return assumed != "" && assumed != d.assumed && !(byDefault && sameLinks)
}

// warnOfAbsentLinks tells of each group that is for interfaces that are not here, when that is news.
func (d *Daemon) warnOfAbsentLinks(next publication.Desired) {
	for _, p := range next.Groups {
		if len(next.Links) > 0 && p.OnNone(next.Links) && !p.OnNone(d.desired.Links) {
			d.Log.Warn("announced nowhere: none of its interfaces is here and used", "file", p.ID, "interfaces", p.Interfaces)
		}
	}
}
