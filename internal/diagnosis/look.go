package diagnosis

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"announcer/internal/control"
	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/firewall"
	"announcer/internal/guard"
	"announcer/internal/health"
	"announcer/internal/mdns/browse"
	"announcer/internal/mdns/link"
	"announcer/internal/netwatch"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/validate"
	"announcer/internal/within"
)

// Options say what to look at.
type Options struct {
	Request source.Request // of the definitions; without any, those of the daemon that runs, or would run
	Default bool           // the request names none
	Sockets []string       // places for the socket of the daemon
	Root    string         // below which the files of other programs are: "/"
	Wait    time.Duration  // how long to listen
	Lookup  guard.Lookup   // of the servers that definitions name
}

// Limits of time, beside that for listening.
const (
	stepTime  = 3 * time.Second        // for what takes no time unless it hangs
	fileTime  = 7 * time.Second        // for the definitions: one place may take five seconds
	askTime   = 3 * time.Second        // for the answer of one server
	allAsked  = 6 * time.Second        // for the answers of all servers
	settling  = 500 * time.Millisecond // between the first packet and the first frame that are read, and between the last ones
	asksMost  = 100                    // servers that are asked
	asksAtOne = 8                      // time
)

// task is a look, which may hang. It returns what puts its result into a sight.
type task struct {
	what Subject
	most time.Duration
	look func() (func(*Sight), error)
}

// Look looks at everything. It takes the time for listening and at most 20 seconds more, whatever hangs.
func Look(ctx context.Context, o Options) Sight {
	s := Sight{Wait: o.Wait, Failed: map[Subject]string{}}
	s.run(daemonTask(ctx, o), linksTask())
	s.run(filesTask(ctx, o.of(s.Daemon)))
	s.choose(o)
	used, _ := s.chosen()
	tasks := []task{sharersTask(), rulesTask(ctx), switchesTask(), s.answersTask(ctx, o)}
	listening, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	if len(used) > 0 {
		tasks = append(tasks, s.networkTasks(listening, o.Wait, used)...)
	}
	s.run(tasks...)
	return s
}

// run runs tasks at once.
func (s *Sight) run(tasks ...task) {
	type result struct {
		put func(*Sight)
		err error
	}
	results := make([]result, len(tasks))
	var all errgroup.Group
	for i, t := range tasks {
		all.Go(func() error {
			r, ok := within.Do(t.most, func() (r result) {
				r.put, r.err = t.look()
				return r
			})
			if !ok {
				r.err = fmt.Errorf("%s: no result within %v: something hangs", t.what, t.most)
			}
			results[i] = r
			return nil
		})
	}
	_ = all.Wait() // each task keeps its own error
	for i, r := range results {
		if r.put != nil {
			r.put(s)
		}
		if r.err != nil {
			s.Failed[tasks[i].what] = r.err.Error()
		}
	}
}

func linksTask() task {
	return task{lookLinks, stepTime, func() (func(*Sight), error) {
		links, err := netwatch.Read()
		return func(s *Sight) { s.Links = links }, err
	}}
}

// daemonTask asks the daemon of this host.
func daemonTask(ctx context.Context, o Options) task {
	return task{lookDaemon, stepTime, func() (func(*Sight), error) {
		running := askDaemon(ctx, o.Sockets)
		_, running.Installed = validate.ReadUnit(o.Root)
		return func(s *Sight) { s.Daemon = running }, nil
	}}
}

func askDaemon(ctx context.Context, places []string) (r Running) {
	client, err := control.Dial(places)
	if err != nil {
		_, denied := errors.AsType[*control.DeniedError](err)
		return Running{Why: err.Error(), Denied: denied}
	}
	var answer bytes.Buffer
	if _, err = client.Status(ctx, &answer, true); err == nil {
		err = json.Unmarshal(answer.Bytes(), &r)
	}
	if err != nil {
		return Running{Why: err.Error()}
	}
	return r
}

