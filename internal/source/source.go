// Package source reads definitions: directories of definition files, single files, and the groups of a
// configuration file.
//
// A [Provider] watches one place in its own goroutine and yields [Item] values; all calls that can block are made there.
// [Merge] makes a [Snapshot] of what all providers have yielded; it is pure. A [Source] runs the providers, and hands
// over a snapshot after each change.
package source

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"announcer/internal/config"
	"announcer/internal/disk"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
	"announcer/internal/wakeup"
	"announcer/services"
)

// Request selects what to read. Its values replace those of the configuration file.
type Request struct {
	ConfigFile string   // "": none
	Optional   bool     // the configuration file need not exist
	Services   []string // directories and files
	Waits      bool     // what does not exist is waited for: that is worth a warning, not an error
	Interfaces []string // globs
	Engine     string
	Poll       time.Duration   // as in [config.Config]
	Lints      []services.Lint // checks of the groups beside those of [services.Group.Check]

	Before func(config.Config)       // if set, is called once: when the configuration is known, before the places that it names are read
	Refuse func(config.Config) error // if set, returns why a configuration can't take the place of the one in use
	Late   func(why error)           // if set, is called once if nothing is handed over because the configuration can't be read yet
}

const (
	startTime   = 5 * time.Second  // a new provider that has not answered within this time is not waited for
	silenceTime = 30 * time.Second // a provider that has not answered for so long is reported
)

// ReloadTime is the time that a reload waits for all providers.
const ReloadTime = 5 * time.Second

// Update is a value that a [Source] sends.
type Update struct {
	Snapshot Snapshot
	Reload   bool      // a reload asked for it: it is handed over even if nothing has changed
	Silent   []Silence // the places that have not answered to the reload
}

// Silence is a place that does not answer.
type Silence struct {
	Source string    // as [Provider] names it
	Since  time.Time // when it last answered
}

// Source runs the providers of everything that is defined.
type Source struct {
	Open Opener        // opens the configuration file and all places of definitions; nil: as files of FS and as [Open]
	FS   disk.FS       // the file system; [New] sets [disk.OS]
	Host func() string // returns the name of this host; [New] sets [HostName]

	// Hosts calls changed with each other name that this host gets after last, until ctx is done, such as [WatchHost]; nil: Host is
	// polled.
	Hosts func(ctx context.Context, last string, changed func(name string))

	request Request
	updates chan Update
	reloads chan struct{}
	answers chan answer

	host     string
	config   *task // nil: there is no configuration file
	places   []*task
	inForce  atomic.Pointer[config.Config]
	memory   Memory
	last     Snapshot
	begun    bool      // a snapshot was handed over
	changed  bool      // something was yielded that no snapshot has
	lacking  bool      // the last reload lacks the answers of some places
	reloadBy time.Time // zero: no reload waits
}

// New returns a source that reads nothing before Run.
func New(request Request) *Source {
	return &Source{
		request: request, FS: disk.OS, Host: HostName,
		updates: make(chan Update), reloads: make(chan struct{}, 1), answers: make(chan answer),
	}
}

// Updates returns the channel that Run hands over snapshots by: one when all providers have answered for the first time,
// or after 5 s, one after each change, and one when places answer that a reload lacked.
func (s *Source) Updates() <-chan Update { return s.updates }

// Reload asks for an update with what all providers find from now on. It is handed over when all have answered, or after
// [ReloadTime] with what there is then; several requests in the meantime are one.
func (s *Source) Reload() {
	select {
	case s.reloads <- struct{}{}:
	default:
	}
}

// Load reads everything once. A place that does not answer within 5 s is an error among the findings. Load itself reports
// an error only if ctx is done.
func Load(ctx context.Context, request Request) (Snapshot, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := New(request)
	go s.Run(ctx)
	select {
	case u := <-s.Updates():
		return u.Snapshot, nil
	case <-ctx.Done():
		return Snapshot{}, context.Cause(ctx)
	}
}

// String returns "the definitions".
func (s *Source) String() string { return "the definitions" }

