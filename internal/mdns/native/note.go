package native

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"announcer/internal/disk"
	"announcer/internal/mdns"
	"announcer/internal/mdns/responder"
	"announcer/internal/mdns/wire"
	"announcer/internal/wakeup"
	"announcer/internal/within"
)

// The note on disk says what this host said in the last two minutes, so that it is no rival after a restart or a crash, and
// what it announces, so that the next process can take it back.
const (
	noteVersion = 1
	noteEvery   = time.Minute                           // it is touched, at least
	notePause   = 5 * time.Second                       // between two of it, at least
	noteMore    = noteEvery + notePause + 5*time.Second // until the next one, on a busy machine
	noteStart   = time.Second                           // that reading it may take
	noteEnd     = 300 * time.Millisecond                // that the last one may take
	noteMost    = 4 << 20                               // bytes that are read of it
)

// note is the form of the file.
type note struct {
	Version int         `json:"version"`
	Written time.Time   `json:"written"`
	Said    []saidUntil `json:"said"`

	Announced []announcedOn `json:"announced"` // and in caches for as long as what was said last
}

// announcedOn is what is announced on a link.
type announcedOn struct {
	Link     string   `json:"link"`
	Messages [][]byte `json:"messages"` // with the records as answers
}

// legacy is what a process leaves to the next one.
type legacy struct {
	said      []responder.Said
	announced []responder.Announced
}

// saidUntil is what is no rival until a time.
type saidUntil struct {
	Until time.Time `json:"until"`
	Sums  []string  `json:"sums"` // in hexadecimal
}

// encodeNote makes a note. more is how long the next one may be waited for, in which all that is said now may be said.
func encodeNote(l legacy, now time.Time, more time.Duration) []byte {
	said := l.said
	slices.SortFunc(said, func(a, b responder.Said) int { return cmp.Or(cmp.Compare(b.Left, a.Left), cmp.Compare(a.Sum, b.Sum)) })
	n := note{Version: noteVersion, Written: now.UTC(), Said: []saidUntil{}, Announced: []announcedOn{}}
	for i, s := range said {
		if i == 0 || s.Left != said[i-1].Left {
			n.Said = append(n.Said, saidUntil{Until: now.Add(s.Left + more).UTC()})
		}
		last := &n.Said[len(n.Said)-1]
		last.Sums = append(last.Sums, strconv.FormatUint(uint64(s.Sum), 16))
	}
	for _, a := range l.announced {
		n.Announced = append(n.Announced, announcedOn{a.Link, encodeRecords(a.Records)})
	}
	text, _ := json.Marshal(n) // no value of it can fail
	return append(text, '\n')
}

// encodeRecords returns messages with the records as answers.
func encodeRecords(records []mdns.Record) (messages [][]byte) {
	var b wire.Builder
	for i := 0; i < len(records); {
		first := i
		b.Start(nil, mdns.MaxPacket, 0, wire.FlagResponse)
		for i < len(records) && b.Record(wire.Answer, &records[i], records[i].TTL, records[i].Unique) {
			i++
		}
		if i == first {
			i++ // which no packet holds
			continue
		}
		messages = append(messages, b.Finish())
	}
	return messages
}

// decodeRecords is the opposite of encodeRecords. What it can't read it leaves out.
func decodeRecords(messages [][]byte) (records []mdns.Record) {
	for _, message := range messages {
		if m, err := wire.Decode(message); err == nil {
			records = append(records, m.Answers...)
		}
	}
	return records
}

// isLive reports whether it is what was said when the note was written.
func (n note) isLive(u saidUntil) bool {
	return u.Until.Equal(n.Written.Add(responder.SaidTime + noteMore))
}

// decodeNote reads a note that was last touched at a time: until then was said what was when it was written. A note from the
// future says nothing, nor does what lies longer ahead than any note says.
func decodeNote(text []byte, touched, now time.Time) (l legacy, err error) {
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		return legacy{}, err
	}
	if n.Version != noteVersion || n.Written.After(now) {
		return legacy{}, nil
	}
	for _, u := range n.Said {
		left := u.Until.Sub(now)
		if n.isLive(u) && touched.After(n.Written) && !touched.After(now) {
			left += touched.Sub(n.Written)
		}
		if left <= 0 || left > responder.SaidTime+noteMore {
			continue
		}
		for _, text := range u.Sums {
			if sum, err := strconv.ParseUint(text, 16, 64); err == nil {
				l.said = append(l.said, responder.Said{Sum: responder.Sum(sum), Left: left})
			}
		}
	}
	if l.left() > 0 {
		for _, on := range n.Announced {
			l.announced = append(l.announced, responder.Announced{Link: on.Link, Records: decodeRecords(on.Messages)})
		}
	}
	return l, nil
}

