package memdisk_test

import (
	"fmt"
	"syscall"

	"announcer/internal/disk"
	"announcer/internal/testkit/memdisk"
)

// A process reads and watches what a person writes, until the disk has no room left.
func Example() {
	d := memdisk.New()
	p := d.Process()
	defer p.Kill()
	watch, err := p.Watch()
	if err == nil {
		err = watch.AddDir("/")
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := d.Write("/pbx.service", "<service-group>"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-watch.Events())
	text, info, err := disk.ReadRegular(p, "/pbx.service", 100)
	fmt.Printf("%s %v %v\n", text, info.Mode(), err)
	d.SetFault(func(op, path string) error {
		if op == "write" {
			return syscall.ENOSPC
		}
		return nil
	})
	if err := d.MkdirAll("/state"); err != nil {
		fmt.Println(err)
	}
	if err := d.Own("/state"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(disk.Replace(p, "/state/said", []byte("hello"), disk.Replacement{}))
	// Output:
	// /pbx.service
	// <service-group> -rw-r--r-- <nil>
	// write /state/said.new: no space left on device
}
