package fileserver

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

const (
	maxPhones = 4096 // of which is remembered what they have; files, really
	maxSpans  = 64   // pieces of a file that don't touch; more are forgotten
)

// owned is a file that a phone has something of.
type owned struct {
	phone netip.Addr
	path  string
}

// span is a piece of a file: from the first byte to before the end.
type span struct{ from, end int64 }

// spans are pieces that don't touch, in order.
type spans []span

// with adds a piece.
func (all spans) with(piece span) spans {
	if piece.end <= piece.from {
		return all
	}
	sorted := append(slices.Clone(all), piece)
	slices.SortFunc(sorted, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	joined := spans{}
	for _, p := range sorted {
		if last := len(joined) - 1; last >= 0 && p.from <= joined[last].end {
			joined[last].end = max(joined[last].end, p.end)
		} else {
			joined = append(joined, p)
		}
	}
	return joined[:min(len(joined), maxSpans)]
}

// cover reports whether the pieces are all of a file.
func (all spans) cover(size int64) bool { return len(all) == 1 && all[0] == span{0, size} }

// part returns the number of bytes of a file of a size that is not whole, 0 if it is.
func (all spans) part(size int64) int64 {
	if all.cover(size) {
		return 0
	}
	return all.bytes()
}

func (all spans) bytes() (n int64) {
	for _, p := range all {
		n += p.end - p.from
	}
	return n
}

// record remembers what a phone got. It returns the bytes of the file that the phone has now, and whether these are all.
func (s *Server) record(t Transfer, piece span) (has int64, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := owned{t.Phone, t.File.Path}
	if _, known := s.got[key]; !known && len(s.got) >= maxPhones {
		return piece.end - piece.from, piece == span{0, t.File.Size}
	}
	s.got[key] = s.got[key].with(piece)
	return s.got[key].bytes(), s.got[key].cover(t.File.Size)
}

// rangeStart reads the first byte of "bytes 0-99/200".
func rangeStart(contentRange string) (start int64, ok bool) {
	_, err := fmt.Sscanf(contentRange, "bytes %d-", &start)
	return start, err == nil
}
