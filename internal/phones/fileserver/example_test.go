package fileserver_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"

	"announcer/internal/phones"
	"announcer/internal/phones/fileserver"
)

// A phone asks for its configuration, which names the firmware.
func Example() {
	dir, err := os.MkdirTemp("", "firmware")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "2_8_1_D40_firmware.eff"), []byte("an image"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	found, err := phones.Scan(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	release, err := found.Release("2_8_1")
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := fileserver.New(fileserver.Config{
		Dir: dir, Release: release, URL: "http://192.0.2.10/", Configs: true,
		Log: slog.New(slog.DiscardHandler), Report: func(fileserver.Transfer) {},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest("GET", "/000fd3000001.cfg", nil))
	fmt.Print(answer.Body)
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <config>
	//   <firmwares>
	//     <firmware model="D40" version="2_8_1" url="http://192.0.2.10/2_8_1_D40_firmware.eff" />
	//   </firmwares>
	// </config>
}
