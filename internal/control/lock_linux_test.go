package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Of daemons that start at once exactly one lives, also over what a dead one left behind.
func TestListenAtOnce(t *testing.T) {
	const rounds, daemons = 50, 16
	path := socket(t)
	for round := range rounds {
		listeners, errs := listenAtOnce(path, daemons)
		if len(listeners) != 1 {
			t.Fatalf("round %d: %d daemons live; want one", round, len(listeners))
		}
		for _, err := range errs {
			if _, ok := errors.AsType[*RunningError](err); !ok {
				t.Errorf("round %d: %v; want a RunningError", round, err)
			}
		}
		if _, err := Dial([]string{path}); err != nil {
			t.Errorf("round %d: the one that lives can't be reached: %v", round, err)
		}
		if round%2 == 0 {
			kill(listeners[0])
		} else {
			listeners[0].Close()
		}
	}
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(files) > 0 {
		t.Errorf("after the last one there is %q, %v", files, err)
	}
}

// listenAtOnce has many daemons listen on one path at the same time.
func listenAtOnce(path string, daemons int) (listeners []net.Listener, errs []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for range daemons {
		all.Go(func() {
			<-start
			l, err := Listen(OS{}, []string{path})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				listeners = append(listeners, l)
			} else {
				errs = append(errs, err)
			}
		})
	}
	close(start)
	all.Wait()
	return listeners, errs
}

// A daemon whose directory was removed leaves the socket of its successor alone.
func TestCloseAfterSuccessor(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "control")
	path := filepath.Join(dir, socketName)
	first := listenIn(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	second := listenIn(t, dir)
	defer second.Close()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Dial([]string{path}); err != nil {
		t.Errorf("the second daemon can't be reached any more: %v", err)
	}
	if _, err := Listen(OS{}, []string{path}); !isRunning(err) {
		t.Errorf("a third daemon: %v; want a RunningError", err)
	}
}

// listenIn makes a directory and listens there.
func listenIn(t *testing.T, dir string) net.Listener {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(OS{}, []string{filepath.Join(dir, socketName)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func isRunning(err error) bool {
	_, ok := errors.AsType[*RunningError](err)
	return ok
}

// A listener ends when its socket or its lock is removed, so that both are made again, and leaves no file behind.
func TestRemoved(t *testing.T) {
	for _, file := range []string{socketName, socketName + lockSuffix} {
		t.Run(file, func(t *testing.T) {
			path := socket(t)
			lock, err := takeLock(path + lockSuffix)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			l, err := newListener(OS{}, raw, path, lock, time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(filepath.Dir(path), file)); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Accept(); !errors.Is(err, errRemoved) {
				t.Errorf("Accept: %v; want %v", err, errRemoved)
			}
			l.Close() // waits until it has let go
			again, err := Listen(OS{}, []string{path})
			if err != nil {
				t.Fatal(err)
			}
			again.Close()
		})
	}
}

// A daemon that may not write in the directory learns that a daemon lives there, and starts no second one elsewhere.
func TestListenWithoutRights(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "control")
	l := listenIn(t, dir)
	defer l.Close()
	if err := os.Remove(filepath.Join(dir, socketName+lockSuffix)); err != nil { // as if it were that of another user
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	places := []string{filepath.Join(dir, socketName), socket(t)}
	powerless(t, func() {
		if _, err := Listen(OS{}, places); !isRunning(err) {
			t.Errorf("%v; want a RunningError", err)
		}
	})
}

// A user's own daemon is found behind one that is for others.
func TestDialBehindForbidden(t *testing.T) {
	dir, own := filepath.Join(t.TempDir(), "control"), socket(t)
	l := listenIn(t, dir)
	defer l.Close()
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	places := []string{filepath.Join(dir, socketName), own}
	powerless(t, func() {
		if _, err := Dial(places); err == nil || err.Error() != denied(places[0]).Text {
			t.Errorf("without a daemon of one's own: %v", err)
		}
	})
	mine, err := Listen(OS{}, []string{own})
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	powerless(t, func() {
		if _, err := Dial(places); err != nil {
			t.Error(err)
		}
	})
}

// powerless runs f without any capability, so that file modes count for root, too. f must not end the test.
func powerless(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		none := [2]unix.CapUserData{}
		err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal("capset: ", err)
	}
}
