// Package hangfs provides a file system for tests, which hangs: every call for a file of it waits until it goes on, as with a
// network file system whose server is gone.
package hangfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"announcer/internal/testkit/skip"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// serving is set in the environment of a process that serves a file system: the directory that holds the files, a colon,
// and the mount point.
const serving = "ANNOUNCER_HANGFS"

// Main serves a file system and ends the process if the test binary was started for that. TestMain calls it first.
func Main() {
	what, ok := os.LookupEnv(serving)
	if !ok {
		return
	}
	holds, at, _ := strings.Cut(what, ":")
	if err := serve(holds, at); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve serves the files of a directory at a mount point until that is unmounted.
func serve(holds, at string) error {
	root, err := fs.NewLoopbackRoot(holds)
	if err != nil {
		return err
	}
	server, err := fs.Mount(at, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "hangfs", Name: "hangfs"}})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	server.Wait()
	return nil
}

// FS is a mounted file system.
type FS struct {
	Dir   string // the directory that it is mounted on
	Holds string // the directory that holds its files, which never hangs

	server *exec.Cmd
}

// Mount mounts a file system until the test ends. It skips the test where none can be mounted.
func Mount(t testing.TB) *FS {
	t.Helper()
	f := &FS{Dir: t.TempDir(), Holds: t.TempDir(), server: exec.Command("/proc/self/exe")}
	f.server.Env = append(os.Environ(), serving+"="+f.Holds+":"+f.Dir)
	out, err := f.server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.end)
	if said, _ := bufio.NewReader(out).ReadString('\n'); said != "mounted\n" {
		skip.Now(t, "no FUSE file system: ", strings.TrimSpace(said))
	}
	return f
}

// end ends the file system, and all calls that hang.
func (f *FS) end() {
	f.server.Process.Kill()
	f.server.Wait()
	unix.Unmount(f.Dir, unix.MNT_DETACH)
}

// Hang makes all calls for files hang from now on.
func (f *FS) Hang() {
	f.server.Process.Signal(syscall.SIGSTOP)
	unix.Wait4(f.server.Process.Pid, nil, unix.WUNTRACED, nil) // until it has stopped
}

// GoOn makes calls for files return again, those that hang included.
func (f *FS) GoOn() { f.server.Process.Signal(syscall.SIGCONT) }
