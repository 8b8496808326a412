package pipes_test

import (
	"fmt"
	"io"

	"announcer/internal/testkit/pipes"
)

func ExampleListener() {
	l := pipes.Listen()
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprintf(conn, "hello %s", conn.RemoteAddr())
		conn.Close()
	}()
	client, _ := l.Dial("192.0.2.2")
	text, err := io.ReadAll(client)
	fmt.Println(string(text), err)
	// Output: hello 192.0.2.2:40000 <nil>
}
