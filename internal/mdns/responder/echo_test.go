package responder

import (
	"encoding/binary"
	"testing"
	"time"
)

// What all faces send at once is known when it comes back, however many there are.
func TestEchoesOfManyFaces(t *testing.T) {
	var e echoes
	if e.has(nil, 0) {
		t.Error("there are echoes before there are faces")
	}
	for _, faces := range []int{1, 50, 400} {
		e.fit(faces)
		n := max(echoCount, faces*faceEchoes)
		packet := func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }
		for i := range n {
			e.add(packet(i), time.Second)
		}
		for i := range n {
			if !e.has(packet(i), 0) {
				t.Fatalf("%d faces: packet %d of %d is not known", faces, i, n)
			}
		}
		if e.has(packet(n), 0) || e.has(packet(0), time.Second) {
			t.Errorf("%d faces: what was not sent, or long ago, is known", faces)
		}
	}
}
