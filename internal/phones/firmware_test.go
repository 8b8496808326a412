package phones

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"
)

// folder makes a directory of files with the given sizes; a name with "->" is a link.
func folder(t testing.TB, files map[string]int64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "firmware")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range files {
		link, target, isLink := strings.Cut(name, "->")
		file := filepath.Join(dir, link)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if isLink {
			if err := os.Symlink(target, file); err != nil {
				skip.Now(t, "no symbolic links here: ", err)
			}
			continue
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, size); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const whole = 34 << 20

func TestScan(t *testing.T) {
	deep := strings.Repeat("d/", maxDepth+1) + "2_8_1_D40_firmware.eff"
	tests := []struct {
		name   string
		files  map[string]int64
		images string // version, model and path of each
		codes  string // of the findings
	}{
		{"a package", map[string]int64{"x/2_8_1_D65_firmware.eff": whole, "x/2_8_1_D40_firmware.eff": whole, "readme.txt": 1},
			"2_8_1 D40 x/2_8_1_D40_firmware.eff, 2_8_1 D65 x/2_8_1_D65_firmware.eff", ""},
		{"build numbers", map[string]int64{"1_4_0_0_63880_D40_firmware.eff": whole}, "1_4_0_0_63880 D40 1_4_0_0_63880_D40_firmware.eff", ""},
		{"a build number in hexadecimal", map[string]int64{"2_0_2_0_7895f_D70_firmware.eff": whole}, "2_0_2_0_7895f D70 2_0_2_0_7895f_D70_firmware.eff", ""},
		{"one file cut off", map[string]int64{"2_8_1_D40_firmware.eff": whole, "2_8_1_D50_firmware.eff": whole / 3, "2_8_1_D65_firmware.eff": whole},
			"2_8_1 D40 2_8_1_D40_firmware.eff, 2_8_1 D50 2_8_1_D50_firmware.eff, 2_8_1 D65 2_8_1_D65_firmware.eff", CodeSmall},
		{"an empty file", map[string]int64{"2_8_1_D40_firmware.eff": 0}, "2_8_1 D40 2_8_1_D40_firmware.eff", CodeEmpty},
		{"a link inside", map[string]int64{"all/2_8_1_D40_firmware.eff": whole, "2_8_1_D45_firmware.eff->all/2_8_1_D40_firmware.eff": 0},
			"2_8_1 D40 all/2_8_1_D40_firmware.eff, 2_8_1 D45 2_8_1_D45_firmware.eff", ""},
		{"links out", map[string]int64{"2_8_1_D40_firmware.eff": whole, "2_8_1_D45_firmware.eff->/etc/passwd": 0, "2_8_1_D50_firmware.eff->../../x": 0, "up->..": 0},
			"2_8_1 D40 2_8_1_D40_firmware.eff", CodeImageKind + ", " + CodeImageKind + ", " + CodeImageKind},
		{"a link to a directory", map[string]int64{"a/2_8_1_D40_firmware.eff": whole, "b->a": 0}, "2_8_1 D40 a/2_8_1_D40_firmware.eff", CodeImageKind},
		{"too deep", map[string]int64{deep: whole, "2_8_1_D40_firmware.eff": whole}, "2_8_1 D40 2_8_1_D40_firmware.eff", CodeImageKind},
		{"nothing", map[string]int64{"readme.txt": 1}, "", CodeImageName},
		{"names in another case", map[string]int64{"2_8_1_d40_firmware.eff": whole, "2_8_1_D40_firmware.EFF": whole}, "", CodeImageName + ", " + CodeImageName},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := Scan(folder(t, test.files))
			if err != nil {
				t.Fatal(err)
			}
			var images, codes []string
			for _, image := range found.Images {
				images = append(images, fmt.Sprintf("%s %s %s", image.Version, image.Model, image.Path))
			}
			for _, f := range found.Findings {
				codes = append(codes, f.Code)
			}
			if got := strings.Join(images, ", "); got != test.images {
				t.Errorf("images %q, want %q", got, test.images)
			}
			if got := strings.Join(codes, ", "); got != test.codes {
				t.Errorf("findings %q, want %q\n%v", got, test.codes, found.Findings)
			}
		})
	}
}

