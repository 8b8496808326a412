package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// file writes a definition with a port.
func (f *fleetTest) file(name string, port int) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	text := fmt.Sprintf("<service-group><name>PBX %s</name><service><type>_sip._udp</type><port>%d</port></service></service-group>", name, port)
	if strings.HasSuffix(name, ".toml") {
		text = fmt.Sprintf("[[group]]\nname = \"PBX %s\"\n[[group.service]]\ntype = \"_sip._udp\"\nport = %d\n", name, port)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// definitions returns the names of the sites by what they have: "dpma.service:5060 x.toml:7".
func (f *fleetTest) definitions() map[string][]string {
	f.t.Helper()
	listing, err := f.store.Read(context.Background(), string(fleetRoot)+"/sites/", 0)
	if err != nil {
		f.t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range listing.Entries {
		name, file, _ := strings.Cut(strings.TrimPrefix(e.Key, string(fleetRoot)+"/sites/"), "/")
		digits := strings.FieldsFunc(string(e.Value), func(r rune) bool { return r < '0' || r > '9' })
		files[name] += " " + file + ":" + digits[len(digits)-1]
	}
	sites := map[string][]string{}
	for name, text := range files {
		sites[text[1:]] = append(sites[text[1:]], name)
	}
	return sites
}

// want wants so many sites with definitions.
func (f *fleetTest) want(want map[string]int) {
	f.t.Helper()
	got := f.definitions()
	for text, n := range want {
		if len(got[text]) != n {
			f.t.Errorf("%d sites have %q; want %d of all: %v", len(got[text]), text, n, got)
		}
	}
	if len(got) != len(want) {
		f.t.Errorf("the sites have %v; want %v", got, want)
	}
}

// TestPush wants a push to stop at the batch in which a host refuses it, and an undo to bring everything back.
func TestPush(t *testing.T) {
	f := newFleet(t, 20)
	service, toml := f.file("dpma.service", 5060), f.file("x.toml", 1)
	out, _ := f.run(exitDone, "push", "--dry-run", "--site", "*", service)
	if want := "dpma.service: added at 20 sites (s01, s02, s03, s04, s05, and 15 more)\n+<service-group>"; !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "\n20 sites to write\n") {
		t.Errorf("%s\nwant %s", out, want)
	}
	f.want(map[string]int{})
	out, _ = f.run(exitDone, "push", "--site", "*", service)
	if want := "batch 2 of 2: 20 of 20 sites written, 10 of 10 hosts ready\n20 sites written\n"; !strings.HasSuffix(out, want) {
		t.Errorf("%s\nwant %s", out, want)
	}
	f.want(map[string]int{"dpma.service:5060": 20})

	f.mu.Lock()
	f.refuses = "s12"
	f.mu.Unlock()
	f.file("dpma.service", 5070)
	_, errOut := f.run(exitFailed, "push", "--batch", "5", "--site", "s*", service, toml)
	want := "announcer: stopped at batch 3 of 4, with 15 of 20 sites written: s12/pbx refuses dpma.service:1:1: unknown to this version\n" +
		"announcer: this brings back the former definitions: announcer push --undo --etcd " + f.url + " --site 's*'\n"
	if errOut != want {
		t.Errorf("%s\nwant %s", errOut, want)
	}
	f.want(map[string]int{"dpma.service:5060": 5, "dpma.service:5070 x.toml:1": 15})
	out, _ = f.run(exitFailed, "sites")
	if !strings.Contains(out, "s12   pbx ") || !strings.HasSuffix(out, "20 hosts: 1 with problems; 0 sites without a host that reports\n") {
		t.Errorf("sites: %s", out)
	}
	f.run(exitDone, "sites", "--site", "s0*")
	_, errOut = f.run(exitFailed, "push", "--wait", "1s", "--site", "s*", service, toml)
	want = "announcer: stopped before anything was written, at the sites that an earlier run has written: s12/pbx refuses dpma.service:1:1: unknown to this version\n"
	if !strings.HasPrefix(errOut, want) || !strings.HasSuffix(errOut, " --undo --etcd "+f.url+" --site 's*'\n") {
		t.Errorf("%s\nwant %s", errOut, want)
	}
	f.want(map[string]int{"dpma.service:5060": 5, "dpma.service:5070 x.toml:1": 15})

	f.mu.Lock()
	f.refuses = ""
	f.mu.Unlock()
	f.run(exitDone, "push", "--undo", "--site", "s*")
	f.want(map[string]int{"dpma.service:5060": 20})
	if out, _ := f.run(exitDone, "push", "--undo", "--site", "s*"); out != "0 sites to write, 15 unchanged\nsites of an earlier run: 15 of 15 hosts ready\n" {
		t.Errorf("a second undo: %s", out)
	}
	f.run(exitDone, "push", "--delete", "dpma.service", "--site", "s01", toml)
	f.want(map[string]int{"dpma.service:5060": 19, "x.toml:1": 1})
}

// TestPushInvalid wants nothing written if anything is wrong.
func TestPushInvalid(t *testing.T) {
	f := newFleet(t, 2)
	good := f.file("good.service", 1)
	bad := f.file("bad.service", 99999)
	daemon := filepath.Join(f.dir, "announcer.toml")
	if err := os.WriteFile(daemon, []byte("[daemon]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		code int
		args []string
		want string
	}{
		{"a definition", exitInvalid, []string{"--site", "*", good, bad}, "announcer: nothing is pushed"},
		{"a configuration", exitInvalid, []string{"--site", "*", daemon}, "a definition file holds [[group]] only"},
		{"an ending", exitUsage, []string{"--site", "*", f.dir}, "is not a definition file"},
		{"no site", exitUsage, []string{good}, "no site is named"},
		{"no file", exitUsage, []string{"--site", "*"}, "there is nothing to push"},
		{"a glob", exitUsage, []string{"--site", "[", good}, `--site: "[" is not a pattern of names`},
		{"an unknown site", exitFailed, []string{"--site", "t*", good}, `no site matches "t*"`},
		{"an unknown definition", exitFailed, []string{"--site", "*", "--delete", "x.toml"}, `none of the sites has a definition "x.toml"`},
		{"no push to undo", exitFailed, []string{"--site", "*", "--undo"}, "there is nothing to undo"},
		{"files to undo", exitUsage, []string{"--site", "*", "--undo", good}, "want no files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, errOut := f.run(c.code, append([]string{"push"}, c.args...)...); !strings.Contains(errOut, c.want) {
				t.Errorf("%s\nwant %s", errOut, c.want)
			}
		})
	}
	f.want(map[string]int{})
}

