// Package pcap writes captures of networks in the format of libpcap, which Wireshark and tshark read.
package pcap

import (
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// longest is the size of the longest frame.
const longest = 1 << 18

// Writer writes Ethernet frames to a capture.
type Writer struct {
	w   io.Writer
	err error
}

// New returns a writer to w, and writes the beginning of the capture. The writer stops at the first error of w.
func New(w io.Writer) *Writer {
	c := &Writer{w: w}
	c.write(
		uint32(0xA1B2C3D4), uint16(2), uint16(4), // microseconds, version 2.4
		int32(0), uint32(0), uint32(longest), uint32(1)) // UTC, no accuracy, Ethernet
	return c
}

// Frame writes a frame that was sent at a time. It returns the first error of the writer.
func (c *Writer) Frame(at time.Time, frame []byte) error {
	size := uint32(len(frame))
	c.write(uint32(at.Unix()), uint32(at.Nanosecond()/1000), size, size, frame)
	return c.err
}

func (c *Writer) write(values ...any) {
	if c.err != nil {
		return
	}
	var b bytes.Buffer
	for _, v := range values {
		binary.Write(&b, binary.BigEndian, v)
	}
	_, c.err = c.w.Write(b.Bytes())
}
