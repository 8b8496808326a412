package etcd_test

import (
	"fmt"

	"announcer/internal/remote"
	"announcer/internal/remote/etcd"
)

// A prefix without a slash at its end would have the definitions of other sites, too.
func ExampleNew() {
	_, err := etcd.New("etcd://etcd.example.net/announcer/sites/berlin", remote.Settings{})
	fmt.Println(err)
	// Output: the prefix of its keys does not end in /, so that those of other sites can begin with it; want one such as etcd://etcd.example.net:2379/announcer/sites/berlin/
}
