package convert

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/phones"
	"announcer/internal/publication"
	"announcer/services"
)

// DPMA is the format of res_digium_phone.conf, which makes the DPMA of Asterisk announce itself. It is read alone.
const DPMA Format = "dpma"

// CodeDPMA is the name of the rule that DPMA and announcer do not both announce a server.
const CodeDPMA = "dpma/announces"

func init() {
	registerReader(codec{format: DPMA, suffix: "res_digium_phone.conf", order: 6, decode: decodeDPMA})
}

// The keys of [general] that are about what DPMA announces.
const (
	dpmaEnabled   = "service_discovery_enabled"
	dpmaName      = "service_name"
	dpmaAddress   = "mdns_address"
	dpmaPort      = "mdns_port"
	dpmaTransport = "mdns_transport"
)

var dpmaKeys = []string{dpmaEnabled, dpmaName, dpmaAddress, dpmaPort, dpmaTransport}

// What DPMA takes where a key is not set, as far as that is known.
const (
	dpmaUsualName = "Asterisk"
	dpmaUsualPort = 5060
)

// dpmaReader reads res_digium_phone.conf as Asterisk reads its files.
type dpmaReader struct {
	found  *diag.Collector
	places map[string]place // where a key was set
	values map[string]string
	begin  place // of [general]
}

// place is a line and a column, in bytes, both from 1.
type place struct{ line, column int }

// decodeDPMA returns the group that DPMA announces, none if it announces nothing or the file has an error.
func decodeDPMA(file string, data []byte, _ string) *definition.File {
	written := definition.New(file)
	r := &dpmaReader{found: written.Found, places: map[string]place{}, values: map[string]string{}}
	if !utf8.Valid(data) {
		r.add(place{}, "", diag.Error, "the file is not UTF-8; want text in UTF-8")
		return written
	}
	r.read(string(data))
	if r.begin.line == 0 {
		r.add(place{}, "", diag.Error, "there is no section [general]; want one, with what DPMA announces")
		return written
	}
	announces, group := r.isOn(), r.group()
	if announces && r.found.Errors() == 0 {
		r.warn(group)
		written.Groups = []definition.Group{{Publication: publication.Publication{Group: group}, Places: r}}
	}
	return written
}

// read takes the assignments in [general].
func (r *dpmaReader) read(text string) {
	section, inComment := "", false
	number := 0
	for raw := range strings.Lines(text) {
		number++
		var code string
		code, inComment = withoutComments(raw, inComment)
		at := place{number, len(code) - len(strings.TrimLeft(code, " \t")) + 1}
		switch code = strings.TrimSpace(code); {
		case code == "":
		case strings.HasPrefix(code, "["):
			section = r.section(at, code)
		case strings.HasPrefix(code, "#"):
			if section == "general" || section == "" {
				r.add(at, "", diag.Warning, "%q is not followed; if that file sets what DPMA announces, it is not checked", code)
			}
		case section == "general":
			r.assign(at, code)
		}
	}
}

// withoutComments returns a line without what follows a semicolon, or stands between ";--" and "--;". It reports whether
// such a comment goes on in the next line. What is left out at the start stays as blanks, so that columns are right.
func withoutComments(line string, inComment bool) (code string, goesOn bool) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		rest := line[i:]
		switch {
		case inComment && strings.HasPrefix(rest, "--;"):
			b.WriteString("   ")
			i += 2
			inComment = false
		case inComment:
			b.WriteByte(' ')
		case strings.HasPrefix(rest, ";--") && !strings.HasPrefix(rest, ";---"):
			b.WriteString("   ")
			i += 2
			inComment = true
		case rest[0] == ';' && (i == 0 || line[i-1] != '\\'):
			return b.String(), false
		default:
			b.WriteByte(line[i])
		}
	}
	return strings.ReplaceAll(b.String(), `\;`, ";"), inComment
}

// section returns the name of a section: "general" of "[general](+)".
func (r *dpmaReader) section(at place, code string) string {
	name, _, closed := strings.Cut(code[1:], "]")
	if !closed {
		r.add(at, "", diag.Error, "%q is not a section; want a closing bracket", code)
	}
	if name == "general" && r.begin.line == 0 {
		r.begin = at
	}
	return name
}

