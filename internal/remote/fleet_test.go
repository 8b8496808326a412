package remote

import "testing"

func TestParseFleet(t *testing.T) {
	for _, c := range []struct {
		place string
		want  Fleet
		err   bool
	}{
		{"etcd://a/announcer/", Fleet{"/announcer", ""}, false},
		{"etcd://a:1,b/announcer/sites/berlin/", Fleet{"/announcer", "berlin"}, false},
		{"etcd://a/customers/acme/sites/berlin/", Fleet{"/customers/acme", "berlin"}, false},
		{"etcd://a/announcer/common/", Fleet{"/announcer/common", ""}, false},
		{"etcd://a/sites/berlin/", Fleet{}, true},
		{"etcd://a/", Fleet{}, true},
		{"https://a/announcer/sites/berlin/", Fleet{}, true},
		{"/announcer/sites/berlin/", Fleet{}, true},
	} {
		t.Run(c.place, func(t *testing.T) {
			if got, err := ParseFleet(c.place); got != c.want || (err != nil) != c.err {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestSiteOf(t *testing.T) {
	places := []string{"/etc/announcer/services", "etcd://a/announcer/common/", "etcd://a/announcer/sites/berlin/", "etcd://a/announcer/sites/bonn/"}
	if place, site, ok := SiteOf(places); place != places[2] || site.Site != "berlin" || !ok {
		t.Errorf("%s, %v, %v", place, site, ok)
	}
	if _, _, ok := SiteOf(places[:2]); ok {
		t.Error("a site without sites/")
	}
}
