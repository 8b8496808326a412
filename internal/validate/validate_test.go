package validate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/convert"
	"announcer/internal/publication"
	"announcer/internal/source"
)

const definitionFile = `<?xml version="1.0" standalone='no'?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group>
  <name>%s</name>
  <service>
    <type>_digiumproxy._udp</type>
    <port>%d</port>
    <txt-record>sipUrl=sip:proxy@192.0.2.20:5060;transport=udp</txt-record>
    <txt-record>serviceType=asterisk</txt-record>
  </service>
</service-group>
`

var options = Options{Engine: publication.Engines()[0], Host: "pbx"}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPaths(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		count int
		want  string // lines without the directory
	}{
		{"nothing wrong", map[string]string{"a.service": fmt.Sprintf(definitionFile, "a", 5060)}, 1, ""},
		{"each by itself", map[string]string{"a.service": "<service-group>", "b.service": fmt.Sprintf(definitionFile, "b", 70000)}, 2,
			`a.service:1:16: <service-group>: …
b.service:7:11: <port>: "70000" is not a port; want a number from 1 to 65535`},
		{"two of one name", map[string]string{"a.service": fmt.Sprintf(definitionFile, "x", 1), "b.service": fmt.Sprintf(definitionFile, "X", 2), "c.service": fmt.Sprintf(definitionFile, "x", 1)}, 3,
			`b.service: warning: a.service has a _digiumproxy._udp of the name "X" too, with other data; this one is published as "X #2"; want a different name for each
b.service: warning: "X #2" is announced beside "x" of a.service on one link; … [phones/two-servers]`},
		{"two servers for the phones of a link", map[string]string{"a.service": fmt.Sprintf(definitionFile, "a", 1), "b.service": fmt.Sprintf(definitionFile, "b", 2)}, 2,
			`b.service: warning: "b" is announced beside "a" of a.service on one link; … [phones/two-servers]`},
		{"what phones want", map[string]string{"a.service": strings.Replace(fmt.Sprintf(definitionFile, "a", 1), "sip:proxy@", "sip:pbx@", 1)}, 1,
			`a.service:8:17: <txt-record>: "sip:pbx@192.0.2.20:5060;transport=udp" does not start with sip:proxy@, … [phones/sip-url]`},
		{"a configuration with its groups", map[string]string{"announcer.toml": "[[group]]\nname = \"x\"\n[[group.service]]\ntype = \"_http\"\n"}, 1,
			`announcer.toml:4:1: type: "_http" is not a service type; want two labels, such as _digiumproxy._udp`},
		{"interfaces keep names apart", map[string]string{"announcer.toml": group("a", "eth0", 1) + group("b", "eth1", 2)}, 1, ""},
		{"unless they meet", map[string]string{"announcer.toml": group("a", "eth0", 1) + group("b", "eth*", 2)}, 1,
			`announcer.toml: group "Desk"…: warning: …`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			paths := []string{dir}
			for name, content := range test.files {
				write(t, filepath.Join(dir, name), content)
				if filepath.Ext(name) == ".toml" {
					paths = []string{filepath.Join(dir, name)}
				}
			}
			report := Paths(paths, options)
			report.Findings.Sort()
			got := strings.ReplaceAll(report.Findings.Error(), dir+"/", "")
			if report.Files != test.count || !sameLines(test.want, got) {
				t.Errorf("%d files:\n%s\nwant %d files:\n%s", report.Files, got, test.count, test.want)
			}
		})
	}
}

// TestPathsOfAMask checks that a link to /dev/null, which takes out the name, is no file to check, unless it is given.
func TestPathsOfAMask(t *testing.T) {
	dir := t.TempDir()
	mask := filepath.Join(dir, "a.service")
	if err := os.Symlink("/dev/null", mask); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "b.service"), fmt.Sprintf(definitionFile, "b", 1))
	if r := Paths([]string{dir}, options); r.Files != 1 || len(r.Findings) > 0 {
		t.Errorf("%d files, %v", r.Files, r.Findings)
	}
	if r := Paths([]string{mask}, options); r.Files != 1 || r.Findings.Error() != mask+": it is a device; want a regular file" {
		t.Errorf("%d files, %v", r.Files, r.Findings)
	}
}

func group(id, iface string, port int) string {
	return fmt.Sprintf("# %s\n[[group]]\nname = \"Desk\"\ninterfaces = [%q]\n[[group.service]]\ntype = \"_http._tcp\"\nport = %d\n", id, iface, port)
}

// sameLines compares line by line, where "…" stands for any text.
func sameLines(want, got string) bool {
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(wants) != len(gots) {
		return false
	}
	for i := range wants {
		rest := gots[i]
		for _, part := range strings.Split(wants[i], "…") {
			_, after, found := strings.Cut(rest, part)
			if !found {
				return false
			}
			rest = after
		}
	}
	return true
}

