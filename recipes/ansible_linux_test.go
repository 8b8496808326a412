package recipes

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/built"
	"announcer/internal/testkit/netlab"
	"announcer/internal/testkit/skip"
)

func TestAnsibleSyntax(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	run(t, example(t, "ansible"), "ansible-playbook", "--syntax-check", "--inventory", "inventory.ini", "site.yml")
}

// TestAnsible runs the role against this host, with a daemon whose configuration it writes: at first, again with nothing to change,
// with a definition that is wrong, and with another one.
func TestAnsible(t *testing.T) {
	netlab.Need(t)
	phone := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: phone, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	program := built.Announcer(t, "..")
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "announcer")
	t.Setenv("HOME", home)
	t.Setenv("RUNTIME_DIRECTORY", home)
	t.Setenv("PATH", filepath.Dir(program)+":"+os.Getenv("PATH"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "announcer.toml"), "[daemon]\nlog_level = \"error\"\n")
	start(t, program, nil, "run", "--config", filepath.Join(dir, "announcer.toml"), "--log-level", "error")
	answers(t, filepath.Join(home, "announcer.sock"))

	role := role{configuration: fmt.Sprintf("[daemon]\nservices = [%q]\npoll = \"1h\"\n", filepath.Join(dir, "services")), dir: dir}
	definitions := map[string]string{"dpma.toml": definition("PBX by Ansible"), "old.toml": "group = []\n"}
	if out, err := role.play(t, definitions); err != nil || strings.Contains(out, "changed=0") {
		t.Fatalf("the first play: %v\n%s", err, out)
	}
	heard(t, phone, program, "PBX by Ansible")
	if out, err := role.play(t, definitions); err != nil || !strings.Contains(out, "changed=0") {
		t.Errorf("the second play changes something: %v\n%s", err, out)
	}
	before := files(t, dir)
	if out, err := role.play(t, map[string]string{"dpma.toml": definition("PBX by Ansible") + "serverr = 1\n"}); err == nil || !strings.Contains(out, "serverr") {
		t.Errorf("a definition that is wrong: %v\n%s", err, out)
	}
	if after := files(t, dir); !maps.Equal(before, after) {
		t.Errorf("the files were %q and are %q", before, after)
	}
	if out, err := role.play(t, map[string]string{"dpma.toml": definition("PBX by Ansible, changed")}); err != nil {
		t.Errorf("the last play: %v\n%s", err, out)
	}
	heard(t, phone, program, "PBX by Ansible, changed")
	if _, ok := files(t, dir)["services/old.toml"]; ok {
		t.Error("old.toml was not removed")
	}
}

func definition(name string) string {
	return fmt.Sprintf("[[group]]\nname = %q\npreset = \"dpma\"\nserver = \"192.0.2.20\"\n", name)
}

// role is the role with its variables.
type role struct{ configuration, dir string }

// play runs the role on this host, and returns what Ansible printed.
func (r role) play(t *testing.T, definitions map[string]string) (string, error) {
	t.Helper()
	variables, err := json.Marshal(map[string]any{
		"ansible_python_interpreter": skip.Without(t, "python3"), "announcer_directory": r.dir, "announcer_configuration": r.configuration,
		"announcer_definitions": definitions, "announcer_exclusive": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	playbook := filepath.Join(t.TempDir(), "site.yml")
	write(t, playbook, "- hosts: all\n  roles: [announcer]\n")
	cmd := exec.Command(skip.Without(t, "ansible-playbook"), "--inventory", "localhost,", "--connection", "local", "--extra-vars", string(variables), playbook)
	cmd.Env = append(os.Environ(), "ANSIBLE_ROLES_PATH="+example(t, "ansible", "roles"), "ANSIBLE_NOCOLOR=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// files returns the contents of all files below a directory, by their paths.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.toml", "services/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(data)
		}
	}
	return all
}
