//go:build linux

package boot

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestInitramfs reads the initial RAM disk as the kernel does.
func TestInitramfs(t *testing.T) {
	kernel := t.TempDir()
	for _, module := range modules {
		if err := os.WriteFile(filepath.Join(kernel, module+".ko"), []byte("module "+module), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	files := []File{{"etc/a/b", 0o644, []byte("text")}, {"/etc/a/c", 0o755, nil}}
	if err := writeInitramfs(&out, []byte("program"), kernel, files); err != nil {
		t.Fatal(err)
	}
	entries := readArchive(t, out.Bytes())
	for _, want := range []string{
		"init 100755 program", "dev 40755 ", "dev/console 20600 ", "payload/etc/a 40755 ", "payload/etc/a/b 100644 text", "payload/etc/a/c 100755 ",
		"ext4.ko 100644 module ext4",
	} {
		if !slices.Contains(entries, want) {
			t.Errorf("no entry %q in %q", want, entries)
		}
	}
	if slices.Index(entries, "payload/etc 40755 ") > slices.Index(entries, "payload/etc/a 40755 ") {
		t.Error("a directory comes after what is in it")
	}

	if err := os.Remove(filepath.Join(kernel, "ext4.ko")); err != nil {
		t.Fatal(err)
	}
	if err := writeInitramfs(io.Discard, nil, kernel, nil); err == nil || !strings.Contains(err.Error(), "ext4") {
		t.Errorf("without a module: %v", err)
	}
}

// readArchive returns the name, the mode and the data of each entry of a cpio archive.
func readArchive(t *testing.T, archive []byte) (entries []string) {
	t.Helper()
	for at := 0; ; {
		field := func(n int) int {
			value, err := strconv.ParseUint(string(archive[at+6+8*n:][:8]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(value)
		}
		mode, size, nameSize := field(1), field(6), field(11)
		name := string(archive[at+110:][:nameSize-1])
		if name == "TRAILER!!!" {
			return entries
		}
		data := (at + 110 + nameSize + 3) &^ 3
		entries = append(entries, fmt.Sprintf("%s %o %s", name, mode, archive[data:][:size]))
		at = (data + size + 3) &^ 3
	}
}

// TestTake builds the tree of tests from their events.
func TestTake(t *testing.T) {
	results := map[string]*result{}
	for _, e := range []event{
		{Action: "run", Test: "TestA"},
		{Action: "output", Test: "TestA", Output: "=== RUN   TestA\n"},
		{Action: "run", Test: "TestA/sub"},
		{Action: "output", Test: "TestA/sub", Output: "    x_test.go:1: said\n"},
		{Action: "output", Test: "TestA/sub", Output: "    --- FAIL: TestA/sub (1.00s)\n"},
		{Action: "fail", Test: "TestA/sub", Elapsed: 1},
		{Action: "fail", Test: "TestA", Elapsed: 2},
	} {
		take(results, e)
	}
	top, sub := results["TestA"], results["TestA/sub"]
	if top.verdict != "fail" || top.elapsed != 2 || !slices.Equal(top.subs, []string{"TestA/sub"}) || top.output.String() != "" {
		t.Errorf("the test is %+v", top)
	}
	if sub.verdict != "fail" || sub.output.String() != "    x_test.go:1: said\n" {
		t.Errorf("its subtest is %+v", sub)
	}
}

func TestWithoutCarriageReturns(t *testing.T) {
	got, err := io.ReadAll(withoutCarriageReturns{strings.NewReader("a\r\n\r\nb")})
	if string(got) != "a\n\nb" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
