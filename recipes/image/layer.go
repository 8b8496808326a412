package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const nobody = 65534

// A file is one in the image. A name that ends in a slash is a directory.
type file struct {
	name  string
	mode  int64
	owner int
	data  []byte
}

// contents returns the files of the image, each directory before what is in it.
func contents(source, program string, licences []byte) ([]file, error) {
	files := []file{
		{name: "etc/", mode: 0o755},
		{name: "etc/announcer/", mode: 0o755},
		{name: "etc/announcer/services/", mode: 0o755},
		{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\nnogroup:x:65534:\n")},
		{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n")},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: roots()},
		{name: "run/", mode: 0o755},
		{name: "run/announcer/", mode: 0o755, owner: nobody},
		{name: "usr/", mode: 0o755},
		{name: "usr/bin/", mode: 0o755},
		{name: "usr/share/", mode: 0o755},
		{name: "usr/share/doc/", mode: 0o755},
		{name: "usr/share/doc/announcer/", mode: 0o755},
		{name: "usr/share/doc/announcer/third-party-licences", mode: 0o644, data: licences},
		{name: "var/", mode: 0o755},
		{name: "var/lib/", mode: 0o755},
		{name: "var/lib/announcer/", mode: 0o700, owner: nobody},
	}
	for _, copied := range []struct {
		from, to string
		mode     int64
	}{
		{program, "usr/bin/announcer", 0o755},
		{filepath.Join(source, "packaging", "announcer.toml"), "etc/announcer/announcer.toml", 0o644},
		{filepath.Join(source, "LICENSE"), "usr/share/doc/announcer/LICENSE", 0o644},
	} {
		data, err := os.ReadFile(copied.from)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: copied.to, mode: copied.mode, data: data})
	}
	return files, nil
}

// roots returns the certificates of the authorities that Mozilla trusts without conditions.
func roots() []byte {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return all.Bytes()
}

// newLayer returns a layer with files, all of one time.
func newLayer(files []file, at time.Time) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		kind := byte(tar.TypeReg)
		if strings.HasSuffix(f.name, "/") {
			kind = tar.TypeDir
		}
		header := &tar.Header{Typeflag: kind, Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.data)), ModTime: at}
		if err := add(w, header, bytes.NewReader(f.data)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}

// archive writes the files of a directory into an archive, all of one time.
func archive(dir, out string, at time.Time) error {
	w, err := os.Create(out)
	if err != nil {
		return err
	}
	defer w.Close()
	files := tar.NewWriter(w)
	root := os.DirFS(dir)
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return add(files, &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: info.Size(), ModTime: at}, f)
	})
	if err != nil {
		return err
	}
	if err := files.Close(); err != nil {
		return err
	}
	return w.Close()
}

// add writes one file.
func add(w *tar.Writer, header *tar.Header, from io.Reader) error {
	header.Format = tar.FormatPAX
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(w, from)
	return err
}
