//go:build linux

package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"announcer/internal/mdns"
)

// service is what a definition file says.
type service struct {
	name string
	port int
	text string // of the TXT record: strings with spaces between
}

// What each definition is a service of.
const (
	serviceType = "_http._tcp"
	subtype     = "_pbx._sub._http._tcp"
)

// xml returns the definition file.
func (s service) xml() string {
	return fmt.Sprintf("<service-group><name>%s</name><service><type>%s</type><subtype>%s</subtype><port>%d</port><txt-record>%s</txt-record></service></service-group>\n",
		s.name, serviceType, subtype, s.port, strings.Join(s.strings(), "</txt-record><txt-record>"))
}

// strings returns those of the TXT record.
func (s service) strings() []string { return strings.Fields(s.text) }

// longFile is the file of which the TXT record is so long that packets are as large as the link allows.
const longFile = "f0.service"

// drawText returns what a TXT record says.
func drawText(dice *rand.Rand, file string) string {
	version := dice.IntN(1000)
	text := fmt.Sprintf("v=%d", version)
	if file == longFile {
		text += strings.Repeat(" a="+strings.Repeat("x", 200+version%50), 4)
	}
	return text
}

// seen returns a service as a neighbour sees it.
func (s service) seen(host string) string {
	return fmt.Sprintf("PTR; PTR; SRV 0 0 %d %s; TXT %s", s.port, mdns.HostName(host).Master(), mdns.NewTXT(s.strings()...))
}

// says reports whether the definition has what a record about its instance says, on a host that has or had a name: a new name
// differs in what is behind the hyphen.
func (s service) says(r mdns.Record, host string) bool {
	machine, _, _ := strings.Cut(host, "-")
	switch data := r.Data.(type) {
	case mdns.SRV:
		return int(data.Port) == s.port && strings.HasPrefix(data.Target.Label(), machine)
	case mdns.TXT:
		return data.String() == mdns.NewTXT(s.strings()...).String()
	}
	return true
}

// fileNames are the names of the definitions that there can be: in the directory, there with a check, on the web server, in etcd.
var fileNames = []string{"f0.service", "f1.service", "f2.service", "c0.service", "r0.toml", "r1.toml", "e0.toml", "e1.toml", sharedFile}

// A file, and the name that all hosts give its service.
const (
	sharedFile = "s0.service"
	sharedName = "Shared PBX"
)

// isShared reports whether the service of a file has the same name on all hosts.
func isShared(file string) bool { return file == sharedFile }

// baseName returns the name that a service was asked to have.
func baseName(name string) string {
	base, _, _ := strings.Cut(name, " #")
	return base
}

// isRemote reports whether a file is on a server.
func isRemote(file string) bool { return isDocument(file) || isKey(file) }

// isLocal reports whether a file is in the directory of definitions.
func isLocal(file string) bool { return !isRemote(file) }

// isDocument reports whether a file is on the web server.
func isDocument(file string) bool { return strings.HasPrefix(file, "r") }

// isKey reports whether a file is a key in etcd.
func isKey(file string) bool { return strings.HasPrefix(file, "e") }

// filesThat returns the files of a kind.
func filesThat(is func(file string) bool) []string {
	return slices.DeleteFunc(slices.Clone(fileNames), func(file string) bool { return !is(file) })
}

// pathOf returns the path or URL of a file.
func pathOf(file string) string {
	switch {
	case isDocument(file):
		return provisionURL + file
	case isKey(file):
		return clusterPlace + file
	}
	return definitions + "/" + file
}

// isChecked reports whether a file is announced only while its server answers.
func isChecked(file string) bool { return strings.HasPrefix(file, "c") }
