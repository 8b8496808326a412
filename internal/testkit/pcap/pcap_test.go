package pcap

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestFrame(t *testing.T) {
	var out bytes.Buffer
	if err := New(&out).Frame(time.Unix(0x01020304, 5000), []byte("frame")); err != nil {
		t.Fatal(err)
	}
	want := "\xA1\xB2\xC3\xD4\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x01" +
		"\x01\x02\x03\x04\x00\x00\x00\x05\x00\x00\x00\x05\x00\x00\x00\x05frame"
	if out.String() != want {
		t.Errorf("the capture is %q\nwant %q", out.String(), want)
	}
}

// full is a disk without space.
type full struct{ writes int }

var errFull = errors.New("no space left on device")

func (f *full) Write([]byte) (int, error) { f.writes++; return 0, errFull }

func TestError(t *testing.T) {
	disk := new(full)
	if err := New(disk).Frame(time.Now(), nil); err != errFull || disk.writes != 1 {
		t.Errorf("after %d writes the error is %v; want one, and %v", disk.writes, err, errFull)
	}
}
