package phones

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/sip"
	"announcer/services"
)

// The codes of the rules. They are stable: scripts look for them in the output of announcer validate.
const (
	CodeServiceType     = "phones/service-type"     // serviceType is missing or none of the three
	CodeSIPURL          = "phones/sip-url"          // sipUrl is missing or not of the form that the serviceType wants
	CodeKeyCase         = "phones/key-case"         // a key in another case
	CodeUnknownKey      = "phones/unknown-key"      // a key that resembles one that phones know
	CodeKeyTwice        = "phones/key-twice"        // a key that is there already
	CodeWhiteSpace      = "phones/white-space"      // white space at the "="
	CodeHost            = "phones/host"             // a URL whose host is no host, or the phone itself
	CodeLocalName       = "phones/local-name"       // a name in .local in a URL
	CodeFirmwareURL     = "phones/firmware-url"     // firmwareUrl is missing or no HTTP URL
	CodeURLSlash        = "phones/url-slash"        // firmwareUrl does not end in a slash
	CodeFirmwareVersion = "phones/firmware-version" // firmwareVersion is missing or not spelled as one
	CodeNoFile          = "phones/no-file"          // a firmware announcement for no model
	CodeFilePath        = "phones/file-path"        // a file that is not a path below firmwareUrl
	CodeFileVersion     = "phones/file-version"     // a file of another version than firmwareVersion
	CodeFileModel       = "phones/file-model"       // a file of another model than the key says
	CodeD80             = "phones/d80"              // D80File
	CodeModel           = "phones/model"            // a model that nothing is known about
	CodeTwoServers      = "phones/two-servers"      // more than one announcement on a link
)

// unverified ends the text about what no document of the vendor settles.
const unverified = " (how phones take it is not verified)"

// Lint returns the oddities of the [ServiceType] services of a group, see [Read]. It is a [services.Lint]. An error can't
// work, and is announced all the same ([diag.Unfit]); what is not verified is a warning that says so.
func Lint(g services.Group) []services.Problem {
	var problems []services.Problem
	for i, s := range g.Services {
		if !s.Type.Equal(ServiceType) {
			continue
		}
		for _, o := range Read(s.TXT).Oddities {
			problems = append(problems, o.problem(i))
		}
	}
	return problems
}

// problem returns the oddity as a problem of a service.
func (o Oddity) problem(service int) services.Problem {
	field, index := services.TXTField, o.Index
	if index == missing {
		field, index = services.ServiceField, 0
	}
	return services.Problem{Service: service, Field: field, Index: index, Severity: o.Severity, Code: o.Code, Text: o.Text}
}

func (a *Announcement) add(index int, severity diag.Severity, code, format string, args ...any) {
	a.Oddities = append(a.Oddities, Oddity{index, severity, code, fmt.Sprintf(format, args...)})
}

func (a *Announcement) errorf(index int, code, format string, args ...any) {
	a.add(index, diag.Unfit, code, format, args...)
}

func (a *Announcement) warnf(index int, code, format string, args ...any) {
	a.add(index, diag.Warning, code, format, args...)
}

// judge finds what is odd about the values.
func (a *Announcement) judge() {
	kind, ok := a.values[keyServiceType]
	switch a.Kind {
	case KindAsterisk, KindSwitchvox:
		a.judgeServer()
		return
	case KindFirmware:
		a.judgeFirmware()
		return
	}
	if !ok {
		a.errorf(missing, CodeServiceType, "serviceType is missing; want serviceType=asterisk, switchvox or firmware in the TXT record")
		return
	}
	hint := diag.DidYouMean(kind.value, kinds)
	if hint == "" {
		hint = "; want " + strings.Join(kinds, ", ")
	}
	a.errorf(kind.index, CodeServiceType, "%q is not a serviceType that phones know%s", kind.value, hint)
}

// The form in which phones take the URL of a server, which the vendor documents.
const (
	sipPrefix = "sip:proxy@"
	sipForm   = "sip:proxy@HOST[:PORT][;transport=udp|tcp|tls]"
)

// isTransport reports whether the parameters of such a URL are those that phones take.
func isTransport(parameters string) bool {
	transport, ok := strings.CutPrefix(parameters, "transport=")
	return ok && slices.Contains(sip.Transports(), transport)
}

// judgeServer checks the URL of a server. The vendor documents its form.
func (a *Announcement) judgeServer() {
	e, ok := a.values[keySIPURL]
	if !ok {
		a.errorf(missing, CodeSIPURL, "sipUrl is missing; for serviceType=%s want sipUrl=%s in the TXT record", a.Kind, sipForm)
		return
	}
	server, ok := strings.CutPrefix(e.value, sipPrefix)
	if !ok {
		a.errorf(e.index, CodeSIPURL, "%q does not start with sip:proxy@, which phones want word for word; for serviceType=%s want %s", e.value, a.Kind, sipForm)
		return
	}
	server, parameters, has := strings.Cut(server, ";")
	if has && !isTransport(parameters) {
		a.errorf(e.index, CodeSIPURL, "%q is not a transport of phones; want %s", ";"+parameters, sipForm)
	}
	a.host(e.index, server)
}

