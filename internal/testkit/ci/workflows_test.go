package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"
)

// root is that of the project, from here.
const root = "../../.."

// TestWorkflows has actionlint judge the workflows, and looks at what it does not: that nothing in them changes by itself, and
// that they may do no more than they must.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Run("actionlint", func(t *testing.T) { testActionlint(t, file) })
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range faults(string(data)) {
				t.Error(fault)
			}
		})
	}
}

func testActionlint(t *testing.T, file string) {
	actionlint := []string{"tool", "-modfile=" + root + "/.ci/actionlint.mod", "actionlint"}
	if out, err := exec.Command("go", append(actionlint, "--version")...).CombinedOutput(); err != nil {
		skip.Now(t, "no actionlint; make test-deps fetches it: ", err, "\n", string(out))
	}
	// shellcheck and pyflakes would be used where a machine happens to have them.
	if out, err := exec.Command("go", append(actionlint, "-shellcheck=", "-pyflakes=", file)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

var (
	action = regexp.MustCompile(`(?m)\buses: *(\S.*)$`)
	pinned = regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v[0-9.]+$`)
	image  = regexp.MustCompile(`(?m)^ +image: *(\S+)$`)
	digest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)
	job    = regexp.MustCompile(`(?m)^  [\w-]+:\n(?:    .*\n|\n)+`)
)

// faults returns what is wrong with a workflow.
func faults(text string) (all []string) {
	for _, m := range action.FindAllStringSubmatch(text, -1) {
		if !pinned.MatchString(m[1]) {
			all = append(all, m[1]+" can change; want an action by the hash of its commit, with the version behind it")
		}
	}
	for _, m := range image.FindAllStringSubmatch(text, -1) {
		if !digest.MatchString(m[1]) {
			all = append(all, m[1]+" can change; want an image by its digest")
		}
	}
	if !strings.Contains(text, "\npermissions:\n  contents: read\n\n") {
		all = append(all, "no permissions for all jobs; want contents: read alone")
	}
	if strings.Count(text, "permissions:") > 1 {
		all = append(all, "a job has permissions of its own")
	}
	if strings.Contains(text, "pull_request_target") {
		all = append(all, "pull_request_target runs the code of a stranger with the rights of the project")
	}
	_, jobs, _ := strings.Cut(text, "\njobs:\n")
	for _, block := range job.FindAllString(jobs, -1) {
		name, _, _ := strings.Cut(strings.TrimSpace(block), ":")
		if !strings.Contains(block, "\n    timeout-minutes: ") {
			all = append(all, "the job "+name+" has no limit of time")
		}
		if !strings.Contains(block, "run: .ci/run\n") {
			all = append(all, "the job "+name+" runs something else than .ci/run")
		}
	}
	return all
}

func TestFaults(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, ".github/workflows/ci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	for _, test := range []struct{ name, old, new, want string }{
		{"an action by its tag", "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "actions/checkout@v6", "actions/checkout@v6 can change"},
		{"an image by its tag", "@sha256:e8c859f5632dcfde7b32d2012b4351728f6437930887c2f6a91ea242459e5514", "", "golang:1.26.7-bookworm can change"},
		{"more rights", "  contents: read\n", "  contents: write\n", "no permissions for all jobs"},
		{"rights of a job", "    timeout-minutes", "    permissions: write-all\n    timeout-minutes", "a job has permissions of its own"},
		{"strangers", "  pull_request:", "  pull_request_target:", "pull_request_target runs"},
		{"no limit of time", "    timeout-minutes: 45\n", "", "the job check has no limit of time"},
		{"another check", "- run: .ci/run\n", "- run: make test\n", "the job check runs something else"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(good, test.old) {
				t.Fatalf("the workflow has no %q", test.old)
			}
			all := strings.Join(faults(strings.ReplaceAll(good, test.old, test.new)), "\n")
			if !strings.HasPrefix(all, test.want) {
				t.Errorf("%q; want %q", all, test.want)
			}
		})
	}
}
