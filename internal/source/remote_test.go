package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/config"
	"announcer/internal/remote"
)

const berlin = "https://prov.example.net/berlin.toml"

// server is an origin in a test's hands.
type server struct {
	reports  chan remote.Report
	known    []remote.Set // what each run began with
	warnings []string
}

func (s *server) String() string     { return berlin }
func (s *server) Warnings() []string { return s.warnings }

func (s *server) Follow(ctx context.Context, known remote.Set, report func(remote.Report)) {
	s.known = append(s.known, known)
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-s.reports:
			report(r)
		}
	}
}

// says has the server answer with a document, or fail with an error.
func (s *server) says(document, revision string) {
	s.reports <- remote.Report{Set: setOf(document, revision)}
}
func (s *server) fails(text string) { s.reports <- remote.Report{Err: errors.New(text)} }

func setOf(document, revision string) *remote.Set {
	return &remote.Set{Time: time.Now(), Revision: revision, Condition: revision, Files: []remote.File{{Name: "berlin.toml", Origin: berlin, Data: []byte(document)}}}
}

// tomlFile returns a document that publishes one service under a name.
func tomlFile(name string) string {
	return "[[group]]\nname = \"" + name + "\"\n[[group.service]]\ntype = \"_http._tcp\"\nport = 80\n"
}

// site is a host that takes its definitions from a server, and from a directory with a file of the same name as on the server.
type site struct {
	*bench
	server *server
	cache  remote.Cache
}

func newSite(t *testing.T, dir string) *site {
	s := &site{server: &server{reports: make(chan remote.Report)}, cache: remote.Cache{Dir: dir}}
	s.bench = &bench{providers: map[string]*simulated{}}
	s.source = New(Request{Services: []string{berlin, "/dir"}, Waits: true})
	s.source.Open = func(place string, _ time.Duration, _ remote.Settings) Provider {
		if place == berlin {
			return Remote(place, s.server, s.cache, s.source.Rules)
		}
		local := Item{Name: "berlin.toml", Origin: "/dir/berlin.toml", Data: []byte(tomlFile("Local"))}
		return &simulated{place: place, items: make(chan []Item), now: []Item{local, service("/dir", "d")}}
	}
	go s.source.Run(t.Context())
	go s.gather(t.Context())
	synctest.Wait()
	return s
}

