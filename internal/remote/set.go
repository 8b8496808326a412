package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Set is all that a server said at a time.
type Set struct {
	Time      time.Time `json:"time"`                // when the server last said so
	Revision  string    `json:"revision,omitempty"`  // by which the server names this version: an ETag, a date, a number
	Condition string    `json:"condition,omitempty"` // what to ask with for newer sets only; "": the next answer must be whole
	Files     []File    `json:"files"`

	Cluster string `json:"cluster,omitempty"` // whose data it is, if the server has a name for that
	Seen    int64  `json:"seen,omitempty"`    // the highest revision of that data that is known
	Term    uint64 `json:"term,omitempty"`    // likewise, the number of its election
	Fault   string `json:"fault,omitempty"`   // how the server lost data; "" if it did not
}

// File is a definition file on a server.
type File struct {
	Name   string `json:"name"`   // "dpma.service"
	Origin string `json:"origin"` // the address of its findings
	Data   []byte `json:"data"`   // never changed

	Lost bool `json:"lost,omitempty"` // the server does not have it any more although it was not deleted
}

// Find returns the file of a name.
func (s Set) Find(name string) (file File, ok bool) {
	i := slices.IndexFunc(s.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return s.Files[i], true
}

// Same reports whether two sets have the same files of the same data.
func (s Set) Same(other Set) bool {
	return s.Cluster == other.Cluster && s.Fault == other.Fault && slices.EqualFunc(s.Files, other.Files, func(a, b File) bool {
		return a.Name == b.Name && a.Origin == b.Origin && a.Lost == b.Lost && bytes.Equal(a.Data, b.Data)
	})
}

// mostNames is the most names of files in a sentence.
const mostNames = 5

// Lapse returns what the server lost and what to do about it, in a sentence; "" if it lost nothing.
func (s Set) Lapse() string {
	var lost []string
	for _, file := range s.Files {
		if file.Lost {
			lost = append(lost, file.Name)
		}
	}
	switch {
	case s.Fault == "":
		return ""
	case len(lost) == 0:
		return s.Fault + "; it has all definitions that are in use"
	}
	names := strings.Join(lost[:min(len(lost), mostNames)], ", ")
	if more := len(lost) - mostNames; more > 0 {
		names = fmt.Sprintf("%s and %d more", names, more)
	}
	return fmt.Sprintf("%s; it lacks %s, in use all the same; want each put again, and deleted then if it is to be withdrawn", s.Fault, names)
}

// The first line of a file in the cache has this word and the SHA-256 of what follows.
const magic = "announcer-definitions-1"

var errCorrupt = errors.New("its checksum is wrong, as a crash or a faulty disk leaves a file")

// encode returns a set as a file of the cache.
func encode(s Set) ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return append(head(body), body...), nil
}

// head returns the first line of a file of the cache.
func head(body []byte) []byte { return fmt.Appendf(nil, "%s %x\n", magic, sha256.Sum256(body)) }

// decode reads a file of the cache.
func decode(data []byte) (Set, error) {
	body, isOurs := data, bytes.HasPrefix(data, []byte(magic+" "))
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		body = data[end+1:]
	}
	switch {
	case !isOurs:
		return Set{}, errors.New("it is no file of this cache")
	case !bytes.HasPrefix(data, head(body)):
		return Set{}, errCorrupt
	}
	var s Set
	if err := json.Unmarshal(body, &s); err != nil {
		return Set{}, errCorrupt
	}
	names := map[string]bool{}
	for _, f := range s.Files {
		if f.Name == "" || names[f.Name] || strings.ContainsAny(f.Name, "/\x00") {
			return Set{}, fmt.Errorf("it has a file of the name %q", f.Name)
		}
		names[f.Name] = true
	}
	return s, nil
}
