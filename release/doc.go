// Command release makes everything that is published of a commit: archives and packages for all platforms, a list of what is in
// each, how it was made, checksums and a signature. The commit and the Go release decide every byte.
//
//	release -out dist/release -platforms "linux-amd64 windows-amd64" -key ~/.ssh/id_ed25519
package main
