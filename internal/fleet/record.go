package fleet

import (
	"encoding/json"
	"time"
)

// recordVersion is the version of the format of records.
const recordVersion = 1

// record is the last push to a site, with what it takes to undo it.
type record struct {
	Version int       `json:"version"`
	Push    string    `json:"push"`    // the same at all sites of a push
	Content string    `json:"content"` // stands for what was pushed
	Time    time.Time `json:"time"`
	Undone  bool      `json:"undone"`
	Deleted []string  `json:"deleted,omitempty"` // names of the definitions that were deleted
	Former  []former  `json:"former"`            // the definitions that were changed, as they were before

	Hosts map[string]troubles `json:"hosts,omitempty"` // what was wrong with each host before
}

// troubles are what is wrong with a host.
type troubles struct {
	Refused  []Refused `json:"refused,omitempty"`
	Problems []string  `json:"problems,omitempty"`
}

// troubles returns what is wrong with a host.
func (p Presence) troubles() troubles { return troubles{p.Refused, p.Problems} }

// former is a definition before a push.
type former struct {
	Name string `json:"name"`
	Data []byte `json:"data"` // null: there was none
}

// newRecord reads the record that a change made, and returns its revision. One of another version counts as none.
func newRecord(c Change) (record, int64) {
	var r record
	if c.Deleted || json.Unmarshal(c.Value, &r) != nil || r.Version != recordVersion {
		return record{}, 0
	}
	return r, c.Revision
}