// Run runs the providers until ctx is done. Those that hang then are left behind.
func (s *Source) Run(ctx context.Context) error {
	s.host = s.Host()
	if s.request.ConfigFile != "" {
		s.config = s.start(ctx, s.request.ConfigFile, s.request.Poll, remote.Settings{}, s.openFile)
	} else {
		s.configure(ctx)
	}
	hosts := make(chan string)
	watch := s.Hosts
	if watch == nil {
		watch = func(ctx context.Context, last string, changed func(name string)) {
			watchHost(ctx, s.Host, last, changed)
		}
	}
	go watch(ctx, s.host, func(name string) {
		select {
		case hosts <- name:
		case <-ctx.Done():
		}
	})
	var alarm wakeup.Alarm
	for now := time.Now(); ; {
		due := now.Add(s.wait(now))
		select {
		case <-ctx.Done():
			return nil
		case a := <-s.answers:
			s.take(ctx, a)
		case s.host = <-hosts:
			s.changed = true
			s.configure(ctx)
		case <-s.reloads:
			s.ask()
		case <-alarm.At(due):
		}
		if now = time.Now(); !now.Before(due) {
			s.overdue(now, due)
		}
		s.deliver(ctx, now)
	}
}

// lateness is how late a timer may fire before this process is taken to have slept.
const lateness = 2 * time.Second

// overdue takes notice that something is overdue. Who has slept cannot blame a provider for it that was not silent before.
func (s *Source) overdue(now, due time.Time) {
	s.changed = true
	if now.Sub(due) <= lateness {
		return
	}
	for _, t := range s.tasks() {
		if !t.due().Before(due) {
			t.heard = now
		}
	}
}

// take remembers an answer.
func (s *Source) take(ctx context.Context, a answer) {
	wasSilent := a.from.silent(time.Now())
	if !a.from.take(a) && !wasSilent && !s.lacking {
		return
	}
	s.changed = true
	if a.from == s.config {
		s.configure(ctx)
	}
}

// configure takes the configuration as it is now, and runs the providers of the places that it names.
func (s *Source) configure(ctx context.Context) {
	if s.config != nil && s.config.items == nil || s.unknown(time.Now()) != nil {
		return
	}
	s.memory = s.memory.configure(s.input())
	cfg, before := s.memory.inUse(s.request), s.places
	if s.request.Before != nil && s.memory.usable() {
		s.request.Before(cfg)
		s.request.Before = nil
	}
	if s.inForce.Swap(&cfg) == nil && s.request.Waits {
		go remote.Cache{Dir: cfg.Remote.Cache, FS: s.FS}.Prune(cfg.Services, time.Now())
	}
	s.places = nil
	for _, path := range cfg.Services {
		s.places = append(s.places, s.place(ctx, path, cfg, before))
	}
	for _, t := range before {
		if !slices.Contains(s.places, t) {
			t.stop()
		}
	}
}

// place returns the task of a path: the one that runs already, or a new one.
func (s *Source) place(ctx context.Context, path string, cfg config.Config, running []*task) *task {
	settings := cfg.Remote
	if !s.request.Waits {
		settings.Cache = ""
	}
	for _, t := range running {
		if t.path == path && t.poll == cfg.Poll && t.remote == settings {
			return t
		}
	}
	return s.start(ctx, path, cfg.Poll, settings, s.openPlace)
}

// Opener returns the provider of a place.
type Opener func(place string, poll time.Duration, settings remote.Settings) Provider

// start runs the provider of a place.
func (s *Source) start(ctx context.Context, path string, poll time.Duration, settings remote.Settings, open Opener) *task {
	if s.Open != nil {
		open = s.Open
	}
	t := startTask(ctx, open(path, poll, settings), s.answers)
	t.path, t.poll, t.remote = path, poll, settings
	return t
}

// openFile returns the provider of the configuration file.
func (s *Source) openFile(path string, poll time.Duration, _ remote.Settings) Provider {
	return File(s.FS, path, poll)
}

// openPlace returns the provider of a place of definitions.
func (s *Source) openPlace(place string, poll time.Duration, settings remote.Settings) Provider {
	return Open(s.FS, place, poll, settings, s.Rules)
}

// Rules lays the rules of the configuration as it is now over what a file says. It may be called by any goroutine.
func (s *Source) Rules(p publication.Publication) publication.Publication {
	return s.inForce.Load().Overlay(p)
}

// Open returns the provider for a place of definitions as the configuration names it. The settings are for servers;
// without a cache in them, a server is waited for.
func Open(fsys disk.FS, place string, poll time.Duration, settings remote.Settings, rules Rules) Provider {
	if !remote.IsURL(place) {
		return Directory(fsys, place, poll)
	}
	settings.FS = fsys
	origin, err := newOrigin(place, poll, settings)
	if err != nil {
		return faulty{place, err}
	}
	return Remote(place, origin, remote.Cache{Dir: settings.Cache, FS: fsys}, rules)
}

