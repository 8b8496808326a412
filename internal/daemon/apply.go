package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/health"
	"announcer/internal/mdns"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/validate"
)

// announcing is the part of the daemon that has the engine announce what is defined. It belongs to the loop.
type announcing struct {
	publisher  mdns.Publisher
	health     *health.Monitor
	links      Links
	neighbours *neighbours
	log        *journal
	spare      spare

	plan
	backlog
	last status.Reload // what came of the last change of definitions
}

// reloaded takes what a reload has found, and reports all that is wrong with it. If it cannot be announced, all stays as
// it is. What was refused on the network is tried again, changed or not.
func (a *announcing) reloaded(ctx context.Context, u source.Update) {
	before := a.snapshot
	var err error
	if len(u.Snapshot.BadConfig) > 0 {
		err = u.Snapshot.BadConfig
	} else {
		a.snapshot, a.findings = u.Snapshot, nil // all of them are logged again
		a.notice()
		err = a.apply(ctx)
	}
	if err != nil {
		a.snapshot = before
		a.findings = a.list()
		a.log.Error("reload failed, everything stays as it was", "error", err)
	} else {
		a.warnOfRestart(before, u.Snapshot)
		a.noteRemarks(u.Snapshot, before)
		a.log.Info("reloaded", append(attrs(u.Snapshot.Since(before)), alsoChanged(u.Snapshot, before)...)...)
	}
	a.last = a.result(before, err)
	a.lacks(u.Silent)
}

// lacks reports that places have not answered to a reload.
func (a *announcing) lacks(silent []source.Silence) {
	var list []string
	for _, s := range silent {
		list = append(list, fmt.Sprintf("%s has not answered for %s", s.Source, time.Since(s.Since).Round(time.Second)))
	}
	if len(list) > 0 && a.last.OK {
		a.last.OK, a.last.Error = false, strings.Join(list, "; ")+"; what it defined before stays in use"
		a.log.Error("reload is not complete", "error", a.last.Error)
	}
}

// result reports the result of reading everything again.
func (a *announcing) result(before source.Snapshot, err error) status.Reload {
	r := status.Reload{Time: time.Now(), Changes: a.snapshot.Since(before), Good: a.last.Good}
	switch findings, ok := errors.AsType[diag.Findings](err); {
	case ok:
		r.Error = "the configuration is refused, everything stays as it was: " + findings.Error()
	case err != nil:
		r.Error = "nothing was changed: " + err.Error()
	case len(a.snapshot.BadConfig) > 0:
		r.Error = "the configuration is refused, its last good version stays in use: " + a.snapshot.BadConfig.Error()
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
		{"engine", is.Engine, will.Engine}, {"http", is.HTTP, will.HTTP}, {"socket", is.Socket, will.Socket},
		{"http_hosts", strings.Join(is.HTTPHosts, " "), strings.Join(will.HTTPHosts, " ")},
		{"report", strconv.FormatBool(is.Report), strconv.FormatBool(will.Report)},
		{"log_level", is.LogLevel, will.LogLevel}, {"log_format", is.LogFormat, will.LogFormat},
	}, func(s setting) bool { return s.is == s.will })
}

// warnOfRestart logs the changes that are used after a restart only.
func (a *announcing) warnOfRestart(before, snap source.Snapshot) {
	for _, s := range afterRestart(before.Config, snap.Config) {
		a.log.Warn(s.String(), s.key, s.will)
	}
}

const nothingDefined = "nothing is defined that could be announced"

// apply hands the definitions and the links, as they are known now, to the engine.
func (a *announcing) apply(ctx context.Context) error {
	a.spare.giveBack()
	links := a.reading.Links
	desired, assumed := a.snapshot.Desired(links)
	if len(desired.Groups) == 0 {
		a.log.Warn(nothingDefined)
	}
	now := time.Now()
	a.absences.follow(now, a.desired.Links, desired.Links, a.reading, a.namedInterfaces())
	a.desired, a.assumed = desired, assumed
	a.logLinks(now)
	before := a.applied
	a.applied = a.health.Answering(desired, a.snapshot.Config.Check)
	a.log.lines.bulky = isBulky(before) || isBulky(a.applied)
	if err := a.publisher.Apply(ctx, a.applied); err != nil {
		return err
	}
	a.together = validate.Together(a.applied, a.initial.Engine)
	a.notice()
	a.lookAround()
	return nil
}

// lookAround asks for a look for other programs soon.
func (a *announcing) lookAround() { a.neighbours.look(ours{a.desired, a.snapshot.Config.Services}) }

// notice lists again what is wrong with the definitions, and logs what is new.
func (a *announcing) notice() {
	known := map[diag.Finding]bool{}
	for _, f := range a.findings {
		known[f] = true
	}
	a.findings = a.list()
	for _, f := range a.findings {
		if !known[f] {
			a.log.finding(f)
		}
	}
}
