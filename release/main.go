package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	r := release{log: os.Stderr}
	var platforms string
	flag.StringVar(&r.root, "project", "..", "the clone of the project, `DIR`")
	flag.StringVar(&r.out, "out", "../dist/release", "write to `DIR`, which must not exist or be a release")
	flag.StringVar(&platforms, "platforms", "linux-amd64", "`LIST` of systems and architectures")
	flag.BoolVar(&r.packages, "packages", false, "make the .deb and the .rpm of each architecture of Linux, too")
	flag.StringVar(&r.key, "key", "", "sign with the SSH key in `FILE`")
	flag.StringVar(&r.vulnerabilities, "govulndb", "", "check for vulnerabilities by the database at `URL`, such as file:///srv/vulndb")
	flag.Parse()
	r.platforms = strings.Fields(platforms)
	if err := r.make(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is what is to be made.
type release struct {
	root, out       string
	platforms       []string
	packages        bool
	key             string // file; "": unsigned
	vulnerabilities string // URL; "": not checked
	log             io.Writer

	commit  string
	time    time.Time // of the commit
	version string
	golang  string // release of Go
	stage   string // directory for what is not published
}

// Names of files that are about all others.
const (
	sumsFile       = "SHA256SUMS"
	signatureFile  = sumsFile + ".sig"
	provenanceFile = "announcer.intoto.json"
)

// The modes of what is made.
const readable, executable, directory = 0o644, 0o755, 0o755

// make makes the release.
func (r *release) make() error {
	for _, step := range []func() error{r.absolute, r.examine, r.checkAddresses, r.clear, r.checkVulnerabilities} {
		if err := step(); err != nil {
			return err
		}
	}
	defer os.RemoveAll(r.stage)
	if err := r.makeDocuments(); err != nil {
		return err
	}
	for _, name := range r.platforms {
		if err := r.makePlatform(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if r.packages {
		if err := r.makePackages(); err != nil {
			return err
		}
	}
	return errors.Join(r.writeProvenance(), r.writeSums(), r.sign())
}

func (r *release) absolute() (err error) {
	if r.root, err = filepath.Abs(r.root); err == nil {
		r.out, err = filepath.Abs(r.out)
	}
	return err
}

// examine finds out what is to be released.
func (r *release) examine() error {
	changed, err := r.run("git", "status", "--porcelain")
	if err != nil {
		return fmt.Errorf("%s is no clone of the project: %w", r.root, err)
	}
	if changed != "" {
		return fmt.Errorf("%s has changes that are in no commit; want them committed or stashed:\n%s", r.root, changed)
	}
	var seconds string
	for _, fact := range []struct {
		into    *string
		command []string
	}{
		{&r.commit, []string{"git", "rev-parse", "HEAD"}},
		{&seconds, []string{"git", "log", "-1", "--format=%ct"}},
		{&r.version, []string{"packaging/version"}},
		{&r.golang, []string{"go", "env", "GOVERSION"}},
	} {
		if *fact.into, err = r.run(fact.command[0], fact.command[1:]...); err != nil {
			return err
		}
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	r.time = time.Unix(unix, 0).UTC()
	return err
}

// checkAddresses wants addresses in the packages where users reach the maintainer. Between two versions it only logs that
// there are none.
func (r *release) checkAddresses() error {
	const file = "packaging/nfpm.yaml"
	text, err := os.ReadFile(filepath.Join(r.root, file))
	if err != nil {
		return err
	}
	var wrong []error
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if field, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && placeholder.MatchString(value) {
			wrong = append(wrong, fmt.Errorf("%s:%d: %s:%s does not exist; want an address where users reach you", file, number, field, strings.TrimSuffix(value, "\n")))
		}
	}
	if strings.Contains(r.version, "+") { // commits after the last version
		for _, err := range wrong {
			fmt.Fprintln(r.log, "release:", err)
		}
		return nil
	}
	return errors.Join(wrong...)
}

// placeholder is a domain that is not in use (RFC 2606 §2).
var placeholder = regexp.MustCompile(`\.invalid\b`)

// clear makes an empty directory for the release. It removes what a former one left, and nothing else.
func (r *release) clear() (err error) {
	entries, err := os.ReadDir(r.out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !strings.HasPrefix(e.Name(), "announcer") && !strings.HasPrefix(e.Name(), sumsFile)
	}) {
		return fmt.Errorf("%s has other files than those of a release; want an empty directory", r.out)
	}
	if err := errors.Join(os.RemoveAll(r.out), os.MkdirAll(r.out, directory)); err != nil {
		return err
	}
	r.stage, err = os.MkdirTemp(filepath.Dir(r.out), "stage")
	return err
}

// checkVulnerabilities asks a database whether the program has vulnerabilities that are known.
func (r *release) checkVulnerabilities() error {
	if r.vulnerabilities == "" {
		fmt.Fprintln(r.log, "release: govulncheck was not run; want GOVULNDB=file:///… with a copy of a database")
		return nil
	}
	said, err := r.tool("govulncheck", "-C", r.root, "-db", r.vulnerabilities, "./cmd/announcer")
	if err != nil {
		return fmt.Errorf("govulncheck: %w\n%s", err, said)
	}
	return nil
}

// tool runs a tool of this module, in its directory, since it is pinned there.
func (r *release) tool(name string, args ...string) (string, error) {
	return r.command("go", append([]string{"-C", filepath.Join(r.root, "release"), "tool", name}, args...)...)()
}

// run runs a program in the project, and returns what it prints.
func (r *release) run(name string, args ...string) (string, error) { return r.command(name, args...)() }

// command returns a function that runs a program in the project under an environment that decides nothing, with more variables if
// wanted.
func (r *release) command(name string, args ...string) func(env ...string) (string, error) {
	return func(env ...string) (string, error) {
		cmd := exec.Command(name, args...)
		if !filepath.IsAbs(name) && strings.Contains(name, "/") {
			cmd.Path = filepath.Join(r.root, name)
		}
		cmd.Dir = r.root
		cmd.Env = append(slices.DeleteFunc(os.Environ(), decides), append(fixedEnv, env...)...)
		cmd.Stderr = r.log
		out, err := cmd.Output()
		if err != nil {
			return string(out), fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
		return strings.TrimSpace(string(out)), nil
	}
}

// fixedEnv is the environment of all programs.
var fixedEnv = []string{"CGO_ENABLED=0", "LC_ALL=C", "TZ=UTC", "GOFLAGS="}

// decides reports whether a variable of the environment would change what is built.
func decides(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"GOOS", "GOARCH", "GOARM", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOWORK"}, name)
}
