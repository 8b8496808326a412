package daemon

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/diag"
	"announcer/internal/publication"
	"announcer/internal/source"
	"announcer/internal/status"
	"announcer/internal/validate"
)

// phone is a file that announces a server for phones.
func phone(name string, txt ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<service-group><name>%s</name><service><type>_digiumproxy._udp</type><port>5060</port>", name)
	for _, t := range txt {
		fmt.Fprintf(&b, "<txt-record>%s</txt-record>", t)
	}
	return b.String() + "</service></service-group>"
}

const (
	asterisk = "serviceType=asterisk"
	sipURL   = "sipUrl=sip:proxy@192.0.2.20"
	here     = "[daemon]\nservices = [\".\"]\n"
)

// TestOneList has each thing that can be wrong with definitions, and asks all who report it: announcer validate, the log,
// the status, its text, announcer verify and the metrics. They have one list, so that all agree.
func TestOneList(t *testing.T) {
	good := phone("good", asterisk, sipURL)
	for _, test := range []struct {
		name     string
		config   string
		files    map[string]string
		spoil    func(dir string) error // after the start; nil: it is wrong from the start
		finding  string
		severity diag.Severity
		all      int    // findings, with those that follow from it; 0: only this one
		last     string // what is announced
	}{
		{"nothing", here, map[string]string{"a.service": good}, nil, "", 0, 0, "good on eth0"},
		{"no XML", here, map[string]string{"a.service": "<service-group>"}, nil, "a.service:1:16: <service-group>: ", diag.Error, 0, "on eth0"},
		{"a port that is a word", here, map[string]string{"a.service": strings.Replace(good, "5060", "eighty", 1)}, nil, `<port>: "eighty" is not a port`, diag.Error, 0, "on eth0"},
		{"a mistyped serviceType", here, map[string]string{"a.service": phone("x", "serviceType=asteriks", sipURL)}, nil,
			`"asteriks" is not a serviceType that phones know; did you mean asterisk? [phones/service-type]`, diag.Unfit, 0, "x on eth0"},
		{"an empty sipUrl", here, map[string]string{"a.service": phone("x", asterisk, "sipURL=")}, nil, "[phones/sip-url]", diag.Unfit, 2, "x on eth0"},
		{"a template that nobody filled in", here, map[string]string{"a.service": phone("x", asterisk, "sipUrl=sip:proxy@$HOST")}, nil, "[phones/host]", diag.Unfit, 0, "x on eth0"},
		{"the phone itself", here, map[string]string{"a.service": phone("x", asterisk, "sipUrl=sip:proxy@localhost")}, nil, "[phones/host]", diag.Unfit, 0, "x on eth0"},
		{"a group of the configuration", here + "[[group]]\nname = \"x\"\n[[group.service]]\ntype = \"_digiumproxy._udp\"\nport = 5060\n", nil, nil,
			"announcer.toml:5:1: service: serviceType is missing", diag.Unfit, 0, "x on eth0"},
		{"an odd key", here, map[string]string{"a.service": phone("x", asterisk, sipURL, "sipUlr=1")}, nil, "[phones/unknown-key]", diag.Warning, 0, "x on eth0"},
		{"the host of somebody else", here, map[string]string{"a.service": strings.Replace(definition, "<port>", "<host-name>pbx.local</host-name><port>", 1)}, nil,
			"no address is published for pbx.local", diag.Warning, 0, "x on eth0"},
		{"two servers for phones", here, map[string]string{"a.service": good, "b.service": phone("other", asterisk, sipURL)}, nil,
			`"other" is announced beside "good" of `, diag.Danger, 0, "good other on eth0"},
		{"two servers for phones, by a glob", here + "[[rule]]\nmatch = \"a*\"\ninterfaces = [\"eth0\"]\n[[rule]]\nmatch = \"b*\"\ninterfaces = [\"eth*\"]\n",
			map[string]string{"a.service": good, "b.service": phone("other", asterisk, sipURL)}, nil,
			`"other" is announced beside "good" of `, diag.Danger, 0, "good other on eth0"},
		{"two of one name", here, map[string]string{"a.service": definition, "b.service": strings.Replace(definition, "80", "81", 1)}, nil,
			`a _http._tcp of the name "x" too, with other data; this one is published as "x #2"`, diag.Warning, 0, "x x on eth0"},
		{"two of a type in a file", here, map[string]string{"a.service": strings.Replace(definition, "</service>", "</service><service><type>_http._tcp</type><port>81</port></service>", 1)}, nil,
			"[service/same-type]", diag.Warning, 0, "x on eth0"},
		{"a rule for no file", here + "[[rule]]\nmatch = \"frimware-*.service\"\non_conflict = \"fail\"\n", map[string]string{"a.service": good}, nil,
			"announcer.toml:3:1: rule 1: warning: it matches no file that is announced", diag.Warning, 0, "good on eth0"},
		{"what the engine can't do", here + "engine = \"zeroconf\"\n", map[string]string{"a.service": strings.Replace(definition, "<type>", "<subtype>_yy._sub._http._tcp</subtype><type>", 1)}, nil,
			"a.service: warning: ", diag.Warning, 0, "x on eth0"},
		{"a directory that is missing", "[daemon]\nservices = [\"nowhere\"]\n", nil, nil, "nowhere: warning: it does not exist", diag.Danger, 0, "on eth0"},
		{"a directory that can't be read", "[daemon]\nservices = [\"announcer.toml/d\"]\n", nil, nil, "announcer.toml/d: it can't be read: not a directory", diag.Error, 0, "on eth0"},
		{"a file that can't be opened", here, map[string]string{"b.service": good}, func(dir string) error { return os.Symlink("nowhere", filepath.Join(dir, "a.service")) },
			"a.service: it can't be opened: ", diag.Error, 0, "good on eth0"},
		{"a directory with the name of a file", here, map[string]string{"b.service": good}, func(dir string) error { return os.Mkdir(filepath.Join(dir, "a.service"), 0o755) },
			"a.service: it is a directory", diag.Error, 0, "good on eth0"},
		{"a file that is too large", here, map[string]string{"a.service": strings.Repeat(" ", source.MaxFile+1)}, nil, "a.service: it has more than ", diag.Error, 0, "on eth0"},
		{"a file that broke", here, map[string]string{"a.service": good}, func(dir string) error { return os.Truncate(filepath.Join(dir, "a.service"), 0) },
			"a.service: it is empty", diag.Error, 2, "good on eth0"},
		{"a directory that vanished", "[daemon]\nservices = [\"d\"]\n", map[string]string{"d/a.service": good}, func(dir string) error { return os.RemoveAll(filepath.Join(dir, "d")) },
			"d: warning: the directory does not exist any more", diag.Danger, 0, "on eth0"},
		{"an empty configuration", here, map[string]string{"a.service": good}, func(dir string) error { return os.Truncate(filepath.Join(dir, "announcer.toml"), 0) },
			"announcer.toml: it is empty", diag.Error, 2, "good on eth0"},
		{"a configuration that is gone", here, map[string]string{"a.service": good}, func(dir string) error { return os.Remove(filepath.Join(dir, "announcer.toml")) },
			"announcer.toml: it can't be opened: no such file or directory", diag.Error, 2, "good on eth0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, test.files, func(b *bench) { b.config = test.config })
				defer b.end()
				if test.spoil != nil {
					if err := test.spoil(b.dir); err != nil {
						t.Fatal(err)
					}
					b.files <- struct{}{}
					synctest.Wait()
				}
				if got := strings.TrimSpace(b.last()); got != test.last {
					t.Errorf("announced %q, want %q", got, test.last)
				}
				s := b.status(t)
				l := heard{t, b, test.severity, test.finding}
				if test.finding == "" {
					if len(s.Files.Findings) > 0 {
						t.Errorf("findings %v", s.Files.Findings)
					}
				} else {
					l.is("the status", s.Files.Findings, max(test.all, 1))
					l.logged()
				}
				l.judged(s)
				if test.spoil == nil {
					snap, err := source.Load(t.Context(), source.Request{ConfigFile: filepath.Join(b.dir, "announcer.toml")})
					if err != nil {
						t.Fatal(err)
					}
					desired, _ := snap.Desired(b.links)
					seen := validate.List(snap.Findings, validate.Together(desired, snap.Config.Engine))
					l.is("announcer validate", validate.Read(snap).Findings, len(s.Files.Findings))
					l.is("announcer verify", seen, len(s.Files.Findings))
				}
			})
		})
	}
}

