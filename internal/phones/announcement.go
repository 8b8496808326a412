package phones

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"announcer/internal/diag"
	"announcer/internal/sip"
	"announcer/services"
)

// Kind is the value of serviceType: what an announcement offers.
type Kind string

// The kinds that phones know.
const (
	KindAsterisk  Kind = "asterisk"
	KindSwitchvox Kind = "switchvox"
	KindFirmware  Kind = "firmware"
)

var kinds = []string{string(KindAsterisk), string(KindSwitchvox), string(KindFirmware)}

// The keys of the TXT record, beside MODELFile.
const (
	keySIPURL          = "sipUrl"
	keyServiceType     = "serviceType"
	keyFirmwareURL     = "firmwareUrl"
	keyFirmwareVersion = "firmwareVersion"
	fileSuffix         = "File"
)

var keys = []string{keySIPURL, keyServiceType, keyFirmwareURL, keyFirmwareVersion}

// Announcement is the meaning of a phone's TXT record. Lint, probes and health checks read records by it alone.
type Announcement struct {
	Kind        Kind   // as written, "" if missing
	FirmwareURL string // as written, "" if missing
	Version     string // of the firmware, as written, "" if missing
	Oddities    []Oddity

	values map[string]entry // by the key as phones spell it
	models []string         // those with a key MODELFile, in the order of the record
}

// File is a firmware file of an announcement.
type File struct {
	Model string // such as D40
	Path  string // as written
	URL   string // the path directly behind firmwareUrl
	Index int    // of its string in the TXT record
}

// Oddity is a string of a TXT record that keeps phones from taking an announcement, or may.
type Oddity struct {
	Index    int // of the string in the TXT record; -1 if one is missing
	Severity diag.Severity
	Code     string
	Text     string // what is wrong; what would be right
}

// entry is a value of the TXT record without white space around it, and the index of its string.
type entry struct {
	index int
	value string
}

// missing is the index of a string that is not in the record.
const missing = -1

// Read returns the meaning of a TXT record:
//
//   - Keys are compared without regard to case, the first of several equal ones counts, and a string without a key is
//     ignored (RFC 6763 §6.4). Another spelling than that of the vendor's example is odd: it is not verified that phones
//     compare keys in this way.
//   - White space around keys and values does not count. It is odd: it is published, and how phones take it is not verified.
//   - MODELFile is a key if MODEL has the form of a model: one or two letters and two or three digits. Others, such as
//     logoFile, are of no meaning to phones. A model that is not [Known] is odd, and has a file like any other.
//   - The D80 does not find its firmware this way, so that it has no file. Neither has a key without a path, or with one
//     that no URL can hold.
//   - serviceType decides between server and firmware. Phones can't take a record without one of the three values;
//     what such a record offers is firmware if it has firmwareUrl, and else a server.
func Read(txt services.TXT) Announcement {
	a := Announcement{values: map[string]entry{}}
	for i, text := range txt {
		a.read(i, text)
	}
	a.Kind = Kind(a.values[keyServiceType].value)
	a.FirmwareURL = a.values[keyFirmwareURL].value
	a.Version = a.values[keyFirmwareVersion].value
	a.judge()
	return a
}

// read takes a string apart.
func (a *Announcement) read(i int, text string) {
	key, value, _ := strings.Cut(strings.TrimSpace(text), "=") // [services.Group.Check] reports the white space around it
	plainKey, plainValue := strings.TrimSpace(key), strings.TrimSpace(value)
	if plainKey == "" {
		return
	}
	if plainKey != key || plainValue != value {
		a.warnf(i, CodeWhiteSpace, "there is white space at the \"=\" of %q, and it is published too; want %q"+unverified, text, plainKey+"="+plainValue)
	}
	key = a.spelled(i, plainKey)
	if _, twice := a.values[key]; twice {
		a.warnf(i, CodeKeyTwice, "%s is set already, and the first one counts (RFC 6763 §6.4); want it once", key)
		return
	}
	a.values[key] = entry{i, plainValue}
	if model, ok := modelOf(key); ok {
		a.models = append(a.models, model)
	}
}

