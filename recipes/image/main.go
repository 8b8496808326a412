// Command image builds an OCI image of announcer for several platforms, without a container engine: image SOURCE OUT builds the program
// out of the sources of a checkout, and writes the image as a layout into the directory OUT and as an archive beside it, OUT.tar. The
// commit, the release of Go and the versions in go.mod decide every byte.
package main

import (
	"cmp"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: image SOURCE OUT")
		os.Exit(2)
	}
	digest, err := build(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Println(digest)
}

var platforms = []v1.Platform{
	{OS: "linux", Architecture: "amd64"},
	{OS: "linux", Architecture: "arm64"},
	{OS: "linux", Architecture: "arm", Variant: "v7"},
}

// build writes the image, and returns the digest of its index.
func build(source, out string) (digest v1.Hash, err error) {
	work, err := os.MkdirTemp("", "image-")
	if err != nil {
		return digest, err
	}
	defer os.RemoveAll(work)
	licences, err := command(source, nil, "go", "run", "./packaging/licences", "./cmd/announcer")
	if err != nil {
		return digest, err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var b stamp
	for _, platform := range platforms {
		program := filepath.Join(work, platform.Architecture)
		if b, err = compile(source, program, platform); err != nil {
			return digest, err
		}
		files, err := contents(source, program, licences)
		if err != nil {
			return digest, err
		}
		image, err := assemble(files, platform, b)
		if err != nil {
			return digest, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	index = mutate.Annotations(index, b.labels()).(v1.ImageIndex)
	return save(index, out, b)
}

// save writes an image as the only one of a layout and its archive.
func save(index v1.ImageIndex, out string, b stamp) (digest v1.Hash, err error) {
	if err := os.RemoveAll(out); err != nil {
		return digest, err
	}
	path, err := layout.Write(out, empty.Index)
	if err != nil {
		return digest, err
	}
	name := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": b.tag(), "io.containerd.image.name": "localhost/announcer:" + b.tag()})
	if err := path.AppendIndex(index, name); err != nil {
		return digest, err
	}
	if err := archive(out, out+".tar", b.time); err != nil {
		return digest, err
	}
	return index.Digest()
}

// A stamp is what the build of the program recorded.
type stamp struct {
	version, revision string
	time              time.Time // of the commit
}

// compile builds the program for a platform.
func compile(source, program string, platform v1.Platform) (b stamp, err error) {
	env := []string{"CGO_ENABLED=0", "GOOS=" + platform.OS, "GOARCH=" + platform.Architecture, "GOARM=" + strings.TrimPrefix(platform.Variant, "v"),
		"GOFLAGS=", "GOAMD64=", "GOARM64=", "GOEXPERIMENT="}
	if _, err := command(source, env, "go", "build", "-buildvcs=true", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/announcer"); err != nil {
		return b, err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return b, err
	}
	b.version = cmp.Or(info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.time":
			if b.time, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return b, err
			}
		}
	}
	if b.time.IsZero() {
		return b, errors.New("the program records no commit; want a checkout that git clone made")
	}
	return b, nil
}

// command runs a command in a directory, and returns its standard output.
func command(dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, nil
}

// tag returns the version as a tag of images, in which no "+" and no brackets are allowed.
func (b stamp) tag() string {
	return strings.NewReplacer("+", "-", "(", "", ")", "").Replace(b.version)
}

// labels returns what tools show of an image.
func (b stamp) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":       "announcer",
		prefix + "description": "makes IP phones find their server by multicast DNS",
		prefix + "licenses":    "Apache-2.0",
		prefix + "vendor":      "The announcer project",
		prefix + "version":     b.version,
		prefix + "revision":    b.revision,
		prefix + "created":     b.time.UTC().Format(time.RFC3339),
	}
}

// user is the unprivileged user, as a number, so that Kubernetes sees that it is not root.
const user = "65534:65534"

// assemble returns the image of one platform: a layer and how it is run.
func assemble(files []file, platform v1.Platform, b stamp) (v1.Image, error) {
	layer, err := newLayer(files, b.time)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: b.time}, CreatedBy: "make image"}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
	config.Created = v1.Time{Time: b.time}
	config.Config = v1.Config{
		Entrypoint: []string{"/usr/bin/announcer"},
		Cmd:        []string{"run"},
		User:       user,
		WorkingDir: "/etc/announcer",
		StopSignal: "SIGTERM",
		Labels:     b.labels(),
		Env: []string{
			"PATH=/usr/bin",
			"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
			"RUNTIME_DIRECTORY=/run/announcer",
			"STATE_DIRECTORY=/var/lib/announcer",
		},
	}
	return mutate.ConfigFile(image, config)
}
