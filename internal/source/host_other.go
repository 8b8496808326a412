//go:build !unix

package source

import "os"

func nodename() (string, error) { return os.Hostname() }
