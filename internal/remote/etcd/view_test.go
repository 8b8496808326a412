package etcd

import (
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote"
)

const prefix = "/sites/berlin/"

// list returns a complete list at a revision, with keys such as "a@3": the revision at which it was written.
func list(cluster uint64, term uint64, revision int64, keys ...string) *clientv3.GetResponse {
	r := &clientv3.GetResponse{Header: &etcdserverpb.ResponseHeader{ClusterId: cluster, RaftTerm: term, Revision: revision}}
	for _, key := range keys {
		r.Kvs = append(r.Kvs, pair(key))
	}
	return r
}

// event returns an event: "a@3" was written, or with "-a@3" deleted.
func event(revision int64, key string) clientv3.WatchResponse {
	e := &clientv3.Event{Type: clientv3.EventTypePut}
	key, deleted := strings.CutPrefix(key, "-")
	if deleted {
		e.Type = clientv3.EventTypeDelete
	}
	e.Kv = pair(key)
	return clientv3.WatchResponse{Header: &etcdserverpb.ResponseHeader{Revision: revision}, Events: []*clientv3.Event{e}}
}

func pair(key string) *mvccpb.KeyValue {
	name, at, _ := strings.Cut(key, "@")
	kv := &mvccpb.KeyValue{Key: []byte(prefix + name), Value: []byte("at " + at)}
	fmt.Sscan(at, &kv.ModRevision)
	return kv
}

// says returns a set as text.
func says(s remote.Set) string {
	words := []string{"revision " + s.Revision}
	for _, file := range s.Files {
		word := file.Name + " " + string(file.Data)
		if file.Lost {
			word += " lost"
		}
		words = append(words, word)
	}
	if s.Fault != "" {
		words = append(words, s.Fault)
	}
	return strings.Join(words, ", ")
}

func TestView(t *testing.T) {
	restored := "its revision went back from 9 to 6, as lost data or an older backup leave it"
	for _, test := range []struct {
		name string
		run  func(v *view)
		want string
	}{
		{"a newer list", func(v *view) { v.replace(list(1, 2, 12, "a@3", "b@11")) }, "revision 11, a at 3, b at 11"},
		{"a newer list that lacks one", func(v *view) { v.replace(list(1, 2, 12, "b@8")) }, "revision 12, b at 8"},
		{"a newer list that lacks all", func(v *view) { v.replace(list(1, 2, 12)) }, "revision 12"},
		{"the same list, before which a key was deleted", func(v *view) { v.replace(list(1, 2, 9, "a@3", "b@8")) }, "revision 9, a at 3, b at 8"},
		{"an event", func(v *view) { v.apply(event(10, "c@10")) }, "revision 10, a at 3, b at 8, c at 10"},
		{"a delete event", func(v *view) { v.apply(event(10, "-a@10")) }, "revision 10, b at 8"},
		{"an empty list at a lower revision", func(v *view) { v.replace(list(1, 2, 6)) }, "revision 0, a at 3 lost, b at 8 lost, " + restored},
		{"a backup", func(v *view) { v.replace(list(1, 2, 6, "a@3")) }, "revision 3, a at 3, b at 8 lost, " + restored},
		{"a backup with all", func(v *view) { v.replace(list(1, 2, 6, "a@3", "b@5")) }, "revision 5, a at 3, b at 5, " + restored},
		{"a backup, and newer revisions", func(v *view) {
			v.replace(list(1, 2, 6, "a@3"))
			v.replace(list(1, 2, 99, "a@3"))
		}, "revision 3, a at 3, b at 8 lost, " + restored},
		{"a backup, and what it lacks written again", func(v *view) {
			v.replace(list(1, 2, 6, "a@3"))
			v.apply(event(7, "b@7"))
		}, "revision 7, a at 3, b at 7"},
		{"a backup, and what it lacks written and deleted", func(v *view) {
			v.replace(list(1, 2, 6, "a@3"))
			v.apply(event(7, "b@7"))
			v.apply(event(8, "-b@8"))
		}, "revision 8, a at 3"},
		{"a backup, and what it has deleted", func(v *view) {
			v.replace(list(1, 2, 6, "a@3"))
			v.replace(list(1, 2, 7))
		}, "revision 7, b at 8 lost, " + restored},
		{"a backup, a restart, and newer revisions", func(v *view) {
			v.replace(list(1, 2, 6, "a@3"))
			*v = *newView("etcd://host"+prefix, prefix, v.set())
			v.replace(list(1, 2, 99, "a@3"))
		}, "revision 3, a at 3, b at 8 lost, " + restored},
		{"lost data, and newer revisions while the host was away", func(v *view) { v.replace(list(1, 1, 99)) },
			"revision 0, a at 3 lost, b at 8 lost, its election number (raft term) went back from 2 to 1, as lost data or an older backup leave it"},
		{"another cluster", func(v *view) { v.replace(list(0xab, 2, 99)) },
			"revision 0, a at 3 lost, b at 8 lost, it is another cluster than before: its cluster ID is ab, and was 1"},
		{"a key that is the prefix", func(v *view) { v.apply(event(10, "@10")) }, "revision 10, /sites/berlin/ at 10, a at 3, b at 8"},
		{"a revision of other keys, then a list without it", func(v *view) {
			v.saw(20)
			v.replace(list(1, 2, 19, "a@3", "b@8"))
		}, "revision 8, a at 3, b at 8, its revision went back from 20 to 19, as lost data or an older backup leave it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newView("etcd://host"+prefix, prefix, remote.Set{})
			v.replace(list(1, 2, 9, "a@3", "b@8"))
			test.run(v)
			if got := says(v.set()); got != test.want {
				t.Errorf("it is %s\nwant  %s", got, test.want)
			}
		})
	}
}