func TestScanOfNoDirectory(t *testing.T) {
	file := filepath.Join(folder(t, map[string]int64{"x": 1}), "x")
	for name, path := range map[string]string{"file": file, "missing": file + "y"} {
		t.Run(name, func(t *testing.T) {
			if _, err := Scan(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestScanIsBounded(t *testing.T) {
	dir := folder(t, nil)
	for i := range maxEntries + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Scan(dir); err == nil || !strings.Contains(err.Error(), "there are more than 5000 files") {
		t.Errorf("%v", err)
	}
}

func TestRelease(t *testing.T) {
	found, err := Scan(folder(t, map[string]int64{"1/2_8_0_D40_firmware.eff": whole, "2/2_8_1_D40_firmware.eff": whole, "2/2_8_1_D80_firmware.eff": whole}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := found.Release(""); err == nil {
		t.Error("two versions: no error")
	}
	r, err := found.Release("2_8_1")
	if err != nil || len(r.Images) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	config, err := r.Config("http://192.0.2.10/", "")
	if want := `<?xml version="1.0" encoding="UTF-8"?>
<config>
  <firmwares>
    <firmware model="D40" version="2_8_1" url="http://192.0.2.10/2/2_8_1_D40_firmware.eff" />
    <firmware model="D80" version="2_8_1" url="http://192.0.2.10/2/2_8_1_D80_firmware.eff" />
  </firmwares>
</config>
`; err != nil || string(config) != want {
		t.Errorf("%v, the configuration is\n%s\nwant\n%s", err, config, want)
	}
}

func TestParseAgent(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       Agent
	}{
		{"Digium", "Digium D40 1_4_0_0_57389", Agent{"D40", "1_4_0_0_57389", ""}},
		{"Sangoma", "Sangoma P330/4.10.2", Agent{"P330", "4.10.2", ""}},
		{"version of two parts", "Sangoma P325 4_13", Agent{"P325", "4_13", ""}},
		{"build in hexadecimal", "Digium D70 2_0_2_0_7895f (000FD3)", Agent{"D70", "2_0_2_0_7895f", ""}},
		{"hardware address at the end", "Sangoma P330 4_27_8 000FD3D00001", Agent{"P330", "4_27_8", "00:0f:d3:d0:00:01"}},
		{"hardware address with colons", "Digium D65 2_9_19 00:0F:D3:00:00:01", Agent{"D65", "2_9_19", "00:0f:d3:00:00:01"}},
		{"hardware address in brackets", "Digium D65 2_9_19 (000fd3000001)", Agent{"D65", "2_9_19", "00:0f:d3:00:00:01"}},
		{"hardware address without a version", "Digium D65 000fd3000001", Agent{"D65", "", "00:0f:d3:00:00:01"}},
		{"model alone", "Digium D65", Agent{"D65", "", ""}},
		{"something before it", "curl/7.68.0 Digium D65 2_9_19", Agent{"D65", "2_9_19", ""}},
		{"unknown model before it", "X10/1.2.3 D65 2_9_19", Agent{"D65", "2_9_19", ""}},
		{"browser", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100", Agent{}},
		{"curl", "curl/8.5.0", Agent{}},
		{"none", "", Agent{}},
		{"too long", strings.Repeat("D40 ", 200), Agent{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ParseAgent(test.text); got != test.want {
				t.Errorf("%+v; want %+v", got, test.want)
			}
		})
	}
}

// FuzzParseAgent wants a hardware address and a version in the form that they have elsewhere, whatever a peer sends.
func FuzzParseAgent(f *testing.F) {
	f.Add("Sangoma P330 4_27_8 000FD3D00001")
	f.Add("D65 00-0f:d30000-01")
	f.Fuzz(func(t *testing.T, text string) {
		agent := ParseAgent(text)
		if agent.Model == "" && agent != (Agent{}) {
			t.Errorf("without a model: %+v", agent)
		}
		if _, err := net.ParseMAC(agent.MAC); agent.MAC != "" && err != nil {
			t.Error(err)
		}
		if strings.Trim(agent.Version, "0123456789abcdef._") != "" {
			t.Errorf("%q is no version", agent.Version)
		}
	})
}

// FuzzParsePackage wants bounded results and no panic.
func FuzzParsePackage(f *testing.F) {
	f.Add("[D40]\nversion=2_8_1\nfile=x.eff\n")
	f.Add("[D40\nfile=>\n=")
	f.Fuzz(func(t *testing.T, text string) {
		sections, err := parsePackage(strings.NewReader(text))
		if len(sections) > strings.Count(text, "[") {
			t.Errorf("%d sections, %v", len(sections), err)
		}
	})
}