// heard is what is reported of a finding.
type heard struct {
	t        *testing.T
	b        *bench
	severity diag.Severity
	text     string // a part of it; "": there is none
}

// is looks for the finding in a list.
func (h heard) is(who string, findings diag.Findings, all int) {
	h.t.Helper()
	isIt := func(f diag.Finding) bool { return strings.Contains(f.String(), h.text) && f.Severity == h.severity }
	if h.text != "" && !slices.ContainsFunc(findings, isIt) || h.text != "" && len(findings) != all {
		h.t.Errorf("%s has %d findings, want %d and one of %d, %q:\n%v", who, len(findings), all, h.severity, h.text, findings)
	}
}

// logged looks for each finding of the status in the log, which must hold it once.
func (h heard) logged() {
	h.t.Helper()
	for _, f := range h.b.status(h.t).Files.Findings {
		level := "WARN"
		if f.Severity == diag.Error {
			level = "ERROR"
		}
		line := fmt.Sprintf("level=%s msg=%s file=%s", level, quoted(f.Text), quoted(f.Place()))
		if n := strings.Count(h.b.log.String(), line); n != 1 {
			h.t.Errorf("%d lines of the log, want one %s:\n%s", n, line, h.b.log.String())
		}
	}
}

// quoted is how a word stands in the log.
func quoted(word string) string {
	if strings.ContainsAny(word, ` "=`) {
		return strconv.Quote(word)
	}
	return word
}

