package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/wakeup"
)

const (
	firstAnswer = 800 * time.Millisecond // for a server of which nothing is known yet
	confirmed   = time.Hour              // between two notes on disk that what is there is still so
)

// served is the provider of the definitions on a server. What the server said last is in use until it says something
// else, and is on disk before it is used.
type served struct {
	place  string
	origin remote.Origin
	cache  remote.Cache
	rules  Rules

	state    remote.State
	loaded   bool       // the cache was read
	received remote.Set // the last answer; its Time is zero if there was none
	good     remote.Set // what is on disk: the last version without an error of each file of the answer
	cacheErr error      // why the cache is not as it should be
}

// Rules lays the rules that are in force over what a file says.
type Rules func(publication.Publication) publication.Publication

// Remote returns the provider of the definitions that an origin has for a place. It keeps them in a cache, and begins with
// those. Without a cache it waits for the server. A version of a file whose checks can't be made under the rules does not
// replace one in the cache.
func Remote(place string, origin remote.Origin, cache remote.Cache, rules Rules) Provider {
	return &served{place: place, origin: origin, cache: cache, rules: rules}
}

// String returns the place without what may be secret.
func (s *served) String() string { return s.origin.String() }

// Run implements [Provider].
func (s *served) Run(ctx context.Context, yield func([]Item)) error {
	early := s.begin()
	reports, ended := make(chan remote.Report), make(chan struct{})
	go func() {
		defer close(ended)
		s.origin.Follow(ctx, s.received, func(r remote.Report) {
			s.doubt(r.Set)
			select {
			case reports <- r:
			case <-ctx.Done():
			}
		})
	}()
	for {
		select {
		case <-ctx.Done():
			<-ended
			return nil
		case <-ended:
			return errEnded
		case r := <-reports:
			s.take(r)
			yield(s.items())
			early = nil
		case <-early:
			yield(s.items())
		case <-wakeup.After(Pulse):
			yield(nil)
		}
	}
}

// doubt has the server asked for a whole answer again if files of this one can't be used.
func (s *served) doubt(set *remote.Set) {
	if set != nil && slices.ContainsFunc(set.Files, func(file remote.File) bool { return !s.usable(file) }) {
		set.Condition = ""
	}
}

// begin reads the cache in the first run, and returns when to yield what is known although the server has not answered.
func (s *served) begin() (early <-chan time.Time) {
	if s.loaded {
		return nil // a reload wants what the server says now
	}
	s.loaded = true
	s.state = remote.State{Since: time.Now()}
	set, ok, err := s.cache.Load(s.place)
	s.cacheErr = err
	if ok {
		s.received, s.good = set, set
		s.state.Success, s.state.Revision = set.Time, set.Revision
		return time.After(0)
	}
	if s.cache.Dir == "" {
		return nil
	}
	return time.After(firstAnswer)
}

// take takes a report.
func (s *served) take(r remote.Report) {
	now := time.Now()
	if s.state.Connected != (r.Err == nil) || s.state.Success.IsZero() && s.state.Error == "" {
		s.state.Connected, s.state.Since = r.Err == nil, now
	}
	if r.Err != nil {
		s.state.Error = r.Err.Error()
		return
	}
	s.state.Error, s.state.Success = "", now
	if r.Set != nil {
		s.received = *r.Set
		s.state.Revision = r.Set.Revision
	}
	s.received.Time = now
	s.keep()
}

// keep writes the last good version of each file to the disk, if it is not there.
func (s *served) keep() {
	good := s.lastGood()
	same := good.Same(s.good) && good.Revision == s.good.Revision && good.Condition == s.good.Condition
	if same && s.cacheErr == nil && good.Time.Sub(s.good.Time).Abs() < confirmed { // it can be in the future, by a clock that was wrong
		return
	}
	s.good = good
	s.cacheErr = s.cache.Save(s.place, good)
}

// lastGood returns the set that was received, with the last good version of each file that has an error now.
func (s *served) lastGood() remote.Set {
	good := s.received
	good.Files = nil
	for _, file := range s.received.Files {
		before, ok := s.good.Find(file.Name)
		if ok && before.Origin == file.Origin && bytes.Equal(before.Data, file.Data) || s.usable(file) {
			good.Files = append(good.Files, file)
			continue
		}
		good.Condition = "" // so that the file itself is loaded again after a restart
		if ok {
			before.Lost = file.Lost
			good.Files = append(good.Files, before)
		}
	}
	return good
}

// usable reports whether a file has no error, and its checks can be made.
func (s *served) usable(file remote.File) bool {
	if Unfit(file) != nil {
		return false
	}
	written := Decode(file.Origin, file.Data, publication.DefaultPolicy)
	return written.Check(HostName()).Err() == nil && checkProblems(overlaid(file.Origin, written.Publications(), s.rules)) == nil
}

// Unfit returns why a file is no definition, whatever it says.
func Unfit(file remote.File) error {
	switch {
	case !IsDefinition(file.Name) || strings.Contains(file.Name, "/"):
		return errors.New("its name is none of a definition; want one such as dpma.service or dpma.toml")
	case len(file.Data) > MaxFile:
		return errLong
	case len(file.Data) == 0:
		return errors.New("it is empty; want a definition in it, or the key deleted to withdraw it")
	}
	return nil
}

// items returns what is in use, and how the server answers.
func (s *served) items() []Item {
	state := s.state
	state.Warnings = s.origin.Warnings()
	if lapse := s.received.Lapse(); lapse != "" {
		state.Warnings = append(slices.Clip(state.Warnings), lapse)
	}
	if s.cacheErr != nil {
		state.Warnings = append(slices.Clip(state.Warnings), s.cacheErr.Error())
	}
	place := Item{Origin: s.String(), Server: &state}
	if s.received.Time.IsZero() {
		place.Err = errors.New(cmp.Or(state.Error, "the server has not answered yet"))
		return []Item{place}
	}
	items := []Item{}
	for _, file := range s.received.Files {
		item := Item{Name: file.Name, Origin: file.Origin, Data: file.Data, Err: Unfit(file)}
		if good, ok := s.good.Find(file.Name); ok {
			item.Good = good.Data
		}
		items = append(items, item)
	}
	return append(items, place)
}

// Fetch returns the definitions that a server has for a place now, and warnings about how it was asked.
func Fetch(ctx context.Context, place string, settings remote.Settings) (files []remote.File, warnings []string, err error) {
	settings.Cache = ""
	origin, err := newOrigin(place, 0, settings)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = context.Canceled
	origin.Follow(ctx, remote.Set{}, func(r remote.Report) {
		if err = r.Err; r.Set != nil {
			files = r.Set.Files
		}
		cancel()
	})
	return files, origin.Warnings(), err
}

// faulty is the provider of a place that cannot be one.
type faulty struct {
	place string
	err   error
}

// String returns the place without what may be secret.
func (f faulty) String() string { return remote.Shown(f.place) }

// Run implements [Provider].
func (f faulty) Run(ctx context.Context, yield func([]Item)) error {
	yield([]Item{{Origin: f.String(), Err: f.err}})
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wakeup.After(Pulse):
			yield(nil)
		}
	}
}
