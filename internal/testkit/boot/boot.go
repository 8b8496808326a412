//go:build linux

// Package boot runs Go tests on a real systemd: [Run] boots a small Debian, with Debian's kernel and systemd as process 1,
// in an emulator, runs a test binary there as a unit, and reports each of its tests as a subtest.
//
// The guest has no network device: links are made in it by the tests. Its disk is thrown away afterwards. A [Machine] is
// such a Debian that the test drives from outside, at an end of a [Cable] to another one, which the test captures.
//
// Nothing of the host is shared with them except the files that are copied at the start. Neither root nor KVM is needed.
// .ci/boot-deps makes the emulator, the kernel and the image.
package boot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/skip"
)

// Dir is the directory in the guest for the files of a test.
const Dir = "/boot-test"

// File is a file that the guest has from the start.
type File struct {
	Path string // in the guest
	Mode os.FileMode
	Data []byte
}

// Guest is a machine to run tests on.
type Guest struct {
	Deps    string        // the directory that .ci/boot-deps made
	Test    string        // the test binary
	Args    []string      // its arguments, such as "-test.run=X"
	Files   []File        // other files
	Timeout time.Duration // for everything, including the boot
}

// memory is that of the guest, in MiB.
const memory = 1024

// unit runs the test binary in the guest and powers it off. Its output goes to the second serial port, which the host
// reads.
const unit = `[Unit]
Description=Tests
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate

[Service]
Type=exec
Environment=HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 GOTRACEBACK=all ` + netlab.Inside + `=1
WorkingDirectory=` + Dir + `
ExecStart=` + Dir + `/guest.test -test.v=test2json %s
OOMScoreAdjust=-1000
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
`

// Run boots a guest and runs the test binary in it. Every test there is a subtest of t. It skips t if .ci/boot-deps has not
// made its files.
func Run(t *testing.T, g Guest) {
	t.Helper()
	need(t, g.Deps)
	ctx, cancel := context.WithTimeout(t.Context(), g.Timeout)
	defer cancel()
	console := filepath.Join(Logs(t), "console.log")
	cmd := g.emulator(ctx, t, console)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	finished, reportErr := report(t, withoutCarriageReturns{stdout})
	waitErr := cmd.Wait()
	t.Logf("the guest ran for %v", time.Since(began).Round(time.Second))
	if ctx.Err() != nil {
		t.Errorf("the guest was ended after %v", g.Timeout)
	}
	if !finished || reportErr != nil || waitErr != nil {
		t.Errorf("the tests in the guest did not come to their end (%v; emulator: %v)\n%s", reportErr, waitErr, stderr.String())
	}
}

// need skips a test if .ci/boot-deps has not made its files.
func need(t *testing.T, deps string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(deps, "made")); err != nil {
		skip.Now(t, "make boot-test makes it: ", err)
	}
}

// Logs returns a directory for journals and captures. If the test fails, it is kept, its files are named, and the ends of the journals
// are logged.
func Logs(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "announcer-boot-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			os.RemoveAll(dir)
			return
		}
		journals, _ := filepath.Glob(filepath.Join(dir, "*.log"))
		for _, journal := range journals {
			t.Logf("the end of %s:\n%s", filepath.Base(journal), tail(journal))
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		t.Logf("kept: %s", strings.Join(files, " "))
	})
	return dir
}

// emulator returns the command that boots the guest. Its standard output is the second serial port of the guest.
func (g Guest) emulator(ctx context.Context, t *testing.T, console string) *exec.Cmd {
	t.Helper()
	files := append([]File{
		{Dir + "/guest.test", 0o755, readFile(t, g.Test)},
		{"etc/systemd/system/boot-test.service", 0o644, fmt.Appendf(nil, unit, strings.Join(g.Args, " "))},
	}, g.Files...)
	return emulator(ctx, t, g.Deps, "-smp", "2", "-m", strconv.Itoa(memory), "-nic", "none", "-snapshot",
		"-drive", "file="+filepath.Join(g.Deps, "rootfs.ext4")+",if=virtio,format=raw,cache=unsafe",
		"-serial", "file:"+console, "-serial", "stdio", "-initrd", initramfs(t, g.Deps, files),
		"-append", kernelArgs+" systemd.wants=boot-test.service")
}

// kernelArgs has the journal go to the first serial port, and leaves out what takes time under emulation. On a busy host the
// kernel takes its timer for broken unless that is not checked.
const kernelArgs = "console=ttyS0 panic=-1 quiet no_timer_check mitigations=off net.ifnames=0 systemd.show_status=0" +
	" systemd.journald.forward_to_console=1 systemd.mask=serial-getty@ttyS0.service systemd.mask=systemd-logind.service systemd.mask=getty.target" +
	" systemd.mask=timers.target"

// emulator returns the command that emulates a machine without KVM, with the kernel and what the arguments add.
func emulator(ctx context.Context, t *testing.T, deps string, args ...string) *exec.Cmd {
	t.Helper()
	root := filepath.Join(deps, "root")
	libraries, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu"))
	if err != nil || len(libraries) != 1 {
		t.Fatalf("libraries of the emulator: %q, %v", libraries, err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "usr/bin/qemu-system-x86_64"), append([]string{
		"-accel", "tcg,thread=multi", "-L", filepath.Join(root, "usr/share/qemu"), "-L", filepath.Join(root, "usr/share/seabios"),
		"-nodefaults", "-display", "none", "-no-reboot", "-kernel", filepath.Join(deps, "vmlinuz")}, args...)...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries[0]+":"+filepath.Join(root, "lib", filepath.Base(libraries[0])))
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// initramfs makes the initial RAM disk of a machine, with files for its disk.
func initramfs(t *testing.T, deps string, files []File) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "initramfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := writeInitramfs(out, program(t, "init"), filepath.Join(deps, "kernel"), files); err != nil {
		t.Fatal("initial RAM disk: ", err)
	}
	return out.Name()
}

// program builds a program of the guest: init or agent.
func program(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	Build(t, "build", "-o", path, "announcer/internal/testkit/boot/"+name)
	return readFile(t, path)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Build runs the go command with the arguments, for a program that needs no libraries in the guest.
func Build(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// tail returns the end of a file.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-8000):])
}

// withoutCarriageReturns drops those that a terminal adds.
type withoutCarriageReturns struct{ io.Reader }

func (r withoutCarriageReturns) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	return copy(p, bytes.ReplaceAll(p[:n], []byte("\r"), nil)), err
}
