// Command rpmfile makes an .rpm that nfpm wrote like one that rpmbuild writes. nfpm names the files of the payload from the
// root, so that a program that unpacks it as root writes over the system; rpmbuild names them from a dot. nfpm marks no
// documentation and no licence of files that are also in a .deb; rpmbuild marks them by their directories.
//
//	rpmfile announcer-1.2.3-1.x86_64.rpm
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Tags of a signature and of a header (rpm's rpmtag.h). The names of a file are in two arrays: the index of its directory, and
// the directories.
const (
	tagSignatureSHA256 = 273
	tagSignatureSize   = 1000

	tagFileFlags     = 1037
	tagDirIndexes    = 1116
	tagDirNames      = 1118
	tagPayloadDigest = 5092
)

// Flags of a file (rpm's rpmfiles.h).
const (
	flagDoc     = 1 << 1
	flagLicence = 1 << 7
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rpmfile FILE")
		os.Exit(2)
	}
	if err := rewrite(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "rpmfile:", err)
		os.Exit(1)
	}
}

func rewrite(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	mended, err := mend(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, mended, 0o644)
}

// mend returns a package with the names and marks that rpmbuild would write.
func mend(data []byte) ([]byte, error) {
	const lead = 96 // bytes before the signature
	if len(data) < lead || !bytes.HasPrefix(data, []byte{0xed, 0xab, 0xee, 0xdb}) {
		return nil, errors.New("not an .rpm")
	}
	data = bytes.Clone(data)
	signature, rest, err := parseHeader(data[lead:])
	if err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	rest = rest[(8-len(signature.raw)%8)%8:]
	header, compressed, err := parseHeader(rest)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	payload, err := recompress(compressed)
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	err = errors.Join(
		header.markFiles(),
		header.setDigest(tagPayloadDigest, payload),
		signature.setDigest(tagSignatureSHA256, header.raw),
		signature.setUint32(tagSignatureSize, uint32(len(header.raw)+len(payload))),
	)
	if err != nil {
		return nil, err
	}
	return append(data[:len(data)-len(compressed)], payload...), nil
}

// header is an index of tags and the store with their values. Both are changed in place.
type header struct {
	raw, index, store []byte
}

// parseHeader returns the header at the start of data, and what follows it.
func parseHeader(data []byte) (h header, rest []byte, err error) {
	const intro, entry = 16, 16 // bytes
	if len(data) < intro || !bytes.HasPrefix(data, []byte{0x8e, 0xad, 0xe8, 0x01}) {
		return h, nil, errors.New("no header")
	}
	entries, size := uint64(binary.BigEndian.Uint32(data[8:])), uint64(binary.BigEndian.Uint32(data[12:]))
	store := intro + entry*entries
	if store+size > uint64(len(data)) {
		return h, nil, errors.New("truncated")
	}
	h = header{raw: data[:store+size], index: data[intro:store], store: data[store : store+size]}
	return h, data[store+size:], nil
}

// value returns the store from the value of a tag on, and the number of elements that the value has.
func (h header) value(tag uint32) (value []byte, count int, err error) {
	for index := h.index; len(index) > 0; index = index[16:] {
		if binary.BigEndian.Uint32(index) != tag {
			continue
		}
		offset, count := binary.BigEndian.Uint32(index[8:]), binary.BigEndian.Uint32(index[12:])
		if uint64(offset)+uint64(count) > uint64(len(h.store)) {
			break
		}
		return h.store[offset:], int(count), nil
	}
	return nil, 0, fmt.Errorf("no tag %d", tag)
}

// uint32s returns the values of an array of 32-bit numbers, each of which may be changed.
func (h header) uint32s(tag uint32) ([][]byte, error) {
	value, count, err := h.value(tag)
	if err != nil {
		return nil, err
	}
	if len(value) < 4*count {
		return nil, fmt.Errorf("tag %d is truncated", tag)
	}
	numbers := make([][]byte, count)
	for i := range numbers {
		numbers[i] = value[4*i : 4*i+4]
	}
	return numbers, nil
}