// judged looks whether a finding that is more than a warning is a problem, and everywhere.
func (h heard) judged(s status.Status) {
	h.t.Helper()
	isProblem := h.text != "" && h.severity > diag.Warning
	named := slices.ContainsFunc(s.Problems, func(p string) bool { return h.text != "" && strings.Contains(p, h.text) })
	if named != isProblem || s.Healthy == isProblem {
		h.t.Errorf("healthy %t, problems %q", s.Healthy, s.Problems)
	}
	var text strings.Builder
	if err := s.WriteText(&text, 0); err != nil {
		h.t.Fatal(err)
	}
	if strings.Contains(text.String(), "all is well") == isProblem {
		h.t.Errorf("the text is\n%s", text.String())
	}
	answer := httptest.NewRecorder()
	status.Metrics(func() (status.Status, error) { return s, nil }).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		fmt.Sprintf("announcer_healthy %d", map[bool]int{true: 0, false: 1}[isProblem]),
		fmt.Sprintf("announcer_problems %d", len(s.Problems)),
		fmt.Sprintf(`announcer_findings{severity="error"} %d`, len(s.Files.Findings.Errors())),
		fmt.Sprintf(`announcer_findings{severity="warning"} %d`, len(s.Files.Findings.Warnings())),
	} {
		if !strings.Contains(answer.Body.String(), "\n"+want+"\n") {
			h.t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestProblemsBesideDefinitions has the links and the daemon itself be wrong.
func TestProblemsBesideDefinitions(t *testing.T) {
	port := testLink(3, "eth1")
	port.Master = "br0"
	duplicate := testLink(1, "eth0")
	duplicate.Addrs = append(duplicate.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix("2001:db8::7/64"), Tentative: true, Duplicate: true})
	quiet, old := testLink(1, "eth0"), testLink(1, "eth0")
	quiet.NoARP = true
	old.Addrs = append(old.Addrs, publication.LinkAddr{Prefix: netip.MustParsePrefix("fe80::7/64")})
	old.Addrs[0].Deprecated = true
	for _, test := range []struct {
		name   string
		config string
		links  []publication.Link
		later  func(b *bench)
		want   string // a part of the only problem; "": there is none
		hint   string
	}{
		{"nothing", here, []publication.Link{testLink(1, "eth0")}, nil, "", ""},
		{"an interface that is not there", here + "interfaces = [\"eth0\", \"vlan20\"]\n", []publication.Link{testLink(1, "eth0")}, nil,
			`no host is reached on "vlan20", which is named: it does not exist; check the name, or plug it in`, ""},
		{"a glob that matches nothing", here + "interfaces = [\"eth0\", \"vlan*\"]\n", []publication.Link{testLink(1, "eth0")}, nil, "", `no interface matches "vlan*"`},
		{"the port of a bridge", here + "interfaces = [\"eth0\", \"eth1\"]\n", []publication.Link{testLink(1, "eth0"), port}, nil, `no host is reached on "eth1", which is named: it is a port of br0`, ""},
		{"an interface that is down", here + "interfaces = [\"eth0\", \"eth1\"]\n", []publication.Link{testLink(1, "eth0"), broken(2, "eth1")}, nil,
			`no host is reached on "eth1", which is named: down; ip link set eth1 up`, "eth1 is down (ip link set eth1 up)"},
		{"an interface of a rule that is down", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"eth1\"]\n", []publication.Link{testLink(1, "eth0"), broken(2, "eth1")}, nil,
			"is not announced on any link: eth1 is not used: down; ip link set eth1 up", ""},
		{"an interface of a rule that does not exist", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"ea\"]\n", []publication.Link{testLink(1, "eth0")}, nil,
			"is not announced on any link: ea is not used: it does not exist", ""},
		{"an interface of a rule that is left out", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"eth0\", \"docker0\"]\n", []publication.Link{testLink(1, "eth0"), testLink(2, "docker0")}, nil,
			`no host is reached on "docker0", which is named: its name is that of an interface of`, ""},
		{"no interface of a rule", here + "[[rule]]\nmatch = \"*\"\ninterfaces = [\"vlan20\"]\n", []publication.Link{testLink(1, "eth0")}, nil, `is not announced on any link`, ""},
		{"links that can't be read", here, []publication.Link{testLink(1, "eth0")}, func(b *bench) {
			b.setLinks(errors.New("netlink is gone"))
			b.changed <- struct{}{}
		}, "the current links and servers are not announced yet: netlink is gone", ""},
		{"a setting for after a restart", here, []publication.Link{testLink(1, "eth0")}, func(b *bench) {
			_ = os.WriteFile(filepath.Join(b.dir, "announcer.toml"), []byte(here+"log_level = \"debug\"\n"), 0o644)
			b.files <- struct{}{}
		}, "", "another log_level is configured; it is used after a restart"},
		{"an address that another host has", here, []publication.Link{duplicate}, nil, "", "2001:db8::7 on eth0: not announced, since another host on the link has the address"},
		{"an address whose lifetime has run out, alone", here, []publication.Link{old}, nil, "", "192.0.2.5 on eth0: its lifetime has run out (deprecated), and the link has no other address; want it renewed"},
		{"ARP that is off", here, []publication.Link{quiet}, nil, "", "ARP is off on eth0: hosts find the services there, and reach none; want ip link set eth0 arp on"},
		{"a link for which nothing is defined", here + "interfaces = [\"*\"]\n[[rule]]\nmatch = \"*\"\ninterfaces = [\"eth*\"]\n", []publication.Link{testLink(1, "eth0"), testLink(2, "vlan20")}, nil,
			"", "nothing is announced on vlan20: no definition applies there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, map[string]string{"a.service": phone("x", asterisk, sipURL)}, func(b *bench) { b.config, b.links = test.config, test.links })
				defer b.end()
				if test.later != nil {
					test.later(b)
					time.Sleep(2 * heartbeat)
					synctest.Wait()
				}
				s := b.status(t)
				if n := map[bool]int{false: 1}[test.want == ""]; len(s.Problems) != n || n == 1 && !strings.Contains(s.Problems[0], test.want) {
					t.Errorf("problems %q, want %q", s.Problems, test.want)
				}
				if !slices.ContainsFunc(s.Hints, func(hint string) bool { return strings.Contains(hint, test.hint) }) && test.hint != "" {
					t.Errorf("hints %q, want %q", s.Hints, test.hint)
				}
			})
		})
	}
}