// left returns how long caches may still hold what was said last.
func (l legacy) left() (left time.Duration) {
	for _, s := range l.said {
		left = max(left, s.Left)
	}
	return left
}

// readNote reads the note at the first of the paths that has one. A note that can't be read counts as none.
func readNote(fsys disk.FS, paths []string, now time.Time, log *slog.Logger) legacy {
	for _, path := range paths {
		text, touched, err := readInTime(fsys, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var l legacy
		if err == nil {
			l, err = decodeNote(text, touched, now)
		}
		if err != nil {
			log.Warn("what was announced before the start is unknown", "file", path, "error", err)
		}
		return l
	}
	return legacy{}
}

// readInTime reads a note, and returns when it was modified. A file system that hangs is an error.
func readInTime(fsys disk.FS, path string) (text []byte, touched time.Time, err error) {
	type file struct {
		text    []byte
		touched time.Time
		err     error
	}
	f, ok := within.Do(noteStart, func() file {
		text, info, err := disk.ReadRegular(fsys, path, noteMost)
		if err != nil {
			return file{err: err}
		}
		return file{text, info.ModTime(), nil}
	})
	if !ok {
		f.err = fmt.Errorf("its file system has not answered within %v", noteStart)
	}
	return f.text, f.touched, f.err
}

// writeNote replaces the note at the first of the paths that can be written, and returns that path.
func writeNote(fsys disk.FS, paths []string, text []byte, now time.Time) (path string, err error) {
	var errs []error
	for _, path := range paths {
		err := disk.Replace(fsys, path, text, disk.Replacement{Modified: now})
		if err == nil {
			return path, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// written is the note on disk.
type written struct {
	path   string // "" if there is none
	at     time.Time
	failed bool // which was logged
}

// replace writes a note, and logs a failure that is new.
func (w *written) replace(p *Publisher, l legacy, more time.Duration) {
	var err error
	w.at = time.Now()
	w.path, err = writeNote(p.config.FS, p.config.Notes, encodeNote(l, w.at, more), w.at)
	switch {
	case err != nil && !w.failed:
		p.config.Log.Warn("what is announced is not noted for the next start", "error", err)
	case err == nil && w.failed:
		p.config.Log.Info("what is announced is noted for the next start again")
	}
	w.failed = err != nil
}

// touch confirms the note, which takes much less than to write it. It reports whether that was possible: not
// if the file is another one.
func (w *written) touch(fsys disk.FS) bool {
	info, err := fsys.Stat(w.path)
	if err != nil || !info.ModTime().Equal(w.at) {
		return false
	}
	w.at = time.Now()
	return fsys.Chtimes(w.path, w.at) == nil
}

// keepNote writes the note when there is news, touches it from time to time, and writes it at the end of the loop; but not
// before something is announced, since another daemon may have the file.
func (p *Publisher) keepNote() {
	defer close(p.noted)
	var w written
	began := false
	for {
		select {
		case <-p.done:
			if began || len(p.news) > 0 {
				w.replace(p, p.legacy(), 0) // no other goroutine has it any more
			}
			return
		case <-p.news:
			began = true
		case <-wakeup.After(noteEvery):
			if !began || w.touch(p.config.FS) {
				continue
			}
		}
		var l legacy
		if p.do(context.Background(), func() { l = p.legacy() }) == nil {
			w.replace(p, l, noteMore)
		}
		select {
		case <-p.done:
		case <-time.After(notePause):
		}
	}
}

// noteNews has the note written again soon.
func (p *Publisher) noteNews() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// legacy returns what is left to the next process if this one ends now.
func (p *Publisher) legacy() legacy { return legacy{p.responder.Said(), p.responder.Announced()} }

// awaitNote waits a moment for the last note: a disk that hangs does not keep the process from ending.
func (p *Publisher) awaitNote() {
	select {
	case <-p.noted:
	case <-time.After(noteEnd):
	}
}
