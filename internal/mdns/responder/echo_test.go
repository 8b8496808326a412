package responder

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"announcer/internal/publication"
)

var eth4, eth6 = faceKey{2, publication.V4}, faceKey{2, publication.V6}

// A packet comes back to each address that it left from. By IPv4 one more is another program's; by IPv6 a reflector may
// send it.
func TestEchoes(t *testing.T) {
	for _, c := range []struct {
		name string
		sent []faceKey // each from two addresses
		at   faceKey
		want int // copies that are echoes, of five
	}{
		{"nothing was sent", nil, eth4, 0},
		{"IPv4", []faceKey{eth4}, eth4, 2},
		{"IPv4, twice", []faceKey{eth4, eth4}, eth4, 4},
		{"IPv4, where IPv6 says the same", []faceKey{eth6, eth4, eth6}, eth4, 2},
		{"IPv4, on a second interface", []faceKey{{3, publication.V4}}, eth4, 5},
		{"IPv6", []faceKey{eth6}, eth6, 5},
		{"IPv6, on a second interface", []faceKey{{3, publication.V6}}, eth6, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e echoes
			e.fit(1)
			for _, face := range c.sent {
				e.add([]byte("packet"), face, 2, forever)
			}
			got := 0
			for range 5 {
				if echo, surplus := e.take([]byte("packet"), c.at, 0); echo {
					got++
				} else if surplus != (len(c.sent) > 0) {
					t.Errorf("another program says the same: %t", surplus)
				}
			}
			if got != c.want {
				t.Errorf("%d copies are echoes, want %d", got, c.want)
			}
		})
	}
}

// What all faces send at once is known when it comes back, however many there are.
func TestEchoesOfManyFaces(t *testing.T) {
	var e echoes
	if echo, _ := e.take(nil, eth4, 0); echo {
		t.Error("there are echoes before there are faces")
	}
	for _, faces := range []int{1, 50, 400} {
		t.Run(fmt.Sprintf("%d faces", faces), func(t *testing.T) {
			e.fit(faces)
			n := max(echoCount, faces*faceEchoes)
			packet := func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }
			for i := range n {
				e.add(packet(i), eth4, 1, time.Second)
			}
			for i := range n {
				if echo, _ := e.take(packet(i), eth4, 0); !echo {
					t.Fatalf("packet %d of %d is not known", i, n)
				}
			}
			for _, x := range []struct {
				packet int
				at     moment
			}{{n, 0}, {0, time.Second}} {
				if echo, _ := e.take(packet(x.packet), eth4, x.at); echo {
					t.Errorf("packet %d, which was not sent or long ago, is known", x.packet)
				}
			}
		})
	}
}

// TestEchoesAmongAll sends and hears packets at random while faces are added. What comes of it is what a look at all packets
// that are remembered says.
func TestEchoesAmongAll(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	var e echoes
	var sent []sentPacket // the last one first; the number of the packet is the sum
	for step := range moment(20000) {
		faces := 1 + int(step)/100
		e.fit(faces)
		packet, face := dice.IntN(2*faces), faceKey{dice.IntN(2), []publication.IPVersion{publication.V4, publication.V6}[dice.IntN(2)]}
		data := []byte(fmt.Sprint(packet))
		if dice.IntN(2) == 0 {
			s := sentPacket{uint64(packet), step + moment(dice.IntN(500)), int32(face.link), 0, face.version, int16(dice.IntN(3))}
			e.add(data, face, int(s.copies), s.until)
			sent = slices.Insert(sent, 0, s)
			sent = sent[:min(len(sent), len(e.sent))]
			continue
		}
		echo, surplus := e.take(data, face, step)
		if wantEcho, wantSurplus := takeOf(sent, uint64(packet), face, step); echo != wantEcho || surplus != wantSurplus {
			t.Fatalf("step %d: got %t, %t; want %t, %t", step, echo, surplus, wantEcho, wantSurplus)
		}
	}
}

// takeOf does what take does, with all packets.
func takeOf(sent []sentPacket, sum uint64, face faceKey, now moment) (echo, surplus bool) {
	for i := range sent {
		switch s := &sent[i]; {
		case s.sum != sum || now >= s.until:
		case s.isOf(face) && s.copies > 0:
			s.copies--
			return true, false
		case s.isOf(face) && face.version == publication.V4:
			surplus = true
		case s.version == face.version:
			echo = true
		}
	}
	return echo, surplus && !echo
}