// expect wants the updates since the last call, with the groups of the server by their names alone.
func (s *site) expect(t *testing.T, want ...string) {
	t.Helper()
	got := s.says()
	for _, group := range []string{"A", "B", "C", "Local"} {
		got = strings.NewReplacer(berlin+`: group "`+group+`"=`+group, group, `/dir/berlin.toml: group "`+group+`"=`+group, group).Replace(got)
	}
	got = strings.NewReplacer("/dir/d.service=d", "d", s.cache.Dir, "CACHE", berlin, "URL").Replace(got)
	if got != strings.Join(want, "\n") {
		t.Errorf("the updates are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// server returns how the server is shown.
func (s *site) shown(t *testing.T) PlaceStatus {
	t.Helper()
	synctest.Wait()
	return s.source.last.Places[0]
}

func TestServerOfDefinitions(t *testing.T) {
	since := func(text string) string {
		begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of synctest
		return text + "; what it defined on " + begin.Local().Format(time.DateTime) + " stays in use"
	}
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *site, again func() *site)
	}{
		{"an answer, an error, another answer", func(t *testing.T, s *site, _ func() *site) {
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
			s.server.fails("it answers 404 Not Found; want it there")
			s.expect(t, "A d URL: warning: "+since("it answers 404 Not Found; want it there"))
			s.server.says(tomlFile("B"), "2")
			s.expect(t, "B d")
		}},
		{"the server is down at the first start", func(t *testing.T, s *site, _ func() *site) {
			s.expect(t)
			time.Sleep(firstAnswer)
			s.expect(t, "Local d") // and an error, that it has not answered
			s.server.fails("it does not answer")
			s.expect(t, "Local d URL: it does not answer")
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
		}},
		{"a start without a line", func(t *testing.T, s *site, again func() *site) {
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
			time.Sleep(24 * time.Hour)
			s = again()
			s.expect(t, "A d")
			if at := s.shown(t).Server; at.Connected || at.Success.IsZero() || time.Since(at.Success) < 23*time.Hour || at.Revision != "1" {
				t.Errorf("shown as %+v", at)
			}
			s.server.fails("it can't be reached")
			s.expect(t, "A d URL: warning: "+since("it can't be reached"))
			if known := s.server.known[0]; known.Revision != "1" || known.Condition != "1" {
				t.Errorf("the server is asked with %+v", known)
			}
		}},
		{"a start with a cache of a clock that was a day ahead", func(t *testing.T, s *site, again func() *site) {
			future := time.Now().Add(24 * time.Hour)
			file := remote.File{Name: "berlin.toml", Origin: berlin, Data: []byte(tomlFile("A"))}
			if err := s.cache.Save(berlin, remote.Set{Time: future, Revision: "1", Condition: "1", Files: []remote.File{file}}); err != nil {
				t.Fatal(err)
			}
			s = again()
			s.expect(t, "A d")
			s.server.fails("it can't be reached")
			s.expect(t, "A d URL: warning: it can't be reached; what it defined on "+future.Local().Format(time.DateTime)+
				" stays in use; that is in the future, since the clock of this host is wrong or was wrong then")
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
			if saved, ok, err := s.cache.Load(berlin); !ok || err != nil || saved.Time.After(time.Now()) {
				t.Errorf("it is saved as of %v, %v", saved.Time, err)
			}
		}},
		{"a definition with an error", func(t *testing.T, s *site, again func() *site) {
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
			s.server.says("[[group]]\nnam = 'B'\n", "2")
			const wrong = `URL:1:1: group: the group has no service; want at least one URL:2:1: "nam": unknown key in [[group]]; did you mean "name"?`
			s.expect(t, "A d "+wrong+" URL: warning: its last good version stays announced")
			if p := s.shown(t); p.Refused != 1 || p.Server.Revision != "2" || !p.Server.Connected {
				t.Errorf("shown as %+v, %+v", p, p.Server)
			}
			s = again() // while the server still has the error
			s.expect(t, "A d")
			if known := s.server.known[0]; known.Condition != "" || known.Revision != "2" {
				t.Errorf("the server is asked with %+v", known)
			}
			s.server.says("[[group]]\nnam = 'B'\n", "2")
			s.expect(t, "A d "+wrong+" URL: warning: its last good version stays announced")
			s = again()
			s.server.says(tomlFile("C"), "3")
			s.expect(t, "A d", "C d")
		}},
		{"a definition that was never good", func(t *testing.T, s *site, _ func() *site) {
			s.server.says("x", "1")
			if got := s.says(); !strings.HasPrefix(got, "/dir/d.service=d ") {
				t.Errorf("%q", got)
			}
		}},
		{"nothing on purpose", func(t *testing.T, s *site, again func() *site) {
			s.server.says(tomlFile("A"), "1")
			s.server.says("group = []\n", "2")
			s.expect(t, "A d", "d")
			s = again()
			s.expect(t, "d")
		}},
		{"a reload waits for the server", func(t *testing.T, s *site, _ func() *site) {
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
			s.source.Reload()
			s.expect(t)
			s.server.says(tomlFile("B"), "2")
			s.expect(t, "B d reload")
			s.source.Reload()
			time.Sleep(ReloadTime)
			s.expect(t, "B d reload owes:URL")
		}},
		{"a damaged cache", func(t *testing.T, s *site, again func() *site) {
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
			damage(t, s.cache.Dir)
			s = again()
			time.Sleep(firstAnswer)
			const warning = "URL: warning: the cache CACHE/FILE is ignored: its checksum is wrong, as a crash or a faulty disk leaves a file"
			s.expectFile(t, "Local d "+warning)
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d")
			s = again()
			s.expect(t, "A d")
		}},
		{"a cache that can't be written", func(t *testing.T, s *site, _ func() *site) {
			if err := os.WriteFile(s.cache.Dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d URL: warning: it is not kept in CACHE, so that a restart without the server lacks it: not a directory")
			if err := os.Remove(s.cache.Dir); err != nil {
				t.Fatal(err)
			}
			s.server.reports <- remote.Report{} // unchanged
			s.expect(t, "A d")
		}},
		{"how old it is after months without a change", func(t *testing.T, s *site, again func() *site) {
			s.server.says(tomlFile("A"), "1")
			for range 100 {
				time.Sleep(30 * time.Minute)
				s.server.reports <- remote.Report{}
			}
			s = again()
			if at := s.shown(t).Server; time.Since(at.Success) > confirmed {
				t.Errorf("it is shown to be of %v ago, want at most %v", time.Since(at.Success), confirmed)
			}
		}},
		{"warnings", func(t *testing.T, s *site, _ func() *site) {
			s.server.warnings = []string{"others can read it"}
			s.server.says(tomlFile("A"), "1")
			s.expect(t, "A d URL: warning: others can read it")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			synctest.Test(t, func(t *testing.T) {
				test.run(t, newSite(t, dir), func() *site { return newSite(t, dir) })
			})
		})
	}
}

// TestCheckThatCannotBeMade has a server send a definition whose check can't be made, by itself or because of a rule. Its last good
// version is announced, and it is after a restart, too.
func TestCheckThatCannotBeMade(t *testing.T) {
	const rule = "[[rule]]\nmatch = '*.service'\ncheck = 'auto'\n"
	unit := func(kind string, port int) string {
		return fmt.Sprintf("<service-group><name>A</name><service><type>%s</type><port>%d</port></service></service-group>", kind, port)
	}
	for _, test := range []struct{ name, config, file, good, bad string }{
		{"a rule over a .service", rule, "berlin.service", unit("_http._tcp", 80), unit("_sip._udp", 5060)},
		{"a group in TOML", "", "berlin.toml", tomlFile("A"), "[[group]]\nname = 'A'\ncheck = 'auto'\n[[group.service]]\ntype = '_sip._udp'\nport = 5060\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cache, place := remote.Cache{Dir: t.TempDir()}, "https://prov.example.net/"+test.file
			synctest.Test(t, func(t *testing.T) {
				start := func() (*bench, *server, func()) {
					b, from := &bench{}, &server{reports: make(chan remote.Report)}
					b.source = New(Request{ConfigFile: "/announcer.toml", Waits: true})
					b.source.Open = func(path string, _ time.Duration, _ remote.Settings) Provider {
						if path == place {
							return Remote(path, from, cache, b.source.Rules)
						}
						text := fmt.Sprintf("[daemon]\nservices = [%q]\n%s", place, test.config)
						return &simulated{place: path, items: make(chan []Item), now: []Item{{Name: "announcer.toml", Origin: path, Data: []byte(text)}}}
					}
					ctx, stop := context.WithCancel(t.Context())
					go b.source.Run(ctx)
					go b.gather(ctx)
					synctest.Wait()
					return b, from, stop
				}
				send := func(from *server, text string) {
					from.reports <- remote.Report{Set: &remote.Set{Revision: text, Files: []remote.File{{Name: test.file, Origin: place, Data: []byte(text)}}}}
					synctest.Wait()
				}
				announced := func(b *bench) (types []string) {
					for _, p := range b.source.last.Publications {
						types = append(types, p.Group.Services[0].Type.String())
					}
					return types
				}
				b, from, stop := start()
				send(from, test.good)
				send(from, test.bad)
				if got := announced(b); !slices.Equal(got, []string{"_http._tcp"}) {
					t.Errorf("announced is %q", got)
				}
				stop()
				synctest.Wait()
				b, from, _ = start()
				for _, when := range []string{"at the start", "after the first answer"} {
					if got := announced(b); !slices.Equal(got, []string{"_http._tcp"}) {
						t.Errorf("after a restart, %s, announced is %q", when, got)
					}
					send(from, test.bad)
				}
			})
		})
	}
}

// TestSavedBeforeUsed wants a set on the disk at the moment at which it is yielded.
func TestSavedBeforeUsed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		origin, cache := &server{reports: make(chan remote.Report)}, remote.Cache{Dir: dir}
		yielded := make(chan string)
		go Remote(berlin, origin, cache, config.Default().Overlay).Run(t.Context(), func(items []Item) {
			if items == nil {
				return
			}
			set, _, err := cache.Load(berlin)
			if err != nil || len(set.Files) != 1 || string(set.Files[0].Data) != string(items[0].Data) {
				t.Errorf("on disk is %+v, %v", set, err)
			}
			yielded <- items[0].Name
		})
		for _, name := range []string{"A", "B"} {
			origin.says(tomlFile(name), name)
			if got := <-yielded; got != "berlin.toml" {
				t.Error(got)
			}
		}
	})
}

