package source

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/hangfs"
)

// TestHangingDirectory has a directory hang: the others are followed, and a reload names the one that does not answer.
func TestHangingDirectory(t *testing.T) {
	t.Parallel()
	dir := mounted(t)
	slow := hangfs.Mount(t)
	saved("a.service", "a")(t, slow.Holds)
	saved("etc/b.service", "b")(t, dir)
	f := follow(t, dir, Request{Services: []string{slow.Dir, filepath.Join(dir, "etc")}})
	f.await(t, slow.Dir+"/a.service=a etc/b.service=b")

	slow.Hang()
	saved("etc/b.service", "b2")(t, dir)
	f.await(t, slow.Dir+"/a.service=a etc/b.service=b2")
	u := f.reload(t)
	if len(u.Silent) != 1 || u.Silent[0].Source != slow.Dir || defined(u.Snapshot, dir) != slow.Dir+"/a.service=a etc/b.service=b2" {
		t.Errorf("a reload gives %s, and %v does not answer", defined(u.Snapshot, dir), u.Silent)
	}
	f.awaitFinding(t, slow.Dir+": it has not answered since ")

	saved("a.service", "a2")(t, slow.Holds)
	slow.GoOn()
	f.await(t, slow.Dir+"/a.service=a2 etc/b.service=b2")
	if u := f.reload(t); len(u.Silent) > 0 || len(u.Snapshot.Findings) > 0 {
		t.Errorf("afterwards: %+v", u)
	}
}

// TestHangingLink has one file of a directory lead to a file system that hangs.
func TestHangingLink(t *testing.T) {
	t.Parallel()
	dir := mounted(t)
	slow := hangfs.Mount(t)
	saved("x", "x")(t, slow.Holds)
	saved("etc/b.service", "b")(t, dir)
	linked("etc/x.service", filepath.Join(slow.Dir, "x"))(t, dir)
	f := follow(t, dir, Request{Services: []string{filepath.Join(dir, "etc")}})
	f.await(t, "etc/b.service=b etc/x.service=x")

	slow.Hang()
	saved("etc/b.service", "b2")(t, dir)
	f.await(t, "etc/b.service=b2 etc/x.service=x")
	f.awaitFinding(t, dir+"/etc/x.service: its file system has not answered since ")
	found := f.last.Findings.Error()
	time.Sleep(time.Second) // the time of the finding is one of whole seconds
	if u := f.reload(t); len(u.Silent) > 0 || u.Snapshot.Findings.Error() != found {
		t.Errorf("a reload gives %v, and %v does not answer; want %v", u.Snapshot.Findings, u.Silent, found)
	}

	saved("x", "x2")(t, slow.Holds)
	slow.GoOn()
	f.await(t, "etc/b.service=b2 etc/x.service=x2")
}

// TestStartWithHangingDirectory has a directory hang from the start.
func TestStartWithHangingDirectory(t *testing.T) {
	t.Parallel()
	dir := mounted(t)
	slow := hangfs.Mount(t)
	saved("a.service", "a")(t, slow.Holds)
	saved("etc/b.service", "b")(t, dir)
	slow.Hang()
	f := follow(t, dir, Request{Services: []string{slow.Dir, filepath.Join(dir, "etc")}})
	f.await(t, "etc/b.service=b")
	f.awaitFinding(t, slow.Dir+": it has not answered since ")
	slow.GoOn()
	f.await(t, slow.Dir+"/a.service=a etc/b.service=b")
}

// TestLoadOfHangingDirectory has a command that reads once end in time.
func TestLoadOfHangingDirectory(t *testing.T) {
	t.Parallel()
	mounted(t)
	slow := hangfs.Mount(t)
	slow.Hang()
	start := time.Now()
	snap, err := Load(t.Context(), Request{Services: []string{slow.Dir}})
	if err != nil || snap.Findings.Err() == nil || !strings.Contains(snap.Findings.Error(), slow.Dir+": it has not answered since ") {
		t.Errorf("it gives %+v, %v", snap, err)
	}
	if took := time.Since(start); took > 2*startTime {
		t.Errorf("it took %v", took)
	}
}

// awaitFinding waits until there is a finding that begins so.
func (f *follower) awaitFinding(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(2 * silenceTime)
	for {
		for _, finding := range f.last.Findings {
			if strings.HasPrefix(finding.String(), want) {
				return
			}
		}
		select {
		case u := <-f.Updates():
			f.last = u.Snapshot
		case <-deadline:
			t.Fatalf("the findings are %v, want %q", f.last.Findings, want)
		}
	}
}
