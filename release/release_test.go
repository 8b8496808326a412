package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xeipuuv/gojsonschema"
)

var full = flag.Bool("full", false, "release all platforms and packages")

// TestRelease makes a release from two clones in other directories and environments. They have the same bytes, are signed, and hold
// what the page on promises says; its commands verify them.
func TestRelease(t *testing.T) {
	first := commit(t)
	second := filepath.Join(t.TempDir(), "a clone elsewhere")
	run(t, first, "git", "clone", "--quiet", ".", second)
	platforms := []string{"linux-amd64", "windows-amd64"}
	if *full {
		platforms = strings.Fields(regexp.MustCompile(`(?m)^PLATFORMS = (.*)$`).FindStringSubmatch(read(t, "../Makefile"))[1])
	}
	key := filepath.Join(t.TempDir(), "key")
	run(t, ".", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)

	var log bytes.Buffer
	a := release{root: first, out: filepath.Join(t.TempDir(), "release"), platforms: platforms, packages: *full, key: key, log: &log}
	if err := a.make(); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	if !strings.Contains(log.String(), "govulncheck was not run; want GOVULNDB=file:///") || strings.Contains(log.String(), "unsigned") {
		t.Errorf("the log is\n%s", &log)
	}
	for name, value := range map[string]string{"GOFLAGS": "-tags=other", "GOAMD64": "v3", "GOOS": "plan9", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"} {
		t.Setenv(name, value)
	}
	b := release{root: second, out: filepath.Join(t.TempDir(), "another place", "release"), platforms: platforms, packages: *full, key: key, log: io.Discard}
	if err := b.make(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, a.out, b.out)

	t.Run("statement", func(t *testing.T) { testStatement(t, a) })
	t.Run("lists", func(t *testing.T) { testLists(t, a) })
	t.Run("archives", func(t *testing.T) { testArchives(t, a) })
	t.Run("verified", func(t *testing.T) { testVerified(t, a.out, key) })
	t.Run("changes", func(t *testing.T) { testChanges(t, b) })
}

func TestAddresses(t *testing.T) {
	const maintainer, homepage = "maintainer: The announcer project <packages@announcer.invalid>\n", "homepage: https://announcer.invalid/\n"
	both := "packaging/nfpm.yaml:2: maintainer: The announcer project <packages@announcer.invalid> does not exist; want an address where users reach you\n" +
		"packaging/nfpm.yaml:3: homepage: https://announcer.invalid/ does not exist; want an address where users reach you"
	for _, test := range []struct{ name, version, fields, refused, told string }{
		{"a version without addresses", "1.2.3", maintainer + homepage, both, ""},
		{"a version with addresses", "1.2.3", "homepage: https://announcer.example.net/\n", "", ""},
		{"between versions", "1.2.3+4.g1a2b3c4d5e6f", homepage, "", "release: packaging/nfpm.yaml:2: homepage: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			if err := errors.Join(os.Mkdir(filepath.Join(root, "packaging"), directory),
				os.WriteFile(filepath.Join(root, "packaging", "nfpm.yaml"), []byte("name: announcer\n"+test.fields), readable)); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			r := release{root: root, version: test.version, log: &log}
			var refused string
			if err := r.checkAddresses(); err != nil {
				refused = err.Error()
			}
			if refused != test.refused || !strings.HasPrefix(log.String(), test.told) || (test.told == "") != (log.Len() == 0) {
				t.Errorf("refused because %q, told %q; want %q, %q", refused, &log, test.refused, test.told)
			}
		})
	}
}

// commit returns a clone of the project with a commit of all files as they are now.
func commit(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "project")
	run(t, "..", "git", "clone", "--quiet", "--no-checkout", ".", dir)
	names := strings.Split(run(t, "..", "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00")
	for _, name := range names[:len(names)-1] {
		info, err := os.Stat(filepath.Join("..", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, in no commit yet
		}
		to := filepath.Join(dir, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), directory), os.WriteFile(to, []byte(read(t, filepath.Join("..", name))), info.Mode())); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "git", "add", "--all")
	run(t, dir, "git", "-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "--quiet", "--allow-empty", "--message", "As it is")
	return dir
}

