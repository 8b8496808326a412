package phones

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"announcer/internal/diag"
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

// The values of serviceType.
const (
	typeAsterisk  = "asterisk"
	typeSwitchvox = "switchvox"
	typeFirmware  = "firmware"
)

var serviceTypes = []string{typeAsterisk, typeSwitchvox, typeFirmware}

// The keys of the TXT record, beside MODELFile.
const (
	keySIPURL          = "sipUrl"
	keyServiceType     = "serviceType"
	keyFirmwareURL     = "firmwareUrl"
	keyFirmwareVersion = "firmwareVersion"
	fileSuffix         = "File"
)

// unverified ends the text about what no document of the vendor settles.
const unverified = " (how phones take it is not verified)"

// Lint finds what keeps phones from taking the [ServiceType] services of a group, and what may. It is a [services.Lint].
// An error can't work, and is announced all the same ([diag.Unfit]); what is not verified is a warning that says so.
func Lint(g services.Group) []services.Problem {
	var problems []services.Problem
	for i, s := range g.Services {
		if s.Type.Equal(ServiceType) {
			l := linter{service: i, values: map[string]entry{}}
			l.read(s.TXT)
			l.judge()
			problems = append(problems, l.problems...)
		}
	}
	return problems
}

// entry is a value of the TXT record without white space around it, and the index of its string.
type entry struct {
	index int
	value string
}

// linter looks at one service.
type linter struct {
	service  int
	values   map[string]entry // by the key as phones spell it
	models   []string         // those with a file, in order
	problems []services.Problem
}

func (l *linter) add(index int, severity diag.Severity, code, format string, args ...any) {
	field := services.TXTField
	if index < 0 {
		field, index = services.ServiceField, 0
	}
	l.problems = append(l.problems, services.Problem{
		Service: l.service, Field: field, Index: index, Severity: severity, Code: code, Text: fmt.Sprintf(format, args...),
	})
}

func (l *linter) errorf(index int, code, format string, args ...any) {
	l.add(index, diag.Unfit, code, format, args...)
}

func (l *linter) warnf(index int, code, format string, args ...any) {
	l.add(index, diag.Warning, code, format, args...)
}

// missing stands for the index of a string that is not there; the service itself is meant.
const missing = -1

// read takes the strings apart.
func (l *linter) read(txt services.TXT) {
	for i, text := range txt {
		key, value, _ := strings.Cut(strings.TrimSpace(text), "=") // what is around it, the model complains of
		plainKey, plainValue := strings.TrimSpace(key), strings.TrimSpace(value)
		if plainKey != key || plainValue != value {
			l.warnf(i, CodeWhiteSpace, "there is white space at the \"=\" of %q, and it is published too; want %q"+unverified, text, plainKey+"="+plainValue)
		}
		key = l.spelled(i, plainKey)
		if _, twice := l.values[key]; twice {
			l.warnf(i, CodeKeyTwice, "%s is there already, and the first one counts (RFC 6763 §6.4); want it once", key)
			continue
		}
		l.values[key] = entry{i, plainValue}
		if model, ok := modelOf(key); ok {
			l.models = append(l.models, model)
		}
	}
}

var fileKey = regexp.MustCompile(`(?i)^(` + modelPattern + `)` + fileSuffix + `$`)

// modelOf gives the model of a key such as D40File, in capitals.
func modelOf(key string) (model string, ok bool) {
	if m := fileKey.FindStringSubmatch(key); m != nil {
		return strings.ToUpper(m[1]), true
	}
	return "", false
}

var keys = []string{keySIPURL, keyServiceType, keyFirmwareURL, keyFirmwareVersion}

// spelled gives a key as phones spell it, and complains of another spelling.
func (l *linter) spelled(i int, key string) string {
	want := key
	if model, ok := modelOf(key); ok {
		want = model + fileSuffix
	}
	for _, known := range keys {
		if strings.EqualFold(known, key) {
			want = known
		}
	}
	if want != key {
		l.warnf(i, CodeKeyCase, "the key %s is spelled %s in the vendor's example; want that, letter by letter"+unverified, key, want)
	} else if near := diag.Nearest(key, keys); near != "" && near != key {
		l.warnf(i, CodeUnknownKey, "phones know no key %s; did you mean %s?", key, near)
	}
	return want
}

func (l *linter) judge() {
	kind, ok := l.values[keyServiceType]
	switch {
	case !ok:
		l.errorf(missing, CodeServiceType, "serviceType is missing; want serviceType=asterisk, switchvox or firmware in the TXT record")
	case kind.value == typeAsterisk || kind.value == typeSwitchvox:
		l.sip(kind.value)
	case kind.value == typeFirmware:
		l.firmware()
	default:
		hint := diag.DidYouMean(kind.value, serviceTypes)
		if hint == "" {
			hint = "; want " + strings.Join(serviceTypes, ", ")
		}
		l.errorf(kind.index, CodeServiceType, "%q is not a serviceType that phones know%s", kind.value, hint)
	}
}

const sipForm = "sip:proxy@HOST[:PORT][;transport=udp|tcp|tls]"

// sip checks the URL of a server. The vendor documents its form.
func (l *linter) sip(kind string) {
	e, ok := l.values[keySIPURL]
	if !ok {
		l.errorf(missing, CodeSIPURL, "sipUrl is missing; for serviceType=%s want sipUrl=%s in the TXT record", kind, sipForm)
		return
	}
	server, ok := strings.CutPrefix(e.value, "sip:proxy@")
	if !ok {
		l.errorf(e.index, CodeSIPURL, "%q does not start with sip:proxy@, which phones want word for word; for serviceType=%s want %s", e.value, kind, sipForm)
		return
	}
	server, parameters, has := strings.Cut(server, ";")
	switch parameters {
	case "transport=udp", "transport=tcp", "transport=tls":
	default:
		if has {
			l.errorf(e.index, CodeSIPURL, "%q is no transport of a phone; want %s", ";"+parameters, sipForm)
		}
	}
	l.host(e.index, server)
}

