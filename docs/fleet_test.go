package docs

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"announcer/internal/config"
	"announcer/internal/testkit/skip"
)

// block returns the first fenced block of a kind on the page about fleets that has a text in it.
func block(t *testing.T, kind, with string) string {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```$").FindAllStringSubmatch(read(t, "fleet.md"), -1) {
		if strings.Contains(m[1], with) {
			return m[1]
		}
	}
	t.Fatalf("there is no %s with %q", kind, with)
	return ""
}

// TestAnsible reads the task of Ansible, and wants what it writes to be what the page says elsewhere.
func TestAnsible(t *testing.T) {
	var tasks []struct {
		Name   string
		Copy   map[string]string `yaml:"ansible.builtin.copy"`
		Loop   []struct{ Dest, Mode, Content string }
		Labels map[string]string `yaml:"loop_control"`
		Notify string
	}
	decoder := yaml.NewDecoder(strings.NewReader(block(t, "yaml", "ansible")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&tasks); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range tasks[0].Loop {
		files[file.Dest] = strings.NewReplacer("{{ site }}", "berlin", "{{ announcer_password }}", "secret").Replace(file.Content)
		if secret := strings.Contains(file.Content, "password }}"); secret != (file.Mode == "0600") {
			t.Errorf("%s has the mode %s", file.Dest, file.Mode)
		}
	}
	if want := map[string]string{"dest": "{{ item.dest }}", "content": "{{ item.content }}", "mode": "{{ item.mode }}"}; !maps.Equal(tasks[0].Copy, want) {
		t.Errorf("it copies %v; want %v", tasks[0].Copy, want)
	}
	if got := files["/etc/systemd/system/announcer.service.d/password.conf"]; got != block(t, "ini", "LoadCredential") {
		t.Errorf("the drop-in is %q", got)
	}
	cfg, written := config.Load("announcer.toml", []byte(files["/etc/announcer/announcer.toml"]))
	if found := written.Check("pbx"); len(found) > 0 {
		t.Error(found)
	}
	hand, _ := config.Load("announcer.toml", []byte(block(t, "toml", "/run/credentials")))
	if cfg.Remote != hand.Remote || !slices.Contains(hand.Services, cfg.Services[0]) {
		t.Errorf("the configuration is %v, and %v by hand", cfg, hand)
	}
}

// TestDropIn has systemd judge the unit with the drop-in.
func TestDropIn(t *testing.T) {
	analyze := skip.Without(t, "systemd-analyze")
	root := t.TempDir()
	for name, content := range map[string]string{
		"usr/lib/systemd/system/announcer.service":             read(t, "../packaging/announcer.service"),
		"etc/systemd/system/announcer.service.d/password.conf": block(t, "ini", "LoadCredential"),
		"usr/lib/systemd/system/sysinit.target":                "[Unit]\n",
		"usr/lib/systemd/system/basic.target":                  "[Unit]\n",
		"usr/lib/systemd/system/shutdown.target":               "[Unit]\n",
		"usr/bin/announcer":                                    "#!/bin/sh\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "usr/bin/announcer"), 0o755); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(analyze, "verify", "--man=no", "--root="+root, "announcer.service").CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, said)
	}
}

// TestAlerts reads the alerts, and wants each metric in them to be one of the daemon.
func TestAlerts(t *testing.T) {
	var alerts []struct{ Alert, Expr string }
	if err := yaml.Unmarshal([]byte(block(t, "yaml", "alert")), &alerts); err != nil {
		t.Fatal(err)
	}
	documented := read(t, "status.md")
	for _, alert := range alerts {
		for _, metric := range regexp.MustCompile(`announcer_\w+`).FindAllString(alert.Expr, -1) {
			if !strings.Contains(documented, metric) {
				t.Errorf("%s: there is no metric %s", alert.Alert, metric)
			}
		}
	}
	if len(alerts) < 2 {
		t.Errorf("%d alerts", len(alerts))
	}
}
