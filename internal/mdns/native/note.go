package native

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
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
// what caches may hold of it, so that the next process can take it back.
const (
	noteVersion = 2
	noteEvery   = 2 * wakeup.Beat                       // it is touched, at least
	noteLeast   = 250 * time.Millisecond                // between two changes of it, at least
	noteShare   = 50                                    // of the time, one part at most is spent on it,
	notePause   = 5 * time.Second                       // unless that would take longer between two changes
	noteMore    = noteEvery + notePause + 5*time.Second // until the next one, on a busy machine
	noteStart   = time.Second                           // that reading it may take
	noteEnd     = 300 * time.Millisecond                // that the last change may take
	noteMost    = 16 << 20                              // bytes of it
	noteSlack   = 64 << 10                              // bytes that are appended before it is written whole, at least
)

// entry is a line of the file. One without a link begins what was written at once: it says when that was, and has what was said
// before. Each other one replaces what earlier ones say of its link. The bytes are messages with the records as answers.
type entry struct {
	Version int         `json:"version,omitempty"` // in the first line
	At      time.Time   `json:"at,omitzero"`
	More    int         `json:"more,omitempty"` // seconds after the file was last touched in which all that is announced may be
	Said    []saidUntil `json:"said,omitempty"`

	Link      string   `json:"link,omitempty"`
	Announced [][]byte `json:"announced,omitempty"`
	Owed      [][]byte `json:"owed,omitempty"` // the TTL of a record is how long caches may hold it
}

// saidUntil is what is no rival until a time.
type saidUntil struct {
	Until time.Time `json:"until"`
	Sums  []string  `json:"sums"` // in hexadecimal
}

// legacy is what a process leaves to the next one.
type legacy struct {
	said      []responder.Said
	announced []responder.Announced
	ago       time.Duration // that it may last have been announced
}

// encodeNote returns lines of a note: a whole one if it is the first of them. more is how long the next lines may be waited
// for, in which all that is announced may be. What finds no room is left out; left is on how many links.
func encodeNote(l legacy, now time.Time, more time.Duration, whole bool) (text []byte, left int) {
	said := l.said
	slices.SortFunc(said, func(a, b responder.Said) int { return cmp.Or(cmp.Compare(b.Left, a.Left), cmp.Compare(a.Sum, b.Sum)) })
	head := entry{At: now.UTC(), More: int(more / time.Second)}
	if whole {
		head.Version = noteVersion
	}
	for i, s := range said {
		if i == 0 || s.Left != said[i-1].Left {
			head.Said = append(head.Said, saidUntil{Until: now.Add(s.Left).UTC()})
		}
		last := &head.Said[len(head.Said)-1]
		last.Sums = append(last.Sums, strconv.FormatUint(uint64(s.Sum), 16))
	}
	text = head.appendTo(nil)
	for _, a := range l.announced {
		line := entry{Link: a.Link, Announced: encodeRecords(a.Records), Owed: encodeRecords(a.Owed)}.appendTo(nil)
		if len(text)+len(line) > noteMost {
			left++
			continue
		}
		text = append(text, line...)
	}
	return text, left
}

// appendTo appends the line.
func (e entry) appendTo(text []byte) []byte {
	line, _ := json.Marshal(e) // no value of it can fail
	return append(append(text, line...), '\n')
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

// decodeNote reads a note that was last touched at a time: until then was announced what is when it was written. A note from the
// future says nothing, nor does what lies longer ahead than any note says. A line that was not written whole ends it.
func decodeNote(text []byte, touched, now time.Time) (legacy, error) {
	var head entry
	links := map[string]responder.Announced{}
	for line := range bytes.Lines(text) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil && head.Version == 0 {
			return legacy{}, err
		} else if err != nil {
			break
		}
		e.Version = cmp.Or(head.Version, e.Version)
		switch {
		case e.Version != noteVersion || e.At.After(now):
			return legacy{}, nil
		case e.Link == "":
			head = e
		default:
			links[e.Link] = responder.Announced{Link: e.Link, Records: decodeRecords(e.Announced), Owed: age(decodeRecords(e.Owed), now.Sub(head.At))}
		}
	}
	if head.Version == 0 {
		return legacy{}, io.ErrUnexpectedEOF
	}
	if touched.Before(head.At) || touched.After(now) {
		touched = head.At
	}
	l := legacy{said: head.remembered(now), ago: max(0, now.Sub(touched)-time.Duration(head.More)*time.Second)}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		l.announced = append(l.announced, links[name])
	}
	return l, nil
}

