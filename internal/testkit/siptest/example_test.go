package siptest_test

import (
	"fmt"
	"io"
	"net"

	"announcer/internal/testkit/siptest"
)

func ExampleStart() {
	peer, err := siptest.Start("tcp", "127.0.0.1:0", siptest.Answers("200 OK"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer peer.Close()
	conn, err := net.Dial("tcp", peer.Addr.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	io.WriteString(conn, "OPTIONS sip:pbx SIP/2.0\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	answer := make([]byte, len("SIP/2.0 200 OK"))
	if _, err := io.ReadFull(conn, answer); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s\n", answer)
	fmt.Println(siptest.Header(peer.Requests()[0], "CSeq"))
	// Output:
	// SIP/2.0 200 OK
	// 1 OPTIONS
}
