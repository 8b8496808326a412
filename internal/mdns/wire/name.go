package wire

import "announcer/internal/dnsname"

// lower maps ASCII capitals to small letters and every other byte, length bytes included, to itself (RFC 6762 §16).
var lower = func() (table [256]byte) {
	for i := range table {
		table[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			table[i] += 'a' - 'A'
		}
	}
	return table
}()

// unpack writes the name that starts at packet[at] to dst, uncompressed, and returns its length and where the packet
// goes on behind it. A compression pointer must lead in front of all that was read so far (RFC 1035 §4.1.4), so
// there are no loops; the limit of 255 bytes bounds the rest.
func unpack(dst *[dnsname.MaxName]byte, packet []byte, at int, fold bool) (n, next int, ok bool) {
	front := at
	for at < len(packet) {
		size := int(packet[at])
		switch {
		case size == 0:
			if n >= len(dst) {
				return 0, 0, false
			}
			if next == 0 {
				next = at + 1
			}
			dst[n] = 0
			return n + 1, next, true
		case size >= 0xC0:
			if at+1 >= len(packet) {
				return 0, 0, false
			}
			if next == 0 {
				next = at + 2
			}
			at = size&0x3F<<8 | int(packet[at+1])
			if at >= front {
				return 0, 0, false
			}
			front = at
		case size > dnsname.MaxLabel || at+1+size > len(packet) || n+1+size > len(dst):
			return 0, 0, false
		default:
			label, out := packet[at:at+1+size], dst[n:n+1+size]
			if fold {
				for i, b := range label {
					out[i] = lower[b]
				}
			} else {
				copy(out, label)
			}
			at, n = at+1+size, n+1+size
		}
	}
	return 0, 0, false
}
