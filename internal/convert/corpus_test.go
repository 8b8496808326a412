package convert

import (
	"os"
	"path/filepath"
	"testing"

	"announcer/internal/testkit/skip"

	"github.com/google/go-cmp/cmp"

	"announcer/services"
)

// TestCorpus converts the Avahi files of other projects to every format and back.
func TestCorpus(t *testing.T) {
	corpus := skip.Corpus(t)
	paths, err := filepath.Glob(filepath.Join(corpus, "*.service"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no Avahi files in %s: %v", corpus, err)
	}
	converted := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defs, findings := Decode(Avahi, path, data, host)
		if findings.Err() != nil {
			continue
		}
		converted++
		for _, c := range codecs {
			files, findings := Encode(c.format, defs, host)
			if findings.Err() == nil && len(files) == 0 {
				t.Errorf("%s: no file in the format %s", path, c.format)
			}
			for _, file := range files {
				back, found := Decode(c.format, file.Name, file.Data, host)
				if found.Err() != nil {
					t.Errorf("%s: %v in\n%s", path, found, file.Data)
				}
				lossless := len(findings) == 0 && c.format != DNSSD
				want := defs[0].Group
				if c.format == Zone {
					want.Wildcards = false // which has no effect without %h
				}
				if diff := cmp.Diff([]services.Group{want}, groupsOf(back), groupOptions); lossless && diff != "" {
					t.Errorf("%s as %s: %s", path, c.format, diff)
				}
			}
		}
	}
	if converted == 0 {
		t.Error("no file was converted")
	}
}
