package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/status"
)

const root = Root("/announcer")

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.Local)

// versioned returns a presence as a host writes it.
func versioned(p Presence) []byte {
	p.Version = status.Version
	return p.encode()
}

// TestRows wants a row for each host and each site without one, with all that is wrong.
func TestRows(t *testing.T) {
	m := newMemory()
	ctx := t.Context()
	for _, step := range []struct{ key, value string }{
		{root.site("absent") + "a.service", "x"},
		{root.site("berlin") + "a.service", "x"},
		{root.Presence("berlin", "pbx1"), string(versioned(Presence{Revision: 2, Problems: []string{"no link"}}))},
		{root.Presence("berlin", "pbx2"), "{"},
		{root.site("berlin") + "b.service", "x"},
		{root.Presence("double", "pbx"), string(versioned(Presence{Revision: 2}))},
		{root.machine("double", "pbx", "one"), ""},
		{root.machine("double", "pbx", "other"), ""},
		{root.machine("double", "pbx2", "another"), ""},
		{root.Presence("empty", "pbx"), string(versioned(Presence{Revision: 2, Since: noon.Add(-24 * time.Hour)}))},
		{root.Presence("future", "pbx"), string(versioned(Presence{Revision: 2, Since: noon.Add(24 * time.Hour)}))},
	} {
		if err := m.Put(ctx, step.key, []byte(step.value), 0); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Read(ctx, m, root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range f.Rows(f.Sites("*"), noon) {
		got = append(got, fmt.Sprintf("%s/%s %d %s", r.Site, r.Host, r.Behind, strings.Join(r.Problems, "; ")))
	}
	want := []string{
		"absent/ 0 no host reports",
		"berlin/pbx1 1 it has not taken all definitions of its site; no link",
		"berlin/pbx2 2 its report can't be read; its version of announcer may be another one",
		"double/pbx 0 2 machines report by this name, and each replaces what another one reported; want names of their own, by host in [daemon]",
		"empty/pbx 0 ",
		"future/pbx 0 its clock, or that of this host, is wrong: it reports since 2026-11-28 12:00:00, which is in the future",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

// TestFollowLost wants a follower to read everything again when changes are lost.
func TestFollowLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newMemory()
		f, err := Follow(t.Context(), t.Context(), c, root)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.breakdown(errors.New("compacted"))
		synctest.Wait()
		c.breakdown(nil)
		if err := c.Put(t.Context(), root.site("s01")+"b.service", []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		for len(f.site("s01").files) < 1 {
			if err := f.Next(t.Context(), t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestRecord wants records of other versions, and what is none, to be left alone.
func TestRecord(t *testing.T) {
	good, err := json.Marshal(record{Version: recordVersion, Push: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change Change
		want   int64
	}{
		{"good", Change{Entry: Entry{Value: good, Revision: 7}}, 7},
		{"deleted", Change{Entry: Entry{Value: good, Revision: 7}, Deleted: true}, 0},
		{"another version", Change{Entry: Entry{Value: []byte(`{"version": 2}`), Revision: 7}}, 0},
		{"no JSON", Change{Entry: Entry{Value: []byte("x"), Revision: 7}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, revision := newRecord(c.change); revision != c.want {
				t.Errorf("%d; want %d", revision, c.want)
			}
		})
	}
}
