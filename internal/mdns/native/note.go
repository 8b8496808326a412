package native

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"announcer/internal/mdns/responder"
)

// The note on disk says what this host said in the last two minutes, so that it is no rival after a restart or a crash.
const (
	noteVersion = 1
	noteEvery   = time.Minute                           // it is written, at least
	notePause   = 5 * time.Second                       // between two of it, at least
	noteMore    = noteEvery + notePause + 5*time.Second // until the next one, on a busy machine
	noteEnd     = 300 * time.Millisecond                // that the last one may take
	noteMost    = 4 << 20                               // bytes that are read of it
)

// note is the form of the file.
type note struct {
	Version int         `json:"version"`
	Written time.Time   `json:"written"`
	Said    []saidUntil `json:"said"`
}

// saidUntil is what is no rival until a time.
type saidUntil struct {
	Until time.Time `json:"until"`
	Sums  []string  `json:"sums"` // in hexadecimal
}

// encodeNote makes a note. more is how long the next one may be waited for, in which all that is said now may be said.
func encodeNote(said []responder.Said, now time.Time, more time.Duration) []byte {
	slices.SortFunc(said, func(a, b responder.Said) int { return cmp.Or(cmp.Compare(b.Left, a.Left), cmp.Compare(a.Sum, b.Sum)) })
	n := note{Version: noteVersion, Written: now.UTC(), Said: []saidUntil{}}
	for i, s := range said {
		if i == 0 || s.Left != said[i-1].Left {
			n.Said = append(n.Said, saidUntil{Until: now.Add(s.Left + more).UTC()})
		}
		last := &n.Said[len(n.Said)-1]
		last.Sums = append(last.Sums, strconv.FormatUint(uint64(s.Sum), 16))
	}
	text, _ := json.Marshal(n) // no value of it can fail
	return append(text, '\n')
}

// decodeNote reads a note. One from the future says nothing, nor does what lies longer ahead than any note says.
func decodeNote(text []byte, now time.Time) ([]responder.Said, error) {
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	if n.Version != noteVersion || n.Written.After(now) {
		return nil, nil
	}
	var said []responder.Said
	for _, u := range n.Said {
		left := u.Until.Sub(now)
		if left <= 0 || left > responder.SaidTime+noteMore {
			continue
		}
		for _, text := range u.Sums {
			if sum, err := strconv.ParseUint(text, 16, 64); err == nil {
				said = append(said, responder.Said{Sum: responder.Sum(sum), Left: left})
			}
		}
	}
	return said, nil
}

// readNote reads the note at the first of the paths where there is one. What can't be read says nothing.
func readNote(paths []string, now time.Time, log *slog.Logger) []responder.Said {
	for _, path := range paths {
		text, err := readSome(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var said []responder.Said
		if err == nil {
			said, err = decodeNote(text, now)
		}
		if err != nil {
			log.Warn("what was announced before the start is unknown", "file", path, "error", err)
		}
		return said
	}
	return nil
}

// readSome reads a regular file that is not too large.
func readSome(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > noteMost:
		return nil, fmt.Errorf("%d bytes; want at most %d", info.Size(), noteMost)
	}
	return os.ReadFile(path)
}

// writeNote replaces the note at the first of the paths where that is possible.
func writeNote(paths []string, text []byte) error {
	var errs []error
	for _, path := range paths {
		err := replaceFile(path, text)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// replaceFile writes a file that is whole at every moment.
func replaceFile(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Close()); err != nil {
		os.Remove(tmp.Name())
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		os.Remove(tmp.Name())
		return err
	}
	return nil
}

// keepNote writes the note when there is news, from time to time, and at the end of the loop; but not before something is
// announced, since another daemon may have the file.
func (p *Publisher) keepNote() {
	defer close(p.noted)
	began, failed := false, false
	write := func(said []responder.Said, more time.Duration) {
		err := writeNote(p.config.Notes, encodeNote(said, time.Now(), more))
		if err != nil && !failed {
			p.config.Log.Warn("what is announced is not noted for the next start", "error", err)
		}
		failed = err != nil
	}
	for {
		select {
		case <-p.done:
			if began || len(p.news) > 0 {
				write(p.responder.Said(), 0) // nobody else has it any more
			}
			return
		case <-p.news:
			began = true
		case <-time.After(noteEvery):
			if !began {
				continue
			}
		}
		var said []responder.Said
		if p.do(context.Background(), func() { said = p.responder.Said() }) == nil {
			write(said, noteMore)
		}
		select {
		case <-p.done:
		case <-time.After(notePause):
		}
	}
}

// awaitNote waits a moment for the last note: a disk that hangs keeps nobody.
func (p *Publisher) awaitNote() {
	select {
	case <-p.noted:
	case <-time.After(noteEnd):
	}
}