// TestNothing checks that it is an error if nothing is defined, wherever that is.
func TestNothing(t *testing.T) {
	const want = "nothing is defined in DIR; want a file NAME.service or NAME.toml in a directory, or a [[group]] in a configuration"
	for _, test := range []struct {
		name, file, content string
		given               string // in the directory
		want                string
	}{
		{"an empty directory", "", "", "", want},
		{"files of other names", "a.txt", "x", "", want},
		{"hidden files", ".a.service", fmt.Sprintf(definitionFile, "a", 1), "", want},
		{"comments alone", "a.toml", "# x\n\n", "/a.toml", strings.Replace(want, "DIR", "DIR/a.toml", 1)},
		{"a configuration without a group", "a.toml", "[daemon]\n", "/a.toml", ""},
		{"a group", "a.toml", group("a", "eth0", 1), "/a.toml", ""},
		{"a file", "a.service", fmt.Sprintf(definitionFile, "a", 1), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if test.file != "" {
				write(t, filepath.Join(dir, test.file), test.content)
			}
			report := Paths([]string{dir + test.given}, options)
			if got := strings.ReplaceAll(report.Findings.Error(), dir, "DIR"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if test.given != "" {
				return
			}
			snap, err := source.Load(t.Context(), source.Request{Services: []string{dir}})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(Nothing(snap).Error(), dir, "DIR"); got != test.want {
				t.Errorf("read by the daemon's way: %q, want %q", got, test.want)
			}
		})
	}
}

// TestPredictions checks that no two findings predict different names of one service.
func TestPredictions(t *testing.T) {
	two := strings.Replace(fmt.Sprintf(definitionFile, "x", 1), "</service>", "</service><service><type>_digiumproxy._udp</type><port>7</port></service>", 1)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.service"), two)
	write(t, filepath.Join(dir, "b.service"), strings.ReplaceAll(two, "<port>7", "<port>8"))
	report := Paths([]string{dir}, options)
	names := map[string]int{}
	for _, f := range report.Findings {
		_, after, found := strings.Cut(f.Text, "published as ")
		if name, _, _ := strings.Cut(after, ";"); found {
			names[name]++
		}
	}
	want := map[string]int{`"x #3"`: 1}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("predicted %v, want %v, in\n%s", names, want, report.Findings.Error())
	}
}

// TestFormat checks that a format that is given counts for every name, and for the standard input.
func TestFormat(t *testing.T) {
	avahi, toml := fmt.Sprintf(definitionFile, "a", 70000), group("a", "eth0", 70000)
	const fault = `"70000" is not a port; want a number from 1 to 65535`
	for _, test := range []struct {
		name, path, content string
		format              convert.Format
		want                string
	}{
		{"Avahi under the name of a temporary file", "tmp8x2y", avahi, convert.Avahi, "DIR/tmp8x2y:7:11: <port>: " + fault},
		{"Avahi under another ending", "a.toml", avahi, convert.Avahi, "DIR/a.toml:7:11: <port>: " + fault},
		{"TOML under the name of a temporary file", ".ansible_tmp.a", toml, convert.TOML, "DIR/.ansible_tmp.a:7:1: port: 70000 is not a port; want a number from 1 to 65535"},
		{"a whole configuration", "tmp8x2y", "[daemon]\nintefaces = \"x\"\n", convert.TOML, `DIR/tmp8x2y:2:1: "intefaces": unknown key in [daemon]; did you mean "interfaces"?`},
		{"TOML that defines nothing", "tmp8x2y", "# x\n", convert.TOML, "nothing is defined in DIR/tmp8x2y; want a file NAME.service or NAME.toml in a directory, or a [[group]] in a configuration"},
		{"standard input", Stdin, avahi, convert.Avahi, "-:7:11: <port>: " + fault},
		{"standard input without a fault", Stdin, fmt.Sprintf(definitionFile, "a", 1), convert.Avahi, ""},
		{"standard input that is empty", Stdin, "", convert.TOML, "nothing is defined in -; want a file NAME.service or NAME.toml in a directory, or a [[group]] in a configuration"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			o, path := options, test.path
			o.Format, o.Stdin = test.format, func() ([]byte, error) { return []byte(test.content), nil }
			if path != Stdin {
				path = filepath.Join(dir, path)
				write(t, path, test.content)
			}
			report := Paths([]string{path}, o)
			if got := strings.ReplaceAll(report.Findings.Error(), dir, "DIR"); got != test.want || report.Files != 1 {
				t.Errorf("%d files, %q; want %q", report.Files, got, test.want)
			}
		})
	}
}

func TestPathsOfNothing(t *testing.T) {
	report := Paths([]string{filepath.Join(t.TempDir(), "none")}, options)
	if report.Files != 0 || len(report.Findings.Errors()) != 1 {
		t.Errorf("got %+v", report)
	}
}

// BenchmarkPaths validates folders of many files: the cost of a file should not depend on how many there are.
func BenchmarkPaths(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			for i := range n {
				write(b, filepath.Join(dir, fmt.Sprintf("%05d.service", i)), fmt.Sprintf(definitionFile, fmt.Sprint("PBX ", i), 5060))
			}
			b.ResetTimer()
			for b.Loop() {
				if report := Paths([]string{dir}, options); report.Files != n || report.Findings.Err() != nil {
					b.Fatalf("%d files, findings %v", report.Files, report.Findings)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/file")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/folder")
		})
	}
}
