package validate

import (
	"strings"
	"testing"

	"announcer/internal/remote"
	"announcer/internal/source"
	"announcer/internal/testkit/etcdtest"
)

// TestEtcd checks each key below a prefix.
func TestEtcd(t *testing.T) {
	const prefix = "/announcer/sites/berlin/"
	c := etcdtest.Start(t)
	place := "etcd://" + c.Nodes[0].Address + prefix
	check := func() Report {
		return Paths([]string{place}, Options{Host: "pbx", Fetch: func(url string) ([]remote.File, []string, error) {
			return source.Fetch(t.Context(), url, remote.Settings{})
		}})
	}
	if got := check(); got.Files != 0 || len(got.Findings) != 1 || !strings.Contains(got.Findings[0].Text, "nothing is defined in "+place) {
		t.Errorf("of an empty prefix it says %+v", got)
	}
	c.Put(t, prefix+"good.service", "<service-group><name>a</name><service><type>_http._tcp</type><port>80</port></service></service-group>")
	c.Put(t, prefix+"bad.service", "<service-group>")
	c.Put(t, prefix+"README", "notes")
	got := check()
	if got.Files != 3 || len(got.Findings) != 2 || got.Findings[0].File != place+"README" || got.Findings[1].File != place+"bad.service" {
		t.Errorf("of a prefix with two bad keys it says %+v", got)
	}
}