// judgeFirmware checks the announcement of firmware, whose keys are known by one public example alone.
func (a *Announcement) judgeFirmware() {
	a.site()
	a.firmwareURL()
	a.firmwareVersion()
	if len(a.models) == 0 {
		a.warnf(missing, CodeNoFile, "there is no file for any model; want one such as D40File=eff/2_8_1/2_8_1_D40_firmware.eff"+unverified)
	}
	for _, model := range a.models {
		a.judgeFile(model)
	}
}

func (a *Announcement) site() {
	e, ok := a.values[keySIPURL]
	switch {
	case !ok:
		a.warnf(missing, CodeSIPURL, "sipUrl is missing; the known example of a firmware announcement has sipUrl=http://HOST"+unverified)
	case strings.HasPrefix(e.value, "sip:"):
		a.warnf(e.index, CodeSIPURL, "%q is the form for a PBX; the known example of a firmware announcement has sipUrl=http://HOST"+unverified, e.value)
	default:
		a.http(e, CodeSIPURL)
	}
}

func (a *Announcement) firmwareURL() {
	e, ok := a.values[keyFirmwareURL]
	switch {
	case !ok:
		a.warnf(missing, CodeFirmwareURL, "firmwareUrl is missing; want the directory of the files, such as firmwareUrl=http://192.0.2.10/"+unverified)
		return
	case !strings.HasSuffix(e.value, "/"):
		a.warnf(e.index, CodeURLSlash, "%q has no slash at the end; phones are assumed to append the path of the file to it; want %s/"+unverified, e.value, e.value)
	}
	a.http(e, CodeFirmwareURL)
}

// http checks a URL that should be one of HTTP.
func (a *Announcement) http(e entry, code string) {
	u, err := url.Parse(e.value)
	if err != nil || !isHTTP(u) {
		a.warnf(e.index, code, "%q is not an HTTP URL; want one such as http://192.0.2.10/"+unverified, e.value)
		return
	}
	a.host(e.index, u.Host)
}

// checkHost returns an error unless server is HOST[:PORT], the host one that a phone can reach. An address of IPv6 has
// brackets (RFC 3986 §3.2.2).
func checkHost(server string) error {
	_, _, err := splitHost(server)
	return err
}

// splitHost takes HOST[:PORT] of a URL apart.
func splitHost(server string) (host, port string, err error) {
	if strings.Count(server, ":") > 1 && !strings.HasPrefix(server, "[") {
		return "", "", fmt.Errorf("%q is not HOST[:PORT]; want an IPv6 address in brackets, such as [2001:db8::20]:5060", server)
	}
	unrooted := strings.TrimSuffix(strings.Replace(server, ".:", ":", 1), ".")
	host, port, err = SplitServer(unrooted)
	if err == nil && port != "" {
		_, err = ParsePort(port)
	}
	return host, port, err
}

// host checks HOST[:PORT] of a URL.
func (a *Announcement) host(index int, server string) {
	host, _, err := splitHost(server)
	if err != nil {
		a.errorf(index, CodeHost, "%v", err)
		return
	}
	switch name := strings.ToLower(host); {
	case name == "localhost", name == "[::1]", strings.HasPrefix(name, "127."):
		a.errorf(index, CodeHost, "%s means the phone itself to the phone; want an address of the server on the phones' link", host)
	case strings.HasSuffix(name, ".local"):
		a.warnf(index, CodeLocalName, "%s is a name that only multicast DNS resolves; want an IPv4 address, or a name that the phones' DNS server knows"+unverified, host)
	}
}

func (a *Announcement) firmwareVersion() {
	e, ok := a.values[keyFirmwareVersion]
	if !ok {
		a.warnf(missing, CodeFirmwareVersion, "firmwareVersion is missing; want that of the files, such as firmwareVersion=2_8_1"+unverified)
	} else if err := CheckVersion(e.value); err != nil {
		a.warnf(e.index, CodeFirmwareVersion, "%v"+unverified, err)
	}
}

// judgeFile checks what is announced for a model.
func (a *Announcement) judgeFile(model string) {
	e := a.values[model+fileSuffix]
	if err := CheckModel(model); err != nil {
		a.errorf(e.index, CodeD80, "%v", err)
		return
	}
	if !Known(model) {
		a.warnf(e.index, CodeModel, "nothing is known of a model %s; the known ones are %s", model, strings.Join(models, ", "))
	}
	if err := CheckFile(model, e.value); err != nil {
		a.warnf(e.index, CodeFilePath, "%v"+unverified, err)
	}
	version, of, ok := parseImageName(path.Base(e.value))
	if !ok {
		return
	}
	if announced, ok := a.values[keyFirmwareVersion]; ok && version != announced.value {
		a.warnf(e.index, CodeFileVersion, "the file is of version %s, and firmwareVersion is %s; a phone that loads it would find a difference again and again; want one version"+unverified, version, announced.value)
	}
	if of != model {
		a.warnf(e.index, CodeFileModel, "the file is that of a %s by its name, and announced for a %s; want the file of the model"+unverified, of, model)
	}
}
