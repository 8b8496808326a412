package etcd

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote"
)

// view is what is known of a prefix.
type view struct {
	place, prefix string
	files         map[string]remote.File // by key
	changed       int64                  // the revision of the last change that is known

	cluster string // whose data it is; "" if nothing is known
	seen    int64  // the highest revision of that data that is known
	term    uint64 // the highest number of an election that is known
	fault   string // what the cluster lost; "" if nothing
}

// newView returns what is known from an earlier set.
func newView(place, prefix string, known remote.Set) *view {
	v := &view{place: place, prefix: prefix, files: map[string]remote.File{}, cluster: known.Cluster, seen: known.Seen, term: known.Term, fault: known.Fault}
	v.changed, _ = strconv.ParseInt(known.Revision, 10, 64)
	for _, file := range known.Files {
		v.files[prefix+file.Name] = file
	}
	return v
}

// set returns the view as a set.
func (v *view) set() remote.Set {
	s := remote.Set{Time: time.Now(), Revision: strconv.FormatInt(v.changed, 10), Cluster: v.cluster, Seen: v.seen, Term: v.term, Fault: v.fault}
	for _, key := range slices.Sorted(maps.Keys(v.files)) {
		s.Files = append(s.Files, v.files[key])
	}
	return s
}

// replace takes a complete list of the keys. What the list lacks is gone if the list is of the same data at a newer
// revision; otherwise the cluster has lost it, and it stays in use.
func (v *view) replace(list *clientv3.GetResponse) remote.Set {
	cluster, revision, term := fmt.Sprintf("%x", list.Header.ClusterId), list.Header.Revision, list.Header.RaftTerm
	fault := v.lapse(cluster, revision, term)
	before := v.files
	v.files = map[string]remote.File{}
	switch {
	case fault != "":
		v.fault, v.changed, v.seen, v.term = fault, 0, 0, 0
	case v.changed == 0:
		v.changed = revision // keys that were deleted before are not known
	}
	for _, kv := range list.Kvs {
		v.put(kv)
	}
	for key, file := range before {
		if _, has := v.files[key]; has {
			continue
		}
		if file.Lost = file.Lost || fault != ""; file.Lost {
			v.files[key] = file
		} else {
			v.changed = revision
		}
	}
	v.cluster, v.seen, v.term = cluster, max(v.seen, revision), max(v.term, term)
	if fault == "" {
		v.settle()
	}
	return v.set()
}

// lapse returns how the data of a list are not a continuation of those that are known; "" if they are.
func (v *view) lapse(cluster string, revision int64, term uint64) string {
	switch {
	case v.cluster == "":
		return ""
	case cluster != v.cluster:
		return fmt.Sprintf("it is another cluster than before: its cluster ID is %s, and was %s", cluster, v.cluster)
	case revision < v.seen:
		return fmt.Sprintf("its revision went back from %d to %d, as lost data or an older backup leave it", v.seen, revision)
	case term < v.term:
		return fmt.Sprintf("its election number (raft term) went back from %d to %d, as lost data or an older backup leave it", v.term, term)
	}
	return ""
}

// apply takes events.
func (v *view) apply(r clientv3.WatchResponse) {
	for _, e := range r.Events {
		if e.Type == clientv3.EventTypeDelete {
			delete(v.files, string(e.Kv.Key))
			v.changed = max(v.changed, e.Kv.ModRevision)
		} else {
			v.put(e.Kv)
		}
	}
	v.saw(r.Header.Revision)
	v.settle()
}

// saw notes that the cluster has a revision.
func (v *view) saw(revision int64) { v.seen = max(v.seen, revision) }

// settle forgets that the cluster lost data if none of them is missing any more.
func (v *view) settle() {
	for _, file := range v.files {
		if file.Lost {
			return
		}
	}
	v.fault = ""
}

// put takes a key and its value.
func (v *view) put(kv *mvccpb.KeyValue) {
	key := string(kv.Key)
	name := strings.TrimPrefix(key, v.prefix)
	if name == "" {
		name = v.prefix
	}
	v.files[key] = remote.File{Name: name, Origin: v.place + strings.TrimPrefix(key, v.prefix), Data: kv.Value}
	v.changed = max(v.changed, kv.ModRevision)
}