// firmware checks the announcement of firmware, whose keys are known by one public example alone.
func (l *linter) firmware() {
	l.site()
	l.firmwareURL()
	l.firmwareVersion()
	if len(l.models) == 0 {
		l.warnf(missing, CodeNoFile, "there is no file for any model; want such as D40File=eff/2_8_1/2_8_1_D40_firmware.eff"+unverified)
	}
	for _, model := range l.models {
		l.file(model)
	}
}

func (l *linter) site() {
	e, ok := l.values[keySIPURL]
	switch {
	case !ok:
		l.warnf(missing, CodeSIPURL, "sipUrl is missing; the known example of a firmware announcement has sipUrl=http://HOST"+unverified)
	case strings.HasPrefix(e.value, "sip:"):
		l.warnf(e.index, CodeSIPURL, "%q is the form for a PBX; the known example of a firmware announcement has sipUrl=http://HOST"+unverified, e.value)
	default:
		l.http(e, CodeSIPURL)
	}
}

func (l *linter) firmwareURL() {
	e, ok := l.values[keyFirmwareURL]
	switch {
	case !ok:
		l.warnf(missing, CodeFirmwareURL, "firmwareUrl is missing; want the directory of the files, such as firmwareUrl=http://192.0.2.10/"+unverified)
		return
	case !strings.HasSuffix(e.value, "/"):
		l.warnf(e.index, CodeURLSlash, "%q has no slash at the end; phones are taken to put the path of the file right behind it; want %s/"+unverified, e.value, e.value)
	}
	l.http(e, CodeFirmwareURL)
}

// http checks a URL that should be one of HTTP.
func (l *linter) http(e entry, code string) {
	u, err := url.Parse(e.value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		l.warnf(e.index, code, "%q is not an HTTP URL; want such as http://192.0.2.10/"+unverified, e.value)
		return
	}
	l.host(e.index, u.Host)
}

// host checks HOST[:PORT] of a URL.
func (l *linter) host(index int, server string) {
	unrooted := strings.TrimSuffix(strings.Replace(server, ".:", ":", 1), ".")
	host, port, err := services.SplitServer(unrooted)
	if err == nil && port != "" {
		_, err = services.ParsePort(port)
	}
	if err != nil {
		l.errorf(index, CodeHost, "%v", err)
		return
	}
	switch name := strings.ToLower(host); {
	case name == "localhost", name == "[::1]", strings.HasPrefix(name, "127."):
		l.errorf(index, CodeHost, "%s means the phone itself to the phone; want an address of the server on the phones' link", host)
	case strings.HasSuffix(name, ".local"):
		l.warnf(index, CodeLocalName, "%s is a name that only multicast DNS resolves; want an IPv4 address, or a name that the phones' DNS server knows"+unverified, host)
	}
}

func (l *linter) firmwareVersion() {
	e, ok := l.values[keyFirmwareVersion]
	if !ok {
		l.warnf(missing, CodeFirmwareVersion, "firmwareVersion is missing; want that of the files, such as firmwareVersion=2_8_1"+unverified)
	} else if err := services.CheckFirmwareVersion(e.value); err != nil {
		l.warnf(e.index, CodeFirmwareVersion, "%v"+unverified, err)
	}
}

// file checks what is announced for a model.
func (l *linter) file(model string) {
	e := l.values[model+fileSuffix]
	switch {
	case model == noMulticast:
		l.errorf(e.index, CodeD80, "the D80 is the one model that does not look for its server this way; want no D80File")
		return
	case !Known(model):
		l.warnf(e.index, CodeModel, "nothing is known of a model %s; the known ones are %s", model, strings.Join(models, ", "))
	}
	l.filePath(model, e)
	version, of, ok := parseImageName(path.Base(e.value))
	if !ok {
		return
	}
	if announced, ok := l.values[keyFirmwareVersion]; ok && version != announced.value {
		l.warnf(e.index, CodeFileVersion, "the file is of version %s, and firmwareVersion is %s; a phone that loads it would find a difference again and again; want one version"+unverified, version, announced.value)
	}
	if of != model {
		l.warnf(e.index, CodeFileModel, "the file is that of a %s by its name, and announced for a %s; want the file of the model"+unverified, of, model)
	}
}

// filePath wants a path that can be put behind firmwareUrl.
func (l *linter) filePath(model string, e entry) {
	example := "eff/2_8_1/2_8_1_" + model + "_firmware.eff"
	switch {
	case e.value == "":
		l.warnf(e.index, CodeFilePath, "the file has no path; want such as %s"+unverified, example)
	case strings.HasPrefix(e.value, "/"), strings.Contains(e.value, "://"):
		l.warnf(e.index, CodeFilePath, "%q is absolute; phones are taken to put it right behind firmwareUrl; want it relative, such as %s"+unverified, e.value, example)
	case strings.ContainsAny(e.value, " \\?#"), path.Clean(e.value) != e.value, strings.HasPrefix(e.value, "../"):
		l.warnf(e.index, CodeFilePath, "%q is no plain path below firmwareUrl; want such as %s"+unverified, e.value, example)
	}
}
