package link

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"announcer/internal/mdns"
	"announcer/internal/publication"
)

// Neither end of a cable allocates anything for a packet.
func TestTransferAllocatesNothing(t *testing.T) {
	client, server, batch := pair(t)
	in := make([]Packet, MaxBatch)
	allocations := testing.AllocsPerRun(200, func() {
		client.Write(batch[:1])
		if n, err := server.Read(in, time.Now().Add(patience)); n != 1 || err != nil {
			t.Errorf("%d packets, error %v", n, err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations a packet", allocations)
	}
}

// pair returns two ends of a cable, and a batch of queries of the usual size that goes from client to server.
func pair(b testing.TB) (client, server *Sockets, batch []Packet) {
	b.Helper()
	phone, here, there := lan(b, 1)
	server, client = open(b, nil, here...), open(b, phone)
	batch = make([]Packet, MaxBatch)
	for i := range batch {
		batch[i] = Packet{Data: make([]byte, 60), Link: there[0].Index, To: mdns.Group4}
	}
	return client, server, batch
}

// BenchmarkTransfer returns the time per packet that is sent and read again at the other end of the cable.
func BenchmarkTransfer(b *testing.B) {
	b.Run("one by one", func(b *testing.B) { transfer(b, 1) })
	b.Run("batches", func(b *testing.B) { transfer(b, MaxBatch) })
	b.Run("batches of x net", func(b *testing.B) {
		client, server, batch := pair(b)
		server.Close()
		conn, index := listenXNet(b)
		messages := make([]ipv4.Message, MaxBatch)
		for i := range messages {
			messages[i] = ipv4.Message{Buffers: [][]byte{make([]byte, bufferSize)}, OOB: make([]byte, oobSize)}
		}
		b.ReportAllocs()
		for i := 0; i < b.N; i += MaxBatch {
			client.Write(batch)
			for got := 0; got < MaxBatch; {
				n, err := conn.ReadBatch(messages, 0)
				if err != nil {
					b.Fatal(err)
				}
				for _, m := range messages[:n] {
					var cm ipv4.ControlMessage
					if err := cm.Parse(m.OOB[:m.NN]); err != nil || cm.IfIndex != index {
						b.Fatalf("link %d, error %v", cm.IfIndex, err)
					}
				}
				got += n
			}
		}
	})
}

func transfer(b *testing.B, size int) {
	client, server, batch := pair(b)
	in := make([]Packet, size)
	b.ReportAllocs()
	for i := 0; i < b.N; i += size {
		client.Write(batch[:size])
		for got := 0; got < size; {
			n, err := server.Read(in, time.Time{})
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
}

// BenchmarkExchange returns the time for a query by multicast and a unicast answer, eight in flight, and the processor time
// of both ends: with the responder's end on this package, and on package net. The querier is the same, so the difference of the
// processor times is that of the two.
func BenchmarkExchange(b *testing.B) {
	b.Run("link", func(b *testing.B) {
		client, server, batch := pair(b)
		go answer(server)
		exchange(b, client, batch)
	})
	b.Run("package net", func(b *testing.B) {
		client, server, batch := pair(b)
		server.Close()
		conn, index := listenXNet(b)
		go answerByNet(conn, index)
		exchange(b, client, batch)
	})
}

// exchange sends queries, and waits for their answers.
func exchange(b *testing.B, client *Sockets, batch []Packet) {
	if err := client.SetLinks([]publication.Link{{Index: batch[0].Link}}); err != nil { // unicast only
		b.Fatal(err)
	}
	const inFlight = 8
	in := make([]Packet, MaxBatch)
	b.ReportAllocs()
	b.ResetTimer()
	began := processorTime(b)
	for i := 0; i < b.N; i += inFlight {
		client.Write(batch[:inFlight])
		for got := 0; got < inFlight; {
			n, err := client.Read(in, time.Now().Add(patience))
			if err != nil || n == 0 {
				b.Fatalf("%d answers: %v", got, err)
			}
			got += n
		}
	}
	b.ReportMetric(float64(processorTime(b)-began)/float64(b.N), "cpu-ns/op")
}

// processorTime returns that of this process.
func processorTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// answer sends each packet back to its sender, until server is closed.
func answer(server *Sockets) {
	in, out := make([]Packet, MaxBatch), make([]Packet, 1)
	for {
		n, err := server.Read(in, time.Time{})
		if err != nil {
			return
		}
		for _, p := range in[:n] {
			out[0] = Packet{Data: p.Data, Link: p.Link, To: p.From}
			server.Write(out)
		}
	}
}

// answerByNet does the same with what package net and golang.org/x/net have: a packet a call.
func answerByNet(conn *ipv4.PacketConn, index int) {
	buf := make([]byte, bufferSize)
	for {
		n, cm, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if cm.IfIndex == index {
			conn.WriteTo(buf[:n], &ipv4.ControlMessage{IfIndex: index}, from)
		}
	}
}

// listenXNet returns what golang.org/x/net makes of a socket in the group on lan0, and the index of lan0.
func listenXNet(b *testing.B) (*ipv4.PacketConn, int) {
	b.Helper()
	c, err := net.ListenPacket("udp4", mdns.Group4.String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	lan0, err := net.InterfaceByName("lan0")
	if err != nil {
		b.Fatal(err)
	}
	p := ipv4.NewPacketConn(c)
	err = errors.Join(p.JoinGroup(lan0, net.UDPAddrFromAddrPort(mdns.Group4)),
		p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst|ipv4.FlagTTL, true))
	if err != nil {
		b.Fatal(err)
	}
	return p, lan0.Index
}
