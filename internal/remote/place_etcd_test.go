package remote

import (
	"fmt"
	"testing"
)

func TestSplitPrefix(t *testing.T) {
	const example = "want one such as etcd://etcd.example.net:2379/announcer/sites/berlin/"
	for _, test := range []struct{ name, place, want string }{
		{"host", "etcd://a/sites/b/", "[a:2379] /sites/b/ <nil>"},
		{"port", "etcd://a:1/sites/b/", "[a:1] /sites/b/ <nil>"},
		{"hosts", "etcd://a,b:1,[::1]:2,[2001:db8::1]/sites/b/", "[a:2379 b:1 [::1]:2 [2001:db8::1]:2379] /sites/b/ <nil>"},
		{"characters", "etcd://a/sites/ü%2f=/", "[a:2379] /sites/ü%2f=/ <nil>"},
		{"no prefix", "etcd://a", "[]  it has no prefix of keys; " + example},
		{"all keys", "etcd://a/", "[]  it has no prefix of keys; " + example},
		{"no slash", "etcd://a/sites/b", "[]  the prefix of its keys does not end in /, so that those of other sites can begin with it; " + example},
		{"no host", "etcd:///sites/b/", `[]  "" is not a host with an optional port; ` + example},
		{"an empty host", "etcd://a,,b/sites/b/", `[]  "" is not a host with an optional port; ` + example},
		{"no number of a port", "etcd://a:x/sites/b/", `[]  "a:x" is not a host with an optional port; ` + example},
		{"an empty port", "etcd://a:/sites/b/", `[]  "a:" is not a host with an optional port; ` + example},
		{"a high port", "etcd://a:65536/sites/b/", `[]  "a:65536" is not a host with an optional port; ` + example},
		{"an address without brackets", "etcd://2001:db8::1/sites/b/", `[]  "2001:db8::1" is not a host with an optional port; ` + example},
		{"password", "etcd://u:swordfish@a/sites/b/", "[]  a URL is printed and logged; want user and password_file in [remote] instead of a user and a password in the URL"},
		{"question mark", "etcd://a/sites/b/?x", "[]  it has a space, a question mark or a fragment (#); " + example},
		{"space", "etcd://a/sites/b /", "[]  it has a space, a question mark or a fragment (#); " + example},
	} {
		t.Run(test.name, func(t *testing.T) {
			addresses, prefix, err := SplitPrefix(test.place)
			if got := fmt.Sprint(addresses, " ", prefix, " ", err); got != test.want {
				t.Errorf("it is %s, want %s", got, test.want)
			}
		})
	}
}