// remembered returns what was said and is no rival yet.
func (e entry) remembered(now time.Time) (said []responder.Said) {
	for _, u := range e.Said {
		left := u.Until.Sub(now)
		if left <= 0 || left > responder.SaidTime {
			continue
		}
		for _, text := range u.Sums {
			if sum, err := strconv.ParseUint(text, 16, 64); err == nil {
				said = append(said, responder.Said{Sum: responder.Sum(sum), Left: left})
			}
		}
	}
	return said
}

// age returns the records that caches may still hold after a time, with the rest of their TTLs.
func age(records []mdns.Record, by time.Duration) []mdns.Record {
	seconds := uint32(by / time.Second)
	records = slices.DeleteFunc(records, func(r mdns.Record) bool { return r.TTL <= seconds })
	for i := range records {
		records[i].TTL -= seconds
	}
	return records
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
	size   int
	most   int  // bytes up to which it is appended to
	failed bool // which was logged
	full   bool // which was logged
}

// replace writes a note whole, and logs a failure that is new.
func (w *written) replace(p *Publisher, l legacy, more time.Duration) {
	var err error
	w.at = time.Now()
	text, left := encodeNote(l, w.at, more, true)
	w.path, err = writeNote(p.config.FS, p.config.Notes, text, w.at)
	w.size, w.most = len(text), min(2*len(text)+noteSlack, noteMost)
	switch {
	case err != nil && !w.failed:
		p.config.Log.Warn("what is announced is not noted for the next start", "error", err)
	case err == nil && w.failed:
		p.config.Log.Info("what is announced is noted for the next start again")
	}
	switch {
	case left > 0 && !w.full:
		p.config.Log.Warn("the note for the next start is full", "bytes", noteMost, "links left out", left)
	case left == 0 && w.full:
		p.config.Log.Info("the note for the next start has room for all links again")
	}
	w.failed, w.full = err != nil, left > 0
}

// append appends what has changed to the note, which takes much less than to write it whole. It reports whether that was
// possible.
func (w *written) append(fsys disk.FS, l legacy) bool {
	now := time.Now()
	text, left := encodeNote(l, now, noteMore, false)
	if left > 0 || w.size+len(text) > w.most || disk.Append(fsys, w.path, text, now) != nil {
		return false
	}
	w.at, w.size = now, w.size+len(text)
	return true
}

// isOurs reports whether the file is the note that was written last, and no other one.
func (w *written) isOurs(fsys disk.FS) bool {
	if w.path == "" {
		return false
	}
	info, err := fsys.Stat(w.path)
	return err == nil && info.ModTime().Equal(w.at) && info.Size() == int64(w.size)
}

// touch confirms the note. It reports whether that was possible.
func (w *written) touch(fsys disk.FS) bool {
	if !w.isOurs(fsys) {
		return false
	}
	w.at = time.Now()
	return fsys.Chtimes(w.path, w.at) == nil
}

// keepNote notes what is news, touches the note from time to time, and writes it whole at the end of the loop; but not
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
		start := time.Now()
		p.note(&w)
		select {
		case <-p.done:
		case <-time.After(pauseAfter(time.Since(start))):
		}
	}
}

// pauseAfter returns for how long what is news waits after a note that took a time. What is announced meanwhile is not withdrawn if
// the process is killed.
func pauseAfter(took time.Duration) time.Duration {
	return min(max(noteLeast, noteShare*took), notePause)
}

// note appends what is news to the note, or writes it whole, unless the loop has ended.
func (p *Publisher) note(w *written) {
	var l legacy
	if w.isOurs(p.config.FS) && p.do(context.Background(), func() { l = p.latest() }) == nil && w.append(p.config.FS, l) {
		return
	}
	if p.do(context.Background(), func() { l = p.legacy() }) == nil {
		w.replace(p, l, noteMore)
	}
}

// noteNews has what is news noted soon.
func (p *Publisher) noteNews() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// legacy returns what is left to the next process if this one ends now.
func (p *Publisher) legacy() legacy {
	now := time.Now()
	p.responder.Changed() // which is all part of it
	return legacy{said: p.responder.Said(now), announced: p.responder.Announced(now)}
}

// latest returns what of that has changed since it was last returned.
func (p *Publisher) latest() legacy {
	now := time.Now()
	return legacy{said: p.responder.Said(now), announced: p.responder.AnnouncedOn(now, p.responder.Changed())}
}

// awaitNote waits a moment for the last note: a disk that hangs does not keep the process from ending.
func (p *Publisher) awaitNote() {
	select {
	case <-p.noted:
	case <-time.After(noteEnd):
	}
}
