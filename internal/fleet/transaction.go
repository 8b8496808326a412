package fleet

import (
	"context"
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"

	"announcer/internal/remote/etcd"
)

// Writable is a store in which several keys are changed together.
type Writable interface {
	Store

	// Commit makes all changes of a transaction and returns their revision, or makes none. [ErrChanged] reports that a
	// condition does not hold.
	Commit(ctx context.Context, t Transaction) (revision int64, err error)
}

// ErrChanged reports that a transaction was not made because of a change after the revision that it was made for.
var ErrChanged = errors.New("another client has changed it in the meantime")

// Transaction is a set of changes that are made together.
type Transaction struct {
	Prefix string           // condition: no key that begins with it was set after the revision Since
	Since  int64            // likewise
	Last   map[string]int64 // condition: the revisions of the last changes of keys; 0: the key does not exist
	Put    map[string][]byte
	Delete []string
}

// Commit implements [Writable].
func (e Etcd) Commit(ctx context.Context, t Transaction) (int64, error) {
	conditions := []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(t.Prefix), "<", t.Since+1).WithPrefix()}
	for key, revision := range t.Last {
		conditions = append(conditions, clientv3.Compare(clientv3.ModRevision(key), "=", revision))
	}
	var changes []clientv3.Op
	for key, value := range t.Put {
		changes = append(changes, clientv3.OpPut(key, string(value)))
	}
	for _, key := range t.Delete {
		changes = append(changes, clientv3.OpDelete(key))
	}
	answer, err := e.Client.Txn(ctx).If(conditions...).Then(changes...).Commit()
	if err != nil {
		return 0, etcd.Failure(err)
	}
	if !answer.Succeeded {
		return 0, ErrChanged
	}
	return answer.Header.Revision, nil
}
