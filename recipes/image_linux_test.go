package recipes

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/image-spec/schema"
	"golang.org/x/sys/unix"

	"announcer/internal/testkit/netlab"
)

// TestMain runs the tests in namespaces. Called by the name "container" the test binary is the program that [enter] describes.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "container" {
		fmt.Fprintln(os.Stderr, "container:", enter())
		os.Exit(1)
	}
	netlab.Main(m)
}

// container is how a container engine runs an image with a read-only root.
type container struct {
	Root   string
	Mounts map[string]string // directories of the host, by their places in the container, not writable there
	Memory []string          // directories in memory
	Args   []string
	Env    []string
}

// containerEnv is the environment variable that configures [enter].
const containerEnv = "CONTAINER"

// enter runs a program of an image. It is in new user and mount namespaces, in which it is the user of the image and may mount.
func enter() error {
	runtime.LockOSThread()
	var c container
	if err := json.Unmarshal([]byte(os.Getenv(containerEnv)), &c); err != nil {
		return err
	}
	err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount(c.Root, c.Root, "", unix.MS_BIND, ""))
	for at, dir := range c.Mounts {
		at = filepath.Join(c.Root, at)
		err = errors.Join(err, unix.Mount(dir, at, "", unix.MS_BIND, ""), unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	}
	for _, at := range c.Memory {
		err = errors.Join(err, unix.Mount("tmpfs", filepath.Join(c.Root, at), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"))
	}
	err = errors.Join(err, unix.Mount("", c.Root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""),
		unix.Chdir(c.Root), unix.PivotRoot(".", "."), unix.Unmount(".", unix.MNT_DETACH), unix.Chdir("/"),
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
	if err != nil {
		return err
	}
	return syscall.Exec(c.Args[0], c.Args, c.Env) // which drops all capabilities, since the user is not root
}

// clone returns a new checkout of the newest commit.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "announcer")
	run(t, ".", "git", "clone", "--quiet", "..", dir)
	return dir
}

// TestImage builds the image twice, in two checkouts, reads it, and runs the one for this machine.
func TestImage(t *testing.T) {
	netlab.Need(t)
	outs := []string{filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "image")}
	var digests []string
	for _, out := range outs {
		digests = append(digests, strings.TrimSpace(run(t, ".", "go", "run", "./image", clone(t), out)))
	}
	archives := make([][]byte, 2)
	for i, out := range outs {
		var err error
		if archives[i], err = os.ReadFile(out + ".tar"); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != digests[1] || !bytes.Equal(archives[0], archives[1]) {
		t.Errorf("two builds have the digests %q; or the archives differ", digests)
	}
	images := readImages(t, outs[0])
	for platform, image := range images {
		t.Run(platform, func(t *testing.T) { testImage(t, image) })
	}
	if len(images) != 3 {
		t.Errorf("%d platforms", len(images))
	}
	t.Run("run", func(t *testing.T) { testRun(t, images[runtime.GOOS+"/"+runtime.GOARCH]) })
}

// readImages returns the images of a layout by their platforms, and checks each file of it by the schemas of the specification.
func readImages(t *testing.T, dir string) map[string]v1.Image {
	t.Helper()
	all := map[string]v1.Image{}
	conforms(t, schema.ValidatorMediaTypeLayoutHeader, func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, "oci-layout")) })
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	conforms(t, schema.ValidatorMediaTypeImageIndex, top.RawManifest)
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] == "" {
		t.Fatalf("the layout is %+v, %v; want one image with a name", manifest, err)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	conforms(t, schema.ValidatorMediaTypeImageIndex, index.RawManifest)
	if manifest, err = index.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	for _, m := range manifest.Manifests {
		if all[m.Platform.String()], err = index.Image(m.Digest); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// conforms wants a document of an image to be as the specification has it.
func conforms(t *testing.T, kind schema.Validator, document func() ([]byte, error)) {
	t.Helper()
	data, err := document()
	if err == nil {
		err = kind.Validate(bytes.NewReader(data))
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", kind, err, data)
	}
}

// testImage wants the image of one platform to be run as an unprivileged user, and to have a static program of that platform.
func testImage(t *testing.T, image v1.Image) {
	conforms(t, schema.ValidatorMediaTypeManifest, image.RawManifest)
	conforms(t, schema.ValidatorMediaTypeImageConfig, image.RawConfigFile)
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Config; c.User != "65534:65534" || !slices.Equal(slices.Concat(c.Entrypoint, c.Cmd), []string{"/usr/bin/announcer", "run"}) {
		t.Errorf("%s runs %q %q", c.User, c.Entrypoint, c.Cmd)
	}
	for _, want := range []string{"title", "description", "licenses", "vendor", "version", "revision", "created"} {
		if config.Config.Labels["org.opencontainers.image."+want] == "" {
			t.Errorf("no label for the %s", want)
		}
	}
	root := unpack(t, image)
	program, err := elf.Open(filepath.Join(root, "usr/bin/announcer"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 || program.Section(".interp") != nil {
		t.Errorf("the program is not static: %q, %v", libraries, err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM}
	if program.Machine != machines[config.Architecture] {
		t.Errorf("the program is for %s, the image for %s", program.Machine, config.Architecture)
	}
	roots, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
	if n := bytes.Count(roots, []byte("BEGIN CERTIFICATE")); err != nil || n < 50 {
		t.Errorf("%d authorities, %v", n, err)
	}
}

// unpack returns a directory with the files of an image, and checks that only their owner may write them.
func unpack(t *testing.T, image v1.Image) string {
	t.Helper()
	root := t.TempDir()
	files := mutate.Extract(image)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		header, err := r.Next()
		if err == io.EOF {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Mode&0o022 != 0 {
			t.Errorf("%s has the mode %o", header.Name, header.Mode)
		}
		if owns := header.Uid != 0; owns != (header.Name == "run/announcer" || header.Name == "var/lib/announcer") {
			t.Errorf("%s is of the user %d", header.Name, header.Uid)
		}
		at := filepath.Join(root, header.Name)
		if header.Typeflag == tar.TypeDir {
			err = os.Mkdir(at, header.FileInfo().Mode())
		} else {
			err = copyTo(at, r, header.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func copyTo(path string, from io.Reader, mode os.FileMode) error {
	data, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, mode)
}

// testRun runs the image as a container engine does, with the network of this host, and wants another host to find its service.
func testRun(t *testing.T, image v1.Image) {
	phone := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: phone, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	services, socket := t.TempDir(), t.TempDir()
	for _, dir := range []string{services, socket} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(services, "dpma.service"), fmt.Sprintf(good, "In a container"))
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	how, err := json.Marshal(container{
		Root: unpack(t, image), Mounts: map[string]string{"/etc/announcer/services": services}, Memory: []string{"/run/announcer"},
		Args: slices.Concat(config.Config.Entrypoint, config.Config.Cmd), Env: config.Config.Env,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"container"}
	cmd.Env = []string{containerEnv + "=" + string(how)}
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 65534, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 65534, HostID: 0, Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Error("the daemon ends with: ", err)
		}
	})
	root := filepath.Join("/proc", fmt.Sprint(cmd.Process.Pid))
	heard(t, phone, filepath.Join(root, "root/usr/bin/announcer"), "In a container")
	confined(t, root)
	if out, err := exec.Command(filepath.Join(root, "root/usr/bin/announcer"), "status", "--socket", filepath.Join(root, "root/run/announcer/announcer.sock")).CombinedOutput(); err != nil {
		t.Errorf("announcer status: %v\n%s", err, out)
	}
}

// heard waits until a program on a host finds a service.
func heard(t *testing.T, host *netlab.Host, program, name string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var out []byte
		host.Do(func() {
			out, _ = exec.Command(program, "browse", "--interface", "eth0", "--wait", "500ms", "_digiumproxy._udp").CombinedOutput()
		})
		if strings.Contains(string(out), name) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q is not announced:\n%s", name, out)
		}
	}
}

// confined wants a process to have no rights and a root that it can't write. dir is its directory in /proc.
func confined(t *testing.T, dir string) {
	t.Helper()
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nCapEff:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n", "\nNoNewPrivs:\t1\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the process does not have %q:\n%s", strings.TrimSpace(want), status)
		}
	}
	mounts, err := os.ReadFile(filepath.Join(dir, "mountinfo"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line); at[4] != "/run/announcer" && !strings.HasPrefix(at[5], "ro") {
			t.Errorf("it may write %s: %s", at[4], line)
		}
	}
}
