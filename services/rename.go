package services

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"announcer/internal/dnsname"
)

// NextName returns the name to try after name was found to be taken: "PBX" becomes "PBX #2", "PBX #2" becomes
// "PBX #3". It is cut so that the result fits a label. The rules are Avahi's, byte for byte.
func NextName(name string) string { return next(name, " #") }

// NextHost does the same for the label of a host: "pbx" becomes "pbx-2".
func NextHost(label string) string { return next(label, "-") }

func next(name, separator string) string {
	base, number := name, 2
	if i := strings.LastIndex(name, separator); i >= 0 {
		if n, ok := counter(name[i+len(separator):]); ok {
			base, number = name[:i], n
		}
	}
	suffix := fmt.Sprintf("%s%d", separator, number)
	return cutUTF8(base, dnsname.MaxLabel-len(suffix)) + suffix
}

// counter returns the number after the one that digits stand for; digits with a leading zero, and more than an
// int32 holds, are no number. The largest is followed by 1.
func counter(digits string) (number int, ok bool) {
	if digits == "" || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	switch {
	case err != nil:
		return 0, false
	case n == math.MaxInt32:
		return 1, true
	}
	return int(n) + 1, true
}

// cutUTF8 shortens text to at most n bytes without leaving a part of a character.
func cutUTF8(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
