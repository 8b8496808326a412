package remote

import (
	"context"
	"net/url"
	"path"
	"time"
)

const (
	defaultPoll = 60 * time.Second // between two requests
	firstRetry  = time.Second      // after the first failure; it doubles with each further one, up to the poll
	slowest     = 30 * time.Second // for a whole answer
	impatient   = 4 * time.Second  // likewise, where the answer is waited for
	wholeEvery  = time.Hour        // between two requests without a condition: some servers have nothing new without end
)

// Website is a definition file on a web server.
type Website struct {
	url      *url.URL
	settings Settings
	poll     time.Duration
	timeout  time.Duration
	get      func(ctx context.Context, known Set) (*Set, error) // [Website.Get]
}

// NewWebsite returns the definition file at a URL. It is asked for every poll, 0 for 60 s, and some time less or more, so
// that many hosts do not ask at once.
func NewWebsite(place string, poll time.Duration, settings Settings) (*Website, error) {
	u, err := parse(place)
	if err != nil {
		return nil, err
	}
	w := &Website{url: u, settings: settings, poll: poll, timeout: slowest}
	w.get = w.Get
	if poll == 0 {
		w.poll = defaultPoll
	}
	if settings.Cache == "" {
		w.timeout = impatient
	}
	return w, nil
}

// String returns the URL, as [Shown] does.
func (w *Website) String() string { return Shown(w.url.String()) }

// Warnings returns what is wrong with how the server is asked.
func (w *Website) Warnings() []string {
	all := w.settings.Warnings()
	if w.url.Scheme == "http" {
		all = append(all, "every host between here and the server can change where phones go; want https instead of http")
	}
	return all
}

// name returns the name of the file.
func (w *Website) name() string { return path.Base(w.url.Path) }

// Follow implements [Origin].
func (w *Website) Follow(ctx context.Context, known Set, report func(Report)) {
	whole := time.Now()
	for failures := 0; ctx.Err() == nil; {
		asked := known
		if time.Since(whole) >= wholeEvery {
			asked.Condition = ""
		}
		answer, err := w.get(ctx, asked)
		if err == nil && (answer != nil || asked.Condition == "") {
			whole = time.Now()
		}
		switch {
		case err != nil:
			failures++
			report(Report{Err: err})
		case answer == nil:
			failures = 0
			report(Report{})
		default:
			failures = 0
			report(Report{Set: answer})
			known = *answer
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.pause(failures, busyFor(err))):
		}
	}
}

// pause returns the time until the next request: half of the usual one to half as much again, by chance. It is not shorter than
// the time for which the server wants none. The longer that was, the further apart the hosts come back.
func (w *Website) pause(failures int, busy time.Duration) time.Duration {
	pause := w.poll
	if failures > 0 {
		pause = min(pause, firstRetry<<min(failures-1, 16))
	}
	spread := max(pause, min(busy, w.poll))
	return max(pause/2, busy) + time.Duration(w.settings.Dice().Int64N(int64(spread)))
}
