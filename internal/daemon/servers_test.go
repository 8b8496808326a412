package daemon

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"announcer/internal/diag"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/status"
)

// TestServersAreNoChange wants an answer of a server of definitions that changes nothing not logged as a change, and a
// server that answers again logged once.
func TestServersAreNoChange(t *testing.T) {
	with := func(state *remote.State, findings ...diag.Finding) source.Snapshot {
		return source.Snapshot{Host: "pbx", Places: []source.PlaceStatus{{Name: "https://x/a.toml", Server: state}}, Findings: findings}
	}
	now := time.Now()
	connected := with(&remote.State{Connected: true, Since: now, Success: now, Revision: "1"})
	later := with(&remote.State{Connected: true, Since: now, Success: now.Add(time.Minute), Revision: "1"})
	failing := with(&remote.State{Since: now, Success: now, Error: "it is down"}, diag.Finding{File: "https://x/a.toml", Text: "it is down"})
	for _, test := range []struct {
		name   string
		before source.Snapshot
		after  source.Snapshot
		want   string
	}{
		{"another answer", connected, later, ""},
		{"it fails", connected, failing, "level=WARN msg=\"it is down\" file=https://x/a.toml\n"},
		{"it still fails", failing, failing, ""},
		{"it answers again", failing, later, "level=INFO msg=\"server of definitions answers\" source=https://x/a.toml revision=1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			last := status.Reload{OK: true, Changes: source.Changes{Added: []string{"a"}}}
			a := announcing{log: newJournal(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime}))), last: last}
			a.snapshot = test.before
			a.findings = a.list()
			a.definitionsChanged(t.Context(), test.after)
			if log.String() != test.want {
				t.Errorf("the log is %q, want %q", log.String(), test.want)
			}
			if test.after.Places[0].Server != a.snapshot.Places[0].Server {
				t.Error("the snapshot is not taken")
			}
		})
	}
}
