//go:build linux

package interop

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// measured is what a neighbour saw of a file that Avahi announced, as the corpus has it.
type measured struct {
	Accepted bool
	Services []struct {
		InstanceHex string `json:"instance_hex"`
		Type        string
		Domain      string
		Host        string
		Port        int
		TXT         []string // in hexadecimal
		SeenOn      []string `json:"seen_on"`
	}
}

// testCorpus announces real files that people wrote, as many at once as don't want the same name.
func testCorpus(t *testing.T, announcer string) {
	corpus := os.Getenv("ANNOUNCER_CORPUS")
	if corpus == "" {
		t.Skip("no corpus of Avahi files: ANNOUNCER_CORPUS is not set")
	}
	text, err := os.ReadFile(filepath.Join(corpus, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]measured
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	for i, batch := range batches(t, files) {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			t.Log("files: ", strings.Join(batch.files, " "))
			folder := t.TempDir()
			for _, file := range batch.files {
				copyTo(t, folder, filepath.Join(corpus, file))
			}
			server, neighbour := newServer(t)
			testRun(t, announcer, server, neighbour, folder, onBothVersions(batch.services...))
		})
	}
}

// batch is a set of files of which no two want the same name for a service.
type batch struct {
	files    []string
	services []service
}

// batches shares out the accepted files, but for those that the engine zeroconf can't announce whole.
func batches(t *testing.T, files map[string]measured) []batch {
	t.Helper()
	var batches []batch
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !files[name].Accepted || beyondZeroconf(files[name]) {
			continue
		}
		services := files[name].services(t)
		i := slices.IndexFunc(batches, func(b batch) bool { return !b.collides(services) })
		if i < 0 {
			i = len(batches)
			batches = append(batches, batch{})
		}
		batches[i].files = append(batches[i].files, name)
		batches[i].services = append(batches[i].services, services...)
	}
	return batches
}

// beyondZeroconf says whether a file needs what github.com/grandcat/zeroconf can't do: port 0, another host, a host that is
// not in the domain of the service, one IP version alone.
func beyondZeroconf(m measured) bool {
	for _, s := range m.Services {
		if s.Port == 0 || s.Host != hostname+".local" || s.Domain != "local" || len(s.SeenOn) != 2 {
			return true
		}
	}
	return false
}

func (m measured) services(t *testing.T) []service {
	t.Helper()
	var services []service
	for _, s := range m.Services {
		found := service{Name: unhex(t, s.InstanceHex), Type: s.Type, Domain: s.Domain, Host: s.Host, Port: s.Port}
		for _, txt := range s.TXT {
			if txt != "" {
				found.TXT = append(found.TXT, unhex(t, txt))
			}
		}
		services = append(services, found)
	}
	return services
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (b batch) collides(services []service) bool {
	return slices.ContainsFunc(services, func(s service) bool {
		return slices.ContainsFunc(b.services, func(other service) bool {
			return strings.EqualFold(s.Name, other.Name) && strings.EqualFold(s.Type, other.Type) && strings.EqualFold(s.Domain, other.Domain)
		})
	})
}
