package main

import (
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"announcer/internal/testkit/hangfs"
	"announcer/internal/testkit/netlab"
)

// TestMain lets the test binary be announcer if it is called by that name, as the scripts do, or serve a file system
// that hangs, and runs the tests in a network of their own.
// atOnce is how many of the tests that may run beside each other do: most of the time they wait.
const atOnce = "6"

func TestMain(m *testing.M) {
	hangfs.Main()
	switch filepath.Base(os.Args[0]) {
	case stubbornName:
		stubborn()
	case "announcer":
		panicOnSignal()
		loseIPv6()
		main()
	}
	flag.Set("test.parallel", atOnce)
	if signal.Ignored(syscall.SIGHUP) { // by nohup: programs that the tests start would ignore it, too
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	netlab.Main(m)
}

// binDir makes a directory with announcer in it.
func binDir(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "announcer")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestScripts runs the scripts in testdata/script: commands of announcer with their output, exit code and effects.
func TestScripts(t *testing.T) {
	netlab.Need(t)
	params := scriptParams(t)
	params.Dir = "testdata/script"
	testscript.Run(t, params)
}

// TestNetworkScripts runs those in testdata/network one after the other, since all of them are on the same loopback.
func TestNetworkScripts(t *testing.T) {
	netlab.Need(t)
	scripts, err := filepath.Glob("testdata/network/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			params := scriptParams(t)
			params.Files = []string{script}
			testscript.Run(t, params)
		})
	}
}

func scriptParams(t *testing.T) testscript.Params {
	bin := binDir(t)
	return testscript.Params{
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": exitStatus},
	}
}

// exitStatus is the script command "status CODE announcer ARGUMENT...": it runs the program and wants that exit code.
func exitStatus(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARGUMENT...")
	}
	code := "0"
	if err := ts.Exec("sh", append([]string{"-c", `"$@"; code=$?; echo $code > .status`, "sh"}, args[1:]...)...); err != nil {
		ts.Fatalf("%v", err)
	}
	code = ts.ReadFile(".status")
	if code != args[0]+"\n" {
		ts.Fatalf("exit status %s, want %s", code, args[0])
	}
}