// of returns the options with the definitions of a daemon, if they name none.
func (o Options) of(r Running) Options {
	if !o.Default || !r.answers() {
		return o
	}
	o.Request.ConfigFile, o.Request.Services = "", nil
	cwd, _ := os.Readlink("/proc/" + strconv.Itoa(r.Daemon.PID) + "/cwd") // "" if that is another user's
	for i, place := range r.Sources {
		path := place.Name
		if !remote.IsURL(path) && !filepath.IsAbs(path) {
			path = filepath.Join(cwd, path)
		}
		if i == 0 && strings.HasSuffix(path, ".toml") {
			o.Request.ConfigFile = path
			continue
		}
		o.Request.Services = append(o.Request.Services, path)
	}
	return o
}

// filesTask reads the definitions.
func filesTask(ctx context.Context, o Options) task {
	return task{lookFiles, fileTime, func() (func(*Sight), error) {
		snap, err := source.Load(ctx, o.Request)
		if err != nil {
			return nil, err
		}
		defined := Defined{Files: snap.Files, Findings: snap.Findings}
		if snap.Usable() == nil {
			together := validate.Together(validate.Anywhere(snap.Publications, snap.Host), snap.Config.Engine)
			defined.Findings = validate.List(snap.Findings, together, byDPMA(o.Root, snap))
		}
		if unit, ok := validate.ReadUnit(o.Root); ok {
			defined.Unreadable = unit.Unreadable(places(snap))
		}
		return func(s *Sight) {
			s.Defined, s.Groups, s.Host = defined, snap.Publications, snap.Host
			s.Allow, s.Deny = snap.Config.Interfaces, snap.Config.InterfacesDeny
		}, nil
	}}
}

// dpmaFile is where Asterisk has the configuration of DPMA, below the root.
const dpmaFile = "etc/asterisk/res_digium_phone.conf"