func (r *dpmaReader) assign(at place, code string) {
	key, value, ok := strings.Cut(code, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(strings.TrimPrefix(value, ">"))
	switch {
	case !ok:
		r.add(at, "", diag.Error, "%q is not an assignment; want KEY = VALUE", code)
	case slices.Contains(dpmaKeys, key):
		if before, twice := r.places[key]; twice {
			r.add(at, key, diag.Warning, "it is also set in line %d; want it once", before.line)
		}
		r.values[key], r.places[key] = value, at
	case strings.HasPrefix(key, "mdns_"), strings.HasPrefix(key, "service_"):
		r.add(at, key, diag.Warning, "DPMA is not known to have this key%s", diag.DidYouMean(key, dpmaKeys))
	}
}

// group returns what DPMA announces if it announces anything.
func (r *dpmaReader) group() services.Group {
	port, transport := r.port(), r.transport()
	s := services.Service{Type: phones.ServiceType, Port: port}
	if server := r.values[dpmaAddress]; server != "" {
		s.TXT = append(s.TXT, r.sipURL(server, port, transport))
	}
	s.TXT = append(s.TXT, "serviceType=asterisk")
	return services.Group{Name: cmp.Or(r.values[dpmaName], dpmaUsualName), Services: []services.Service{s}}
}

// warn reports what DPMA announces.
func (r *dpmaReader) warn(g services.Group) {
	if r.values[dpmaAddress] == "" {
		r.add(r.placeOf(dpmaAddress), dpmaAddress, diag.Warning, "it is not set, so it is not known which address DPMA announces; want the one that phones reach")
	}
	at := r.placeOf(dpmaEnabled)
	r.found.Add(diag.Warning, func() diag.Finding {
		return diag.Finding{Line: at.line, Column: at.column, Element: dpmaEnabled, Code: CodeDPMA, Text: fmt.Sprintf(
			"DPMA itself announces %q: %s; want %s = no if announcer is to announce this server, else no definition of it", g.Name, strings.Join(g.Services[0].TXT, " "), dpmaEnabled)}
	})
}

// isOn reports whether DPMA announces anything. Where the key is not set it is taken to.
func (r *dpmaReader) isOn() bool {
	value, isSet := r.values[dpmaEnabled]
	switch word := strings.ToLower(value); {
	case !isSet, slices.Contains([]string{"yes", "true", "y", "t", "1", "on"}, word):
		return true
	case !slices.Contains([]string{"no", "false", "n", "f", "0", "off"}, word):
		r.add(r.places[dpmaEnabled], dpmaEnabled, diag.Error, "%q is neither yes nor no; want one of the two", value)
	}
	return false
}

func (r *dpmaReader) port() uint16 {
	value := r.values[dpmaPort]
	if value == "" {
		return dpmaUsualPort
	}
	port, err := phones.ParsePort(value)
	if err != nil {
		r.add(r.places[dpmaPort], dpmaPort, diag.Error, "%v", err)
	}
	return port
}

func (r *dpmaReader) transport() string {
	value := r.values[dpmaTransport]
	if value != "" && !slices.Contains([]string{"udp", "tcp", "tls"}, value) {
		r.add(r.places[dpmaTransport], dpmaTransport, diag.Error, "%q is not a transport; want udp, tcp or tls", value)
	}
	return cmp.Or(value, "udp")
}

// sipURL returns the string that names the server.
func (r *dpmaReader) sipURL(server string, port uint16, transport string) string {
	host, own, err := phones.SplitServer(server)
	switch {
	case err != nil:
		r.add(r.places[dpmaAddress], dpmaAddress, diag.Error, "%v", err)
	case own != "":
		r.add(r.places[dpmaAddress], dpmaAddress, diag.Error, "%q has a port; want it as %s", server, dpmaPort)
	}
	return fmt.Sprintf("sipUrl=sip:proxy@%s;transport=%s", net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(int(port))), transport)
}

// placeOf returns where a key is set, or else where its section begins.
func (r *dpmaReader) placeOf(key string) place { return cmp.Or(r.places[key], r.begin) }

func (r *dpmaReader) add(at place, element string, severity diag.Severity, format string, args ...any) {
	r.found.Add(severity, func() diag.Finding {
		return diag.Finding{Line: at.line, Column: at.column, Element: element, Text: fmt.Sprintf(format, args...)}
	})
}

// Reported implements [definition.Places]. What is missing in the TXT record is missing because the address is not set.
func (r *dpmaReader) Reported(p services.Problem) bool {
	return p.Code == phones.CodeSIPURL && r.values[dpmaAddress] == ""
}

// Place implements [definition.Places].
func (r *dpmaReader) Place(p services.Problem) diag.Finding {
	key := map[services.Field]string{services.NameField: dpmaName, services.PortField: dpmaPort, services.TXTField: dpmaAddress}[p.Field]
	at := r.placeOf(key)
	return diag.Finding{Line: at.line, Column: at.column, Element: key}
}