// TestPushKilled kills a push and an undo at each of its steps: every site has its old or its new definitions, whole, and
// the same command goes on from there.
func TestPushKilled(t *testing.T) {
	const sites = 4
	f := newFleet(t, sites)
	program := filepath.Join(binDir(t), "announcer")
	service, toml := f.file("dpma.service", 5060), f.file("x.toml", 1)
	f.run(exitDone, "push", "--site", "*", service)
	f.file("dpma.service", 5070)
	old, new := "dpma.service:5060", "dpma.service:5070 x.toml:1"
	for step := range sites + 1 {
		for _, args := range [][]string{{service, toml}, {"--undo"}} {
			t.Run(fmt.Sprint(step, filepath.Base(args[0])), func(t *testing.T) {
				f.killed(exec.Command(program, append([]string{"push", "--batch", "1", "--site", "*", "--etcd", f.url}, args...)...), step)
				if got := f.definitions(); len(got[old])+len(got[new]) != sites {
					t.Errorf("killed after %d sites, they have %v", step, got)
				}
				f.run(exitDone, append([]string{"push", "--site", "*"}, args...)...)
				if want := map[bool]string{true: old, false: new}[args[0] == "--undo"]; len(f.definitions()[want]) != sites {
					t.Errorf("after another run: %v", f.definitions())
				}
			})
		}
	}
}

// killed runs a command, and kills it when it has written so many sites, if it ever does.
func (f *fleetTest) killed(cmd *exec.Cmd, sites int) {
	f.t.Helper()
	f.mu.Lock()
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	if sites == 0 {
		cmd.Process.Kill()
	}
	f.written = func(string) {
		if sites--; sites == 0 {
			cmd.Process.Kill()
		}
	}
	f.mu.Unlock()
	cmd.Wait() // by the signal, or well
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written = nil
}

// TestReportingDaemon wants a daemon to report what it takes, so that a push stops at its problem, and to be absent as soon
// as it ends.
func TestReportingDaemon(t *testing.T) {
	l, f := newLAN(t), newFleet(t, 0)
	l.write("announcer.toml", fmt.Sprintf(`
[daemon]
services = ["%ssites/berlin/"]
interfaces = ["eth0"]
host = "pbx1"
[remote]
cache = "cache"
report = true
`, f.url))
	daemon, out := l.start(nil, "run", "--config", "announcer.toml")
	l.await(out, "presence reported")
	bad := filepath.Join(f.dir, "bad.toml")
	if err := os.WriteFile(bad, []byte("[[group]]\nname = \"X\"\ninterfaces = [\"eth9\"]\n[[group.service]]\ntype = \"_sip._udp\"\nport = 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, errOut := f.run(exitFailed, "push", "--site", "berlin", f.file("good.service", 5060), bad)
	if want := `berlin/pbx1 has a new problem: "X" (_sip._udp) is not announced on any link`; !strings.Contains(errOut, want) {
		t.Errorf("%s\nwant %s", errOut, want)
	}
	var sites sitesOutput
	text, _ := f.run(exitFailed, "sites", "--json")
	if err := json.Unmarshal([]byte(text), &sites); err != nil {
		t.Fatal(err)
	}
	p := sites.Hosts[0].Presence
	if p == nil || p.Host != "pbx1" || p.Revision == 0 || !p.Settled || p.Services.Defined != 2 || !slices.Equal(p.Services.Names, []string{"PBX good.service"}) {
		t.Errorf("the daemon reports %s", text)
	}
	checkOutput(t, "announcer sites --json", []byte(text), "")
	if err := daemon.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Error(err)
	}
	if text, _ := f.run(exitFailed, "sites"); !strings.Contains(text, "no host reports") {
		t.Errorf("after its end: %s", text)
	}
}