// byDPMA returns what DPMA on this host announces by itself, and whether phones find it beside the definitions.
func byDPMA(root string, snap source.Snapshot) diag.Findings {
	path := filepath.Join(root, dpmaFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return validate.Paths([]string{path}, validate.Options{Engine: snap.Config.Engine, Host: snap.Host, Beside: snap.Publications}).Findings
}

// places returns the paths that a snapshot was read from.
func places(snap source.Snapshot) (paths []string) {
	for _, p := range snap.Places {
		if !remote.IsURL(p.Name) {
			paths = append(paths, p.Name)
		}
	}
	return paths
}

// choose takes the links that are named, or those that the daemon uses.
func (s *Sight) choose(o Options) {
	switch {
	case len(o.Request.Interfaces) > 0:
		s.Allow = o.Request.Interfaces
	case len(s.Allow) == 0:
		s.Allow = s.Daemon.used()
	}
}

func sharersTask() task {
	return task{lookSharers, stepTime, func() (func(*Sight), error) {
		sharers := sharers()
		return func(s *Sight) { s.Sharers = sharers }, nil
	}}
}

func rulesTask(ctx context.Context) task {
	return task{lookRules, stepTime, func() (func(*Sight), error) {
		rules, err := firewall.Read(ctx)
		return func(s *Sight) { s.Rules = rules }, err
	}}
}

func switchesTask() task {
	return task{lookSwitches, stepTime, func() (func(*Sight), error) {
		switches, err := netwatch.Switching()
		return func(s *Sight) { s.Switches = switches }, err
	}}
}

// networkTasks listen on the links until ctx is done, which is after wait.
func (s *Sight) networkTasks(ctx context.Context, wait time.Duration, used publication.Links) []task {
	most, own, other := wait+stepTime, s.ownAddresses(), s.others(used)
	return []task{
		{lookListen, most, func() (func(*Sight), error) {
			conn, err := link.OpenClient()
			if err != nil {
				return nil, err
			}
			h := listen(ctx, conn, used, other, own)
			return func(s *Sight) { s.Hearing = h }, nil
		}},
		{lookUnicast, most, func() (func(*Sight), error) {
			hosts, err := byUnicast(ctx, used, own)
			return func(s *Sight) { s.Unicast = hosts }, err
		}},
		{lookFrames, most, func() (func(*Sight), error) {
			ctx, cancel := context.WithTimeout(ctx, wait-settling)
			defer cancel()
			select {
			case <-ctx.Done():
			case <-time.After(settling):
			}
			frames, err := capture(ctx, used)
			return func(s *Sight) { s.Frames = frames }, err
		}},
		{lookServices, most, func() (func(*Sight), error) {
			found, err := browse.Services(ctx, []browse.Question{{Type: phones.ServiceType, Domain: dnsname.Local}}, used)
			found = browse.WithMACs(found, netwatch.MACs())
			neighbours := netwatch.Neighbours()
			return func(s *Sight) { s.Services, s.Neighbours = found, neighbours }, err
		}},
	}
}

// others returns the links that nothing is announced on, and that phones could be behind.
func (s *Sight) others(used publication.Links) publication.Links {
	return slices.DeleteFunc(slices.Clone(s.Links), func(l publication.Link) bool {
		return used.Has(l.Index) || !l.Outage.IsZero() || l.Loopback || l.Master != "" || len(l.Addrs) == 0
	})
}

// sharers returns the other programs that share port 5353.
func sharers() []string {
	self := fmt.Sprintf("(pid %d)", os.Getpid())
	return slices.DeleteFunc(link.NewSharing().Programs(), func(name string) bool { return strings.HasSuffix(name, self) })
}

// ownAddresses returns all addresses of this host.
func (s Sight) ownAddresses() (own []netip.Addr) {
	for _, l := range s.Links {
		for _, a := range l.Addrs {
			own = append(own, a.Addr().WithZone(""))
		}
	}
	return own
}

// answersTask asks the servers that definitions name.
func (s *Sight) answersTask(ctx context.Context, o Options) task {
	return task{lookAnswers, allAsked + time.Second, func() (func(*Sight), error) {
		ctx, cancel := context.WithTimeout(ctx, allAsked)
		defer cancel()
		probed, err := probe(ctx, s.Groups, health.Asker{Lookup: o.Lookup})
		return func(s *Sight) { s.Defined.Probes = probed }, err
	}}
}

// probe asks each server once. It reports an error if there are too many.
func probe(ctx context.Context, groups []publication.Publication, asker health.Asker) ([]Probed, error) {
	asked, left := questions(groups)
	why := map[health.Probe]string{}
	todo := slices.Collect(maps.Keys(asked))
	answers := make([]string, len(todo))
	var all errgroup.Group
	all.SetLimit(asksAtOne)
	for i, p := range todo {
		all.Go(func() error {
			one, cancel := context.WithTimeout(ctx, askTime)
			defer cancel()
			if err := asker.Ask(one, p); err != nil {
				answers[i] = cmp.Or(err.Error(), "unknown")
			}
			return nil
		})
	}
	_ = all.Wait() // each answer is kept
	for i, p := range todo {
		why[p] = answers[i]
	}
	var probed []Probed
	for _, p := range todo {
		probed = append(probed, Probed{asked[p], p.Target, why[p]})
	}
	slices.SortFunc(probed, func(a, b Probed) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Target, b.Target)) })
	if left > 0 {
		return probed, fmt.Errorf("%d more servers were not asked", left)
	}
	return probed, nil
}

// questions returns what is to be asked, with the first definition that names it, and how many servers are left out.
func questions(groups []publication.Publication) (asked map[health.Probe]string, left int) {
	asked = map[health.Probe]string{}
	for _, g := range groups {
		g.Check = publication.CheckAuto
		parts, err := health.Plan(g)
		if err != nil {
			continue // there is nothing to ask
		}
		for _, p := range slices.Concat(parts...) {
			switch _, known := asked[p]; {
			case known:
			case len(asked) == asksMost:
				left++
			default:
				asked[p] = g.ID
			}
		}
	}
	return asked, left
}