// newOrigin returns the server of a place.
func newOrigin(place string, poll time.Duration, settings remote.Settings) (remote.Origin, error) {
	if err := remote.Check(place); err != nil {
		return nil, err
	}
	if remote.IsPrefix(place) {
		return etcd.New(place, settings)
	}
	return remote.NewWebsite(place, poll, settings)
}

// ask has all providers run again for a reload.
func (s *Source) ask() {
	s.reloadBy = time.Now().Add(ReloadTime)
	for _, t := range s.tasks() {
		t.ask()
	}
}

// tasks returns all tasks.
func (s *Source) tasks() []*task {
	if s.config == nil {
		return s.places
	}
	return append([]*task{s.config}, s.places...)
}

// wait returns the time until something is overdue, or until the full second before that: what is put off with each [Pulse] needs no
// moment of its own.
func (s *Source) wait(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	if !s.reloadBy.IsZero() && s.reloadBy.Before(next) && s.unknown(now) == nil {
		next = s.reloadBy
	}
	for _, t := range s.tasks() {
		if due := t.due(); due.After(now) && due.Before(next) {
			next = due
		}
	}
	d := next.Sub(now)
	if d > time.Second {
		d -= time.Duration(next.Nanosecond())
	}
	return d
}

// deliver hands over a snapshot if there is news, or a reload waits for it, and all that matters has answered.
func (s *Source) deliver(ctx context.Context, now time.Time) {
	reload := !s.reloadBy.IsZero() && (!slices.ContainsFunc(s.tasks(), (*task).owes) || !now.Before(s.reloadBy))
	starting := slices.ContainsFunc(s.tasks(), func(t *task) bool { return t.items == nil && t.err == nil && !t.silent(now) })
	waits := !s.reloadBy.IsZero() // a change until then is what the reload has found
	if why := s.unknown(now); why != nil {
		s.late(why)
		return
	}
	if !reload && (waits || starting || !s.changed) {
		return
	}
	u := Update{Reload: reload}
	u.Snapshot, s.memory = Merge(s.input(), s.memory)
	owing := s.owing()
	complete := s.lacking && len(owing) == 0
	if reload {
		u.Silent, s.reloadBy, s.lacking = owing, time.Time{}, len(owing) > 0
	}
	s.changed = false
	if !reload && !complete && s.begun && reflect.DeepEqual(u.Snapshot, s.last) {
		return
	}
	s.lacking = s.lacking && !complete
	s.last, s.begun = u.Snapshot, true
	select {
	case s.updates <- u:
	case <-ctx.Done():
	}
}

var errStarts = errors.New("it has not answered yet")

// unknown returns why it is not known yet what the configuration says, and so everything, nil if it is known. Who does not wait takes
// a failure to read it for an answer.
func (s *Source) unknown(now time.Time) error {
	switch c := s.config; {
	case c == nil || s.begun || s.memory.usable():
		return nil
	case c.items == nil && !c.silent(now):
		return errStarts
	case !s.request.Waits:
		return nil
	case c.items == nil:
		return fmt.Errorf("it has not answered for %v", startTime)
	default:
		i := slices.IndexFunc(c.items, func(item Item) bool { return passes(item.Err) })
		if i < 0 {
			return nil
		}
		return c.items[i].Err
	}
}

// late reports why the configuration is not known, once, unless it is asked for only now.
func (s *Source) late(why error) {
	if s.request.Late != nil && why != errStarts {
		s.request.Late(why)
		s.request.Late = nil
	}
}

// owing returns the places that have not answered since a reload asked.
func (s *Source) owing() []Silence {
	var all []Silence
	for _, t := range s.tasks() {
		if t.owes() {
			all = append(all, Silence{t.provider.String(), t.heard})
		}
	}
	return all
}

// input returns all that was yielded.
func (s *Source) input() Input {
	now := time.Now()
	in := Input{Request: s.request, Now: now, Host: s.host}
	if s.config != nil {
		in.Config = s.config.place(now)
	}
	for _, t := range s.places {
		in.Places = append(in.Places, t.place(now))
	}
	return in
}
