package recipes

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"
)

// deps returns the root of the packages that a program of .test-deps is from.
func deps(t *testing.T, program string) string {
	t.Helper()
	return filepath.Join(filepath.Dir(filepath.Dir(skip.Without(t, program))), "root")
}

// install copies a file below a new root.
func install(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, to, string(data))
}

// TestDropIn has systemd judge the unit with the drop-in.
func TestDropIn(t *testing.T) {
	root := t.TempDir()
	units := filepath.Join(root, "usr/lib/systemd/system")
	install(t, "../packaging/announcer.service", filepath.Join(units, "announcer.service"))
	install(t, example(t, "systemd", "site.conf"), filepath.Join(root, "etc/systemd/system/announcer.service.d/site.conf"))
	for _, target := range []string{"sysinit", "basic", "shutdown"} {
		write(t, filepath.Join(units, target+".target"), "[Unit]\n")
	}
	program := filepath.Join(root, "usr/bin/announcer")
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out := run(t, root, "systemd-analyze", "verify", "--man=no", "--root="+root, "announcer.service"); out != "" {
		t.Error(out)
	}
}

// ports are those that the services and profiles for firewalls open.
var ports = map[string]string{"announcer": "5353/udp", "announcer-metrics": "9353/tcp", "announcer-firmware": "8080/tcp"}

// TestFirewalld has firewalld take the services, and show their ports.
func TestFirewalld(t *testing.T) {
	files := deps(t, "firewall-offline-cmd")
	config := filepath.Join(t.TempDir(), "firewalld")
	if err := os.CopyFS(config, os.DirFS(filepath.Join(files, "etc/firewalld"))); err != nil {
		t.Fatal(err)
	}
	firewalld := func(args ...string) string {
		dirs := []string{"--system-config", config, "--default-config", filepath.Join(files, "usr/lib/firewalld")}
		return run(t, config, "firewall-offline-cmd", append(dirs, args...)...)
	}
	for service := range ports {
		firewalld("--new-service-from-file=" + example(t, "firewall", service+".xml"))
	}
	firewalld("--check-config")
	for service, port := range ports {
		t.Run(service, func(t *testing.T) {
			if out := firewalld("--info-service=" + service); !strings.Contains(out, "ports: "+port+"\n") {
				t.Errorf("want %s:\n%s", port, out)
			}
		})
	}
}

// profiles prints the names and ports of the profiles in a directory, as ufw's own parser reads them.
const profiles = `
import gettext, sys
gettext.install("ufw")
from ufw import applications
for name, profile in applications.get_profiles(sys.argv[1]).items():
    applications.verify_profile(name, profile)
    print(name.replace(" ", "-"), *applications.get_ports(profile))
`

func TestUFW(t *testing.T) {
	dir := t.TempDir()
	install(t, example(t, "firewall", "announcer.ufw"), filepath.Join(dir, "announcer"))
	cmd := exec.Command(skip.Without(t, "python3"), "-c", profiles, dir)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(deps(t, "ufw"), "usr/lib/python3/dist-packages"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, port, _ := strings.Cut(strings.TrimSpace(line), " ")
		got[name] = port
	}
	if !maps.Equal(got, ports) {
		t.Errorf("the profiles open %q, want %q:\n%s", got, ports, out)
	}
}
