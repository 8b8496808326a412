package daemon

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// After a sleep the links are read again, whether the system reported a change or not, and the log says that it slept.
func TestWoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, map[string]string{"x.service": definition})
		b.setLinks(nil, testLink(1, "eth0"), testLink(2, "eth1"))
		b.publisher.Happen(mdns.Woke(time.Now(), 130*time.Second))
		synctest.Wait()
		applied := b.publisher.Applied()
		if links := applied[len(applied)-1].Links; !slices.ContainsFunc(links, func(l publication.Link) bool { return l.Name == "eth1" }) {
			t.Errorf("announced on %v, want eth1 too", links)
		}
		b.expectLog(t, `level=INFO msg=woke detail="the host slept for about 2m10s, or its clock was set forward by that; everything is announced again"`)
		if err := b.end(); err != nil {
			t.Error(err)
		}
	})
}