// damage changes a byte in each file of a directory.
func damage(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-3] ^= 1
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// expectFile is expect, with the name of the file in the cache as FILE.
func (s *site) expectFile(t *testing.T, want string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(s.cache.Dir, "*"))
	s.expect(t, strings.ReplaceAll(want, "FILE", filepath.Base(files[0])))
}

// TestOpen wants a place that can't be one reported, without its secrets.
func TestOpen(t *testing.T) {
	for _, test := range []struct{ name, place, want string }{
		{"a scheme", "ftp://x/a.toml", `ftp://x/a.toml: "ftp://" is not a way to get definitions`},
		{"a password", "https://u:secret@x/a.toml", "https://…@x/a.toml: a URL is printed and logged; want user and password_file in [remote]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			snap, err := Load(t.Context(), Request{Services: []string{test.place}})
			if err != nil || !strings.HasPrefix(snap.Findings.Error(), test.want) || strings.Contains(snap.Findings.Error(), "secret") {
				t.Errorf("%v, %v; want %q", snap.Findings, err, test.want)
			}
		})
	}
}

// TestNewProviderThatHangs wants what a place defined kept if its provider is started again, for another interval or other
// settings of [remote], and does not answer.
func TestNewProviderThatHangs(t *testing.T) {
	in := Input{Host: "pbx", Now: time.Now(), Places: []Place{{Path: "/mnt", Items: []Item{service("/mnt", "a")}}}}
	_, memory := Merge(in, Memory{})
	in.Places[0] = Place{Path: "/mnt", Silent: time.Now()}
	for range 2 {
		var snap Snapshot
		if snap, memory = Merge(in, memory); len(snap.Publications) != 1 || snap.Findings.Err() == nil {
			t.Errorf("%d publications and the findings %v; want what was there before, and an error", len(snap.Publications), snap.Findings)
		}
	}
}

// TestDamagedAnswer wants a document that can't be used to be asked for as a whole again, whatever its ETag.
func TestDamagedAnswer(t *testing.T) {
	for _, test := range []struct{ name, document, condition string }{
		{"good", tomlFile("PBX"), `"1"`},
		{"withdrawn", "group = []\n", `"1"`},
		{"cut", tomlFile("PBX")[:20], ""},
		{"too long", strings.Repeat("#", MaxFile+1), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, set := newSite(t, t.TempDir()), setOf(test.document, `"1"`)
				s.server.reports <- remote.Report{Set: set}
				synctest.Wait()
				if set.Condition != test.condition {
					t.Errorf("the next request has the condition %s, want %s", set.Condition, test.condition)
				}
			})
		})
	}
}