// wantSame wants two directories to have the same files.
func wantSame(t *testing.T, a, b string) {
	t.Helper()
	names := run(t, a, "ls")
	if other := run(t, b, "ls"); other != names {
		t.Fatalf("one release has\n%sthe other\n%s", names, other)
	}
	for name := range strings.Lines(names) {
		name = strings.TrimSuffix(name, "\n")
		if read(t, filepath.Join(a, name)) != read(t, filepath.Join(b, name)) {
			t.Errorf("%s has other bytes in the other release", name)
		}
	}
}

// testStatement wants the provenance to be about all files, and to name commit, Go and modules.
func testStatement(t *testing.T, r release) {
	var s statement
	if err := json.Unmarshal([]byte(read(t, filepath.Join(r.out, provenanceFile))), &s); err != nil {
		t.Fatal(err)
	}
	if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://slsa.dev/provenance/v1" {
		t.Errorf("it is a %s with a %s", s.Type, s.PredicateType)
	}
	names, err := r.published()
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, subject := range s.Subject {
		subjects = append(subjects, subject.Name)
		if sum, err := sumOf(filepath.Join(r.out, subject.Name)); err != nil || sum != subject.Digest["sha256"] {
			t.Errorf("%s has %s, %v", subject.Name, sum, err)
		}
	}
	without := slices.DeleteFunc(names, func(name string) bool { return name == provenanceFile || strings.HasPrefix(name, sumsFile) })
	if !slices.Equal(subjects, without) {
		t.Errorf("it is about %q; want %q", subjects, without)
	}
	materials := map[string]map[string]string{}
	for _, m := range s.Predicate.BuildDefinition.ResolvedDependencies {
		materials[m.Name+strings.Split(m.URI, "@")[0]] = m.Digest
	}
	if got, want := materials["source"]["gitCommit"], strings.TrimSpace(run(t, r.root, "git", "rev-parse", "HEAD")); got != want {
		t.Errorf("the commit is %q; want %s", got, want)
	}
	if sum := materials["pkg:golang/github.com/miekg/dns"]["dirHash1"]; !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(sum) {
		t.Errorf("the checksum of a module is %q", sum)
	}
	if _, ok := materials["pkg:golang/github.com/google/go-cmp"]; ok {
		t.Error("a module that only tests use is named")
	}
	if got := s.Predicate.RunDetails.Builder.Version["go"]; !strings.HasPrefix(got, "go1.") {
		t.Errorf("the release of Go is %q", got)
	}
}

// testLists wants a valid list of what is in each archive and package.
func testLists(t *testing.T, r release) {
	schema := schemaOfLists(t)
	names, err := r.published()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, sumsFile) || name == provenanceFile || strings.HasSuffix(name, bomSuffix) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			list := strings.TrimSuffix(strings.TrimSuffix(name, ".tar.gz"), ".zip") + bomSuffix
			text := read(t, filepath.Join(r.out, list))
			result, err := schema.Validate(gojsonschema.NewStringLoader(text))
			if err != nil || !result.Valid() {
				t.Fatalf("%s: %v, %v", list, err, result.Errors())
			}
			sum, err := sumOf(filepath.Join(r.out, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{sum, `"name": "github.com/miekg/dns"`, `"name": "std"`, `"version": "` + r.version + `"`} {
				if !strings.Contains(text, want) {
					t.Errorf("%s has no %s", list, want)
				}
			}
			elsewhere := strings.Contains(name, "windows") || strings.Contains(name, "darwin")
			if linux := strings.Contains(text, `"name": "github.com/landlock-lsm/go-landlock"`); linux == elsewhere {
				t.Errorf("%s has a module for Linux: %t", list, linux)
			}
		})
	}
}