var fileKey = regexp.MustCompile(`(?i)^(` + modelPattern + `)` + fileSuffix + `$`)

// modelOf returns the model of a key such as D40File, in capitals.
func modelOf(key string) (model string, ok bool) {
	if m := fileKey.FindStringSubmatch(key); m != nil {
		return strings.ToUpper(m[1]), true
	}
	return "", false
}

// spelled returns a key as phones spell it, in small letters if they do not know it. Another spelling is odd.
func (a *Announcement) spelled(i int, key string) string {
	want := ""
	if model, ok := modelOf(key); ok {
		want = model + fileSuffix
	}
	for _, known := range keys {
		if strings.EqualFold(known, key) {
			want = known
		}
	}
	if want == "" {
		if near := diag.Nearest(key, keys); near != "" {
			a.warnf(i, CodeUnknownKey, "phones know no key %s; did you mean %s?", key, near)
		}
		return strings.ToLower(key)
	}
	if want != key {
		a.warnf(i, CodeKeyCase, "the key %s is spelled %s in the vendor's example; want that, letter by letter"+unverified, key, want)
	}
	return want
}

// Named reports whether the record names anything to ask: it has sipUrl or firmwareUrl, or its serviceType needs one.
func (a Announcement) Named() bool {
	return a.has(keySIPURL) || a.has(keyFirmwareURL) || a.Kind.known()
}

// NamesServer reports whether the record has sipUrl.
func (a Announcement) NamesServer() bool { return a.has(keySIPURL) }

// OffersFirmware reports whether phones load files that the record names. Otherwise they register with a server.
func (a Announcement) OffersFirmware() bool {
	return a.Kind == KindFirmware || !a.Kind.known() && a.has(keyFirmwareURL)
}

func (a Announcement) has(key string) bool {
	_, ok := a.values[key]
	return ok
}

// indexOf returns the index of the string with a key, [missing] if there is none.
func (a Announcement) indexOf(key string) int {
	if e, ok := a.values[key]; ok {
		return e.index
	}
	return missing
}

func (k Kind) known() bool { return k == KindAsterisk || k == KindSwitchvox || k == KindFirmware }

// Server returns the SIP server in sipUrl, whatever the serviceType. The user need not be "proxy", and the transport may be
// in capitals, although phones want the documented form word for word: whether the server answers does not depend on it.
func (a Announcement) Server() (sip.Target, error) {
	e, ok := a.values[keySIPURL]
	if !ok {
		return sip.Target{}, errors.New("sipUrl is missing; want sipUrl=" + sipForm)
	}
	target, err := sip.ParseURL(e.value)
	if err != nil {
		return sip.Target{}, fmt.Errorf("sipUrl: %w", err)
	}
	if err := checkHost(target.Address()); err != nil {
		return sip.Target{}, fmt.Errorf("sipUrl: %w", err)
	}
	return target, nil
}

// Files returns the files that phones load, in the order of the record. There is at least one if there is no error.
func (a Announcement) Files() ([]File, error) {
	switch u, err := url.Parse(a.FirmwareURL); {
	case a.FirmwareURL == "":
		return nil, errors.New("firmwareUrl is missing; want one such as http://192.0.2.10/")
	case err != nil, !isHTTP(u):
		return nil, fmt.Errorf("%q is not the URL of an HTTP server; want firmwareUrl such as http://192.0.2.10/", a.FirmwareURL)
	case checkHost(u.Host) != nil:
		return nil, fmt.Errorf("firmwareUrl: %w", checkHost(u.Host))
	}
	var files []File
	for _, model := range a.models {
		if f, ok := a.file(model); ok {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("it has firmwareUrl and no file that a phone loads; want one such as D65File=2_8_1_D65_firmware.eff")
	}
	return files, nil
}

// file returns the file of a model, if a phone can ask for it.
func (a Announcement) file(model string) (f File, ok bool) {
	e := a.values[model+fileSuffix]
	u, err := url.Parse(a.FirmwareURL + e.value)
	if model == noMulticast || e.value == "" || err != nil || !isHTTP(u) {
		return File{}, false
	}
	return File{Model: model, Path: e.value, URL: u.String(), Index: e.index}, true
}

func isHTTP(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}
