package avahixml

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"announcer/internal/testkit/skip"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"announcer/services"
)

// wantedDifferences are the files that Avahi takes and we refuse, or the other way, each with the reason.
var wantedDifferences = map[string]string{
	"same-type-twice":        "Avahi drops the whole group; we publish both, the second as NAME #2",
	"two-files-same-service": "Avahi drops one of the two groups; each file by itself is good",
	"port-overflow":          "Avahi takes 4294967376 for 80, an accident of C's arithmetic",
	"port-word":              "Avahi publishes port 0, which nobody who writes a word means",
	"port-hex":               "Avahi publishes port 0 for 0x50, which nobody means",
}

// measured is what Avahi did with a file, and what another host received.
type measured struct {
	Name     string            `json:"name"`
	Accepted bool              `json:"accepted"`
	Services []measuredService `json:"services"`
	Content  *string           `json:"content"`
	Base64   string            `json:"content_base64"`
	Second   json.RawMessage   `json:"second_file"`
}

type measuredService struct {
	InstanceHex string   `json:"instance_hex"`
	Type        string   `json:"type"`
	Domain      string   `json:"domain"`
	Subtypes    []string `json:"subtypes"`
	Host        string   `json:"host"`
	Port        uint16   `json:"port"`
	TXT         []string `json:"txt"` // hex
	SeenOn      []string `json:"seen_on"`
}

const measuredHost = "announcer-test"

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func TestCorpus(t *testing.T) {
	dir := skip.Corpus(t)
	var expected map[string]measured
	readJSON(t, filepath.Join(dir, "expected.json"), &expected)
	files, _ := filepath.Glob(filepath.Join(dir, "*.service"))
	if len(files) == 0 || len(files) != len(expected)-1 { // _about
		t.Fatalf("%d files for %d expectations", len(files), len(expected)-1)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, ok := expected[filepath.Base(file)]
			if !ok {
				t.Fatal("nothing is expected of this file")
			}
			compareWithAvahi(t, data, want)
		})
	}
}

func TestProbes(t *testing.T) {
	var probes struct{ Probes []measured }
	readJSON(t, filepath.Join(skip.Corpus(t), "probes.json"), &probes)
	different := maps.Clone(wantedDifferences)
	for _, probe := range probes.Probes {
		t.Run(probe.Name, func(t *testing.T) {
			data, err := base64.StdEncoding.DecodeString(probe.Base64)
			if probe.Content != nil {
				data = []byte(*probe.Content)
			}
			if err != nil {
				t.Fatal(err)
			}
			if reason, ok := different[probe.Name]; ok {
				delete(different, probe.Name)
				_, findings := decode("F.service", data, measuredHost)
				if (findings.Err() == nil) == probe.Accepted {
					t.Errorf("no difference from Avahi any more, which was wanted: %s", reason)
				}
				return
			}
			if len(probe.Second) > 0 { // the services of the pair
				_, findings := decode("F.service", data, measuredHost)
				if (findings.Err() == nil) != probe.Accepted {
					t.Errorf("accepted by Avahi: %v; we say: %v", probe.Accepted, findings)
				}
				return
			}
			compareWithAvahi(t, data, probe)
		})
	}
	for name := range different {
		t.Errorf("there is no probe %s", name)
	}
}

func compareWithAvahi(t *testing.T, data []byte, want measured) {
	t.Helper()
	group, findings := decode("F.service", data, measuredHost)
	if (findings.Err() == nil) != want.Accepted {
		t.Fatalf("accepted by Avahi: %v; we say: %v", want.Accepted, findings)
	}
	if !want.Accepted {
		return
	}
	byType := cmpopts.SortSlices(func(a, b measuredService) bool { return a.Type < b.Type })
	bySpelling := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(want.Services, asMeasured(group), byType, cmp.FilterPath(isSubtypes, bySpelling)); diff != "" {
		t.Errorf("Avahi (-) and we (+) differ:\n%s", diff)
	}
}

func isSubtypes(p cmp.Path) bool { return p.Last().String() == ".Subtypes" }

// asMeasured describes what a neighbour would see of a group.
func asMeasured(g services.Group) []measuredService {
	var seen []measuredService
	for _, s := range g.Services {
		m := measuredService{
			InstanceHex: hex.EncodeToString([]byte(g.Instance(measuredHost))),
			Type:        s.Type.String(),
			Domain:      s.In().String(),
			Subtypes:    []string{},
			Host:        measuredHost + ".local",
			Port:        s.Port,
			SeenOn:      []string{"ipv4", "ipv6"},
		}
		for _, subtype := range s.Subtypes {
			full, _ := subtype.Join(s.In())
			m.Subtypes = append(m.Subtypes, full.String())
		}
		if !s.Host.IsZero() {
			m.Host = s.Host.String()
		}
		for _, txt := range s.TXT {
			m.TXT = append(m.TXT, hex.EncodeToString([]byte(txt)))
		}
		if len(s.TXT) == 0 {
			m.TXT = []string{""}
		}
		if s.Protocol != services.AnyProtocol {
			m.SeenOn = []string{s.Protocol.String()}
		}
		if !slices.ContainsFunc(seen, func(other measuredService) bool { return cmp.Equal(m, other) }) {
			seen = append(seen, m)
		}
	}
	return seen
}
