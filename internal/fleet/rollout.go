package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rollout writes a plan to a store, batch by batch.
type Rollout struct {
	Store    Writable
	Root     Root
	Batch    int           // sites that are written before their hosts are waited for
	Wait     time.Duration // for the hosts of a batch
	Progress func(Progress)

	hosts *Follower
	done  Progress
}

// Progress is how far a rollout has come.
type Progress struct {
	Batch, Batches int  // the one at work, from 1; 0: the sites that an earlier run has written
	Sites, Total   int  // that are written
	Hosts          int  // of the batch, which are waited for
	Taken          int  // of them, those that have taken their definitions
	Complete       bool // nothing of the batch is waited for
}

// StoppedError reports that a rollout has stopped before its end.
type StoppedError struct {
	Progress
	Err error // why
}

func (e *StoppedError) Error() string {
	if e.Batch == 0 {
		return fmt.Sprintf("stopped before anything was written, at the sites that an earlier run has written: %v", e.Err)
	}
	return fmt.Sprintf("stopped at batch %d of %d, with %d of %d sites written: %v", e.Batch, e.Batches, e.Sites, e.Total, e.Err)
}

func (e *StoppedError) Unwrap() error { return e.Err }

// Run makes the changes of a plan, which was made of fleet, a batch of sites at a time. After each batch it waits until
// every host that was present has taken them without a new problem; it stops if one does not. Before the first batch it
// waits for the hosts of the sites that an earlier run has written. Each site has either its old or its new definitions at
// any time.
func (r *Rollout) Run(ctx context.Context, fleet Fleet, plan Plan) (err error) {
	if err := plan.prepare(fleet, r.Root); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if r.hosts, err = Follow(ctx, ctx, r.Store, r.Root); err != nil {
		return err
	}
	r.done = Progress{Batches: (len(plan.Sites) + r.Batch - 1) / r.Batch, Total: len(plan.Sites)}
	if err := r.resume(ctx, plan.Earlier); err != nil {
		return &StoppedError{r.done, err}
	}
	for batch := range slices.Chunk(plan.Sites, r.Batch) {
		r.done.Batch++
		if err := r.roll(ctx, batch); err != nil {
			return &StoppedError{r.done, err}
		}
	}
	return nil
}

// commitTime is how long the store may take to write a site.
const commitTime = 10 * time.Second

// waited is a host that is to take definitions.
type waited struct {
	site, host string   // whose definitions, and SITE/HOST
	revision   int64    // that it is to take
	before     troubles // before the batch was written
}

// resume waits for the hosts of sites that an earlier run has written.
func (r *Rollout) resume(ctx context.Context, sites []string) error {
	if len(sites) == 0 {
		return nil
	}
	var hosts []waited
	for _, name := range sites {
		s := r.hosts.site(name)
		for at, t := range r.hosts.takers(name) {
			before, reported := s.push.Hosts[at]
			if !reported {
				before = t.troubles()
			}
			hosts = append(hosts, waited{name, at, s.pushedAt, before})
		}
	}
	r.done.Hosts = len(hosts)
	return r.await(ctx, hosts)
}

// roll writes a batch, and waits for its hosts.
func (r *Rollout) roll(ctx context.Context, batch []SitePlan) error {
	if err := r.hosts.Catch(ctx, 0); err != nil {
		return err
	}
	var hosts []waited
	for _, p := range batch {
		for name, t := range r.hosts.takers(p.Site) {
			hosts = append(hosts, waited{site: p.Site, host: name, before: t.troubles()})
		}
	}
	r.done.Hosts, r.done.Taken, r.done.Complete = len(hosts), 0, false
	for _, p := range batch {
		revision, err := r.commit(ctx, p)
		if err != nil {
			return err
		}
		for i := range hosts {
			if hosts[i].site == p.Site {
				hosts[i].revision = revision
			}
		}
		r.done.Sites++
		r.Progress(r.done)
	}
	return r.await(ctx, hosts)
}

// commit writes a site.
func (r *Rollout) commit(ctx context.Context, p SitePlan) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	revision, err = r.Store.Commit(ctx, p.transaction)
	switch {
	case errors.Is(err, ErrChanged):
		return 0, fmt.Errorf("%s is not written: %w", p.Site, err)
	case err != nil:
		return 0, fmt.Errorf("%s has its old or its new definitions, because the answer of the store is missing: %w", p.Site, err)
	}
	return revision, nil
}

// errLate is the cause for which the wait for a batch ends.
var errLate = errors.New("the hosts were not ready in time")

// await waits until hosts have taken their definitions.
func (r *Rollout) await(ctx context.Context, hosts []waited) error {
	within, cancel := context.WithTimeoutCause(ctx, r.Wait, errLate)
	defer cancel()
	for {
		missing, err := r.missing(hosts)
		if err != nil {
			return err
		}
		r.done.Taken, r.done.Complete = len(hosts)-len(missing), len(missing) == 0
		r.Progress(r.done)
		if len(missing) == 0 {
			return nil
		}
		switch err := r.hosts.Next(within, ctx); {
		case errors.Is(err, errLate):
			return fmt.Errorf("%s within %s", sentence(missing), r.Wait)
		case err != nil:
			return err
		}
	}
}

// missingMost is the most hosts that a sentence names.
const missingMost = 3

// sentence joins what is missing to one sentence.
func sentence(missing []string) string {
	if more := len(missing) - missingMost; more > 0 {
		return strings.Join(missing[:missingMost], "; ") + fmt.Sprintf("; and %d more hosts", more)
	}
	return strings.Join(missing, "; ")
}

// missing returns what hosts have not done yet, or an error if one can't take its definitions.
func (r *Rollout) missing(hosts []waited) ([]string, error) {
	var missing []string
	takers := map[string]map[string]taker{}
	for _, w := range hosts {
		if takers[w.site] == nil {
			takers[w.site] = r.hosts.takers(w.site)
		}
		now, present := takers[w.site][w.host]
		if !present {
			return nil, fmt.Errorf("%s does not report any more", w.host)
		}
		refused, problem := w.refused(now.Presence), w.problem(now.Presence)
		switch {
		case now.taken < w.revision:
			missing = append(missing, fmt.Sprintf("%s has not taken revision %d (it has %d)", w.host, w.revision, now.taken))
		case refused != "":
			return nil, fmt.Errorf("%s refuses %s", w.host, refused)
		case !now.Settled:
			missing = append(missing, w.host+" has not announced everything")
		case problem != "":
			return nil, fmt.Errorf("%s has a new problem: %s", w.host, problem)
		}
	}
	return missing, nil
}

// refused returns why a host refuses a definition that it did not refuse before, "" if there is none.
func (w waited) refused(now Presence) string {
	for _, f := range now.Refused {
		if !slices.ContainsFunc(w.before.Refused, func(b Refused) bool { return b.File == f.File && b.Why == f.Why }) {
			return cmp.Or(f.Why, f.File)
		}
	}
	return ""
}

// problem returns a problem that a host did not have before, "" if there is none.
func (w waited) problem(now Presence) string {
	for _, problem := range now.Problems {
		if !slices.Contains(w.before.Problems, problem) {
			return problem
		}
	}
	return ""
}
