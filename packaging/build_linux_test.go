package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestBuildNamesAddresses runs packaging/build of a version, and between two, with addresses that do not exist. It ends where it
// would call Go.
func TestBuildNamesAddresses(t *testing.T) {
	const (
		fields = "name: announcer\nmaintainer: The project <packages@announcer.invalid>\nhomepage: https://announcer.invalid/\n"
		both   = "packaging/nfpm.yaml:2: maintainer: The project <packages@announcer.invalid> does not exist, so that make release refuses this version; want an address where users reach you\n" +
			"packaging/nfpm.yaml:3: homepage: https://announcer.invalid/ does not exist, so that make release refuses this version; want an address where users reach you\n"
	)
	for _, test := range []struct{ name, version, fields, want string }{
		{"a version without addresses", "1.2.3", fields, both},
		{"a version before another", "1.2.3-rc1", fields, both},
		{"a version with addresses", "1.2.3", "homepage: https://announcer.example.net/\n", ""},
		{"between versions", "1.2.3+4.g1a2b3c4d5e6f", fields, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			script, err := os.ReadFile("build")
			if err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{
				"packaging/build": string(script), "packaging/version": "#!/bin/sh\necho " + test.version + "\n", "packaging/nfpm.yaml": test.fields,
				"bin/git": "#!/bin/sh\necho 1700000000\n", "bin/go": "#!/bin/sh\nexit 7\n",
			} {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(filepath.Join(dir, "packaging/build"), filepath.Join(dir, "out"), "amd64")
			cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 7 || string(out) != test.want {
				t.Errorf("exit code %d, %q; want 7, %q", cmd.ProcessState.ExitCode(), out, test.want)
			}
		})
	}
}