// setUint32 sets a tag that is one 32-bit number.
func (h header) setUint32(tag, value uint32) error {
	numbers, err := h.uint32s(tag)
	if err != nil || len(numbers) != 1 {
		return errors.Join(err, fmt.Errorf("tag %d has %d numbers; want 1", tag, len(numbers)))
	}
	binary.BigEndian.PutUint32(numbers[0], value)
	return nil
}

// setDigest sets a tag that is the SHA-256 of data, in hexadecimal.
func (h header) setDigest(tag uint32, data []byte) error {
	value, _, err := h.value(tag)
	if err != nil {
		return err
	}
	if end := bytes.IndexByte(value, 0); end != hex.EncodedLen(sha256.Size) {
		return fmt.Errorf("tag %d has %d characters; want a SHA-256", tag, end)
	}
	sum := sha256.Sum256(data)
	hex.Encode(value, sum[:])
	return nil
}

// markFiles sets the flags of documentation and licences.
func (h header) markFiles() error {
	flags, err := h.uint32s(tagFileFlags)
	if err != nil {
		return err
	}
	dirs, err := h.uint32s(tagDirIndexes)
	if err != nil {
		return err
	}
	text, count, err := h.value(tagDirNames)
	if err != nil {
		return err
	}
	names := bytes.SplitN(text, []byte{0}, count+1)
	for i, flag := range flags {
		if i >= len(dirs) || int(binary.BigEndian.Uint32(dirs[i])) >= min(count, len(names)) {
			return fmt.Errorf("file %d has no directory", i)
		}
		marked := binary.BigEndian.Uint32(flag) | flagOf(string(names[binary.BigEndian.Uint32(dirs[i])]))
		binary.BigEndian.PutUint32(flag, marked)
	}
	return nil
}

// flagOf returns the flag of all files in a directory.
func flagOf(dir string) uint32 {
	switch {
	case strings.HasPrefix(dir, "/usr/share/licenses/"):
		return flagLicence
	case strings.HasPrefix(dir, "/usr/share/doc/"), strings.HasPrefix(dir, "/usr/share/man/"):
		return flagDoc
	}
	return 0
}

// recompress names the files of a payload from a dot.
func recompress(compressed []byte) ([]byte, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	archive, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	packed, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(rename(packed, archive), packed.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// trailer is the name of the last entry of an archive.
const trailer = "TRAILER!!!"

// rename copies an archive of cpio (format "newc"), with a dot before each name that starts with a slash.
func rename(w io.Writer, archive []byte) error {
	const fixed = 110 // bytes before the name
	for {
		if len(archive) < fixed || !bytes.HasPrefix(archive, []byte("070701")) {
			return errors.New("not a cpio archive")
		}
		var size, nameSize uint64
		if _, err := fmt.Sscanf(string(archive[54:62])+" "+string(archive[94:102]), "%x %x", &size, &nameSize); err != nil {
			return fmt.Errorf("cpio archive: %w", err)
		}
		content := pad(fixed + nameSize)
		next := content + pad(size)
		if nameSize == 0 || next > uint64(len(archive)) {
			return errors.New("truncated cpio archive")
		}
		name := string(archive[fixed : fixed+nameSize-1])
		if strings.HasPrefix(name, "/") {
			name = "." + name
		}
		entry := fmt.Appendf(nil, "%s%08X%s%s\x00", archive[:94], len(name)+1, archive[102:fixed], name)
		entry = append(entry, make([]byte, pad(uint64(len(entry)))-uint64(len(entry)))...)
		if _, err := w.Write(append(entry, archive[content:next]...)); err != nil {
			return err
		}
		if name == trailer {
			return nil
		}
		archive = archive[next:]
	}
}

// pad returns n rounded up to a multiple of four, to which names and contents in an archive are padded.
func pad(n uint64) uint64 { return (n + 3) &^ 3 }