// schemaOfLists returns the JSON Schema of CycloneDX that comes with its library.
func schemaOfLists(t *testing.T) *gojsonschema.Schema {
	t.Helper()
	module := strings.TrimSpace(run(t, ".", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go"))
	load := func(name string) gojsonschema.JSONLoader {
		return gojsonschema.NewStringLoader(read(t, filepath.Join(module, "schema", name)))
	}
	loader := gojsonschema.NewSchemaLoader()
	for url, name := range map[string]string{ // what the schema refers to
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": "jsf-0.82.schemax.json",
		"http://cyclonedx.org/schema/spdx.schema.json":     "spdx.schema.json",
	} {
		if err := loader.AddSchema(url, load(name)); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := loader.Compile(load("bom-1.6.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// testArchives wants each archive to hold a program that runs here if it can, and what belongs to it.
func testArchives(t *testing.T, r release) {
	for _, test := range []struct{ name, program string }{{"linux_amd64.tar.gz", "announcer"}, {"windows_amd64.zip", "announcer.exe"}} {
		t.Run(test.name, func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join(r.out, "announcer_*_"+test.name))
			if err != nil || len(paths) != 1 {
				t.Fatalf("%q, %v", paths, err)
			}
			files := contents(t, paths[0])
			for _, want := range []string{test.program, "README.md", "LICENSE", "SECURITY.md", "CHANGELOG.md", "third-party-licences", "man/announcer.1",
				"man/announcer.8", "completions/announcer.bash", "examples/services/dpma.service"} {
				if len(files[want].data) == 0 {
					t.Errorf("there is no %s", want)
				}
			}
			if _, ok := files["examples/examples_test.go"]; ok {
				t.Error("it holds tests")
			}
			if !strings.Contains(string(files["third-party-licences"].data), "github.com/miekg/dns v1.") {
				t.Error("there is no licence of github.com/miekg/dns")
			}
			if test.program != "announcer" {
				return
			}
			program := filepath.Join(t.TempDir(), test.program)
			if err := os.WriteFile(program, files[test.program].data, files[test.program].mode); err != nil {
				t.Fatal(err)
			}
			if version := run(t, ".", program, "version"); !strings.Contains(version, r.commit[:12]) || strings.Contains(version, "modified") {
				t.Errorf("the version is %q; want one with %s", version, r.commit[:12])
			}
		})
	}
}

// contents returns the files in an archive, by their name in its one directory.
func contents(t *testing.T, archive string) map[string]file {
	t.Helper()
	data := []byte(read(t, archive))
	all := map[string]file{}
	add := func(name string, mode fs.FileMode, r io.Reader) {
		text, err := io.ReadAll(r)
		top, below, ok := strings.Cut(name, "/")
		if err != nil || !ok || !strings.HasPrefix(filepath.Base(archive), top+".") {
			t.Fatalf("%s: %v", name, err)
		}
		all[below] = file{name, mode, text}
	}
	if strings.HasSuffix(archive, ".zip") {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			add(f.Name, f.Mode(), r)
		}
		return all
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for z := tar.NewReader(unpacked); ; {
		header, err := z.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		add(header.Name, fs.FileMode(header.Mode), z)
	}
}

// testVerified runs the commands with which a user verifies a download, also for one that was changed.
func testVerified(t *testing.T, out, key string) {
	page := read(t, "../docs/promises.md")
	commands := regexp.MustCompile(`(?m)^\$ (.*)$`).FindAllStringSubmatch(page, -1)
	if len(commands) != 2 {
		t.Fatalf("the page has %d commands; want 2", len(commands))
	}
	public := strings.Fields(read(t, key+".pub"))
	line := strings.NewReplacer("ssh-ed25519 AAAA…", public[0]+" "+public[1]).Replace(regexp.MustCompile(`(?m)^announcer namespaces=.*$`).FindString(page))
	dir := t.TempDir()
	run(t, ".", "cp", "-r", out+"/.", dir)
	put(t, filepath.Join(dir, "allowed_signers"), line+"\n")
	verify := func() (failed []string) {
		for _, c := range commands {
			cmd := exec.Command("bash", "-c", c[1])
			cmd.Dir = dir
			said, err := cmd.CombinedOutput()
			if err != nil {
				failed = append(failed, strings.Fields(c[1])[0])
			} else if expected := c[1]; strings.HasPrefix(expected, "ssh-keygen") && !strings.HasPrefix(string(said), `Good "announcer-release" signature for announcer with ED25519 key SHA256:`) {
				t.Errorf("%s prints %q", expected, said)
			}
		}
		return failed
	}
	for _, test := range []struct {
		name, changed string
		failed        []string
	}{
		{"as it was made", "", nil},
		{"another archive", "announcer_*_linux_amd64.tar.gz", []string{"sha256sum"}},
		{"another list", "announcer_*_linux_amd64.cdx.json", []string{"sha256sum"}},
		{"another statement", provenanceFile, []string{"sha256sum"}},
		{"other checksums", sumsFile, []string{"ssh-keygen", "sha256sum"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.changed != "" {
				paths, err := filepath.Glob(filepath.Join(dir, test.changed))
				if err != nil || len(paths) != 1 {
					t.Fatalf("%q, %v", paths, err)
				}
				before := read(t, paths[0])
				other := "0"
				if strings.HasPrefix(before, other) {
					other = "1"
				}
				put(t, paths[0], other+before[1:])
				defer put(t, paths[0], before)
			}
			if failed := verify(); !slices.Equal(failed, test.failed) {
				t.Errorf("%q fail; want %q", failed, test.failed)
			}
		})
	}
}

// testChanges wants no release of what is in no commit, over other files, or of a program with a known vulnerability.
func testChanges(t *testing.T, r release) {
	var log bytes.Buffer
	unsigned := r
	unsigned.key, unsigned.log = "", &log
	if err := unsigned.sign(); err != nil || !strings.Contains(log.String(), "SHA256SUMS is unsigned; want KEY=FILE") {
		t.Errorf("without a key: %v, %q", err, &log)
	}
	other := r
	other.out = t.TempDir()
	put(t, filepath.Join(other.out, "letter.txt"), "mine")
	if err := other.clear(); err == nil || read(t, filepath.Join(other.out, "letter.txt")) != "mine" {
		t.Errorf("over other files: %v", err)
	}
	for _, test := range []struct{ name, module, want string }{
		{"none", "example.com/other", ""},
		{"in what is called", "github.com/urfave/cli/v2", "GO-2026-0001"},
	} {
		t.Run("vulnerabilities/"+test.name, func(t *testing.T) {
			checked := r
			checked.vulnerabilities = "file://" + database(t, test.module)
			err := checked.checkVulnerabilities()
			if (err != nil) != (test.want != "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "panic")) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
	put(t, filepath.Join(r.root, "README.md"), "changed")
	if err := r.make(); err == nil || !strings.Contains(err.Error(), "has changes that are in no commit") {
		t.Errorf("with a change: %v", err)
	}
}

// database makes a database of vulnerabilities, as vuln.go.dev has it, with one of all versions of a module.
func database(t *testing.T, module string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	const modified = `"modified":"2026-01-01T00:00:00Z"`
	for name, text := range map[string]string{
		"index/db.json":      `{` + modified + `}`,
		"index/modules.json": `[{"path":"` + module + `","vulns":[{"id":"GO-2026-0001",` + modified + `}]}]`,
		"index/vulns.json":   `[{"id":"GO-2026-0001",` + modified + `}]`,
		"ID/GO-2026-0001.json": `{"schema_version":"1.3.1","id":"GO-2026-0001",` + modified + `,"published":"2026-01-01T00:00:00Z","summary":"Of a test",
			"details":"Of a test","database_specific":{"url":"https://example.com/GO-2026-0001"},"affected":[{"package":{"name":"` + module + `","ecosystem":"Go"},
			"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"ecosystem_specific":{"imports":[{"path":"` + module + `"}]}}]}`,
	} {
		put(t, filepath.Join(dir, name), text)
	}
	return dir
}

// TestArchivesAreOrdered wants an archive not to depend on the order of its files.
func TestArchivesAreOrdered(t *testing.T) {
	files := []file{{"a/b", readable, []byte("1")}, {"a/a", executable, []byte("2")}}
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for name, write := range map[string]func(io.Writer, []file, time.Time) error{"tar": writeTar, "zip": writeZip} {
		t.Run(name, func(t *testing.T) {
			var one, two bytes.Buffer
			if err := errors.Join(write(&one, files, at), write(&two, []file{files[1], files[0]}, at)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(one.Bytes(), two.Bytes()) {
				t.Error("the bytes differ")
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), directory), os.WriteFile(path, []byte(text), readable)); err != nil {
		t.Fatal(err)
	}
}

// run runs a program in a directory, and returns what it prints.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return string(out)
}
