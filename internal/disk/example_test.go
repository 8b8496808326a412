package disk_test

import (
	"fmt"
	"os"
	"path/filepath"

	"announcer/internal/disk"
)

// What is no regular file is neither opened nor waited for.
func ExampleReadRegular() {
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "said")
	if err := disk.Replace(disk.OS, path, []byte("hello"), disk.Replacement{Synced: true}); err != nil {
		fmt.Println(err)
	}
	data, _, err := disk.ReadRegular(disk.OS, path, 100)
	fmt.Printf("%s %v\n", data, err)
	_, _, err = disk.ReadRegular(disk.OS, dir, 100)
	fmt.Println(err)
	// Output:
	// hello <nil>
	// it is a directory; want a regular file
}
