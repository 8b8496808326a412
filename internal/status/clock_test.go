package status

import (
	"testing"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/testkit/clock"
)

// TestAligned sets the clock after all that a status shows has happened: each moment is as long ago as the time that has passed.
func TestAligned(t *testing.T) {
	now := time.Now()
	ago := now.Add(-time.Hour)
	for _, test := range []struct {
		name string
		by   time.Duration
	}{
		{"it was right", 0},
		{"it was a day ahead", 24 * time.Hour},
		{"it was a day behind", -24 * time.Hour},
		{"it was that of 1970", -now.Sub(time.Unix(0, 0))},
	} {
		t.Run(test.name, func(t *testing.T) {
			was := clock.Off(ago, test.by)
			server := &remote.State{Since: was}
			s := Status{
				Time: now, Daemon: Daemon{Started: was}, Foreign: []mdns.Foreign{{Since: was}},
				Services: []Service{{Links: []OnLink{{Since: was}}}}, Sources: []source.PlaceStatus{{Server: server}},
			}
			s = s.Aligned()
			for name, moment := range map[string]time.Time{
				"the start": s.Daemon.Started, "a server": s.Foreign[0].Since, "a service": s.Services[0].Links[0].Since, "a source": s.Sources[0].Server.Since,
			} {
				if shown := now.Round(0).Sub(moment.Round(0)); (shown - time.Hour).Abs() > time.Second {
					t.Errorf("%s was %v ago; want 1h", name, shown)
				}
			}
			if len(s.Files.Findings) > 0 || !s.Sources[0].Server.Success.IsZero() || server.Since != was {
				t.Errorf("it became %+v, from %+v", s, server)
			}
		})
	}
}