// Two servers for phones on one link are a problem as long as both are announced.
func TestTwoServersByLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := here + "[[rule]]\nmatch = \"a*\"\ninterfaces = [\"eth*\"]\n[[rule]]\nmatch = \"b*\"\ninterfaces = [\"vlan*\"]\n"
		b := start(t, map[string]string{"a.service": phone("a", asterisk, sipURL), "b.service": phone("b", asterisk, sipURL)}, func(b *bench) {
			b.config, b.links = config, []publication.Link{testLink(1, "eth0"), testLink(2, "vlan20")}
		})
		defer b.end()
		if s := b.status(t); !s.Healthy {
			t.Errorf("on links of their own: %q", s.Problems)
		}
		b.write(t, "announcer.toml", strings.Replace(config, `"eth*"`, `"*"`, 1))
		b.files <- struct{}{}
		synctest.Wait()
		if s := b.status(t); len(s.Problems) != 1 || !strings.Contains(s.Problems[0], `"b" is announced beside "a"`) {
			t.Errorf("on one link: %q", s.Problems)
		}
		b.setLinks(nil, testLink(1, "eth0"))
		b.changed <- struct{}{}
		synctest.Wait()
		if s := b.status(t); slices.ContainsFunc(s.Problems, func(p string) bool { return strings.Contains(p, "beside") }) {
			t.Errorf("without the link: %q", s.Problems)
		}
	})
}
