package phones

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"announcer/internal/dnsname"
)

// ServiceType is the service type that phones in factory state browse.
var ServiceType = dnsname.MustParse("_digiumproxy._udp")

// noMulticast is the one model that the vendor excepts from finding its server by multicast DNS.
const noMulticast = "D80"

// models are those that the vendor's documents name.
var models = []string{
	"D40", "D45", "D50", "D60", "D62", "D65", "D70", noMulticast,
	"P310", "P315", "P320", "P325", "P330", "P370",
}

// Known reports whether the vendor's documents name a model, such as D40. D80 is one of them.
func Known(model string) bool { return slices.Contains(models, model) }

const (
	modelPattern   = `[A-Z]{1,2}[0-9]{2,3}`
	versionPattern = `[0-9]+(?:_[0-9A-Za-z]+)*` // the last part may be a build number, which can be hexadecimal
)

var imageName = regexp.MustCompile(`^(` + versionPattern + `)_(` + modelPattern + `)_firmware\.eff$`)

// parseImageName takes the name of a firmware file apart: VERSION_MODEL_firmware.eff.
func parseImageName(name string) (version, model string, ok bool) {
	if m := imageName.FindStringSubmatch(name); m != nil {
		return m[1], m[2], true
	}
	return "", "", false
}

var firmwareVersion = regexp.MustCompile(`^` + versionPattern + `$`)

// CheckVersion checks a version in the spelling of phones: numbers with underscores between them, of which the last
// can be a build number in hexadecimal.
func CheckVersion(version string) error {
	spelled := strings.ReplaceAll(version, ".", "_")
	switch {
	case firmwareVersion.MatchString(version):
		return nil
	case firmwareVersion.MatchString(spelled):
		return fmt.Errorf("%q has dots, and phones compare it with a spelling that has underscores; want %s", version, spelled)
	}
	return fmt.Errorf("%q is not a firmware version; want one such as 2_8_1", version)
}

var modelForm = regexp.MustCompile(`^` + modelPattern + `$`)

// CheckModel checks that a model can load a file that is announced for it. It need not be [Known].
func CheckModel(model string) error {
	switch {
	case !modelForm.MatchString(model):
		return fmt.Errorf("%q is not a model; want one such as D40, in capitals", model)
	case model == noMulticast:
		return errors.New("the D80 is the one model that does not look for its server this way; want no file for it")
	}
	return nil
}

// CheckFile checks the path of the file of a model, which phones are assumed to append to firmwareUrl.
func CheckFile(model, file string) error {
	example := "eff/2_8_1/2_8_1_" + model + "_firmware.eff"
	switch {
	case file == "":
		return fmt.Errorf("the file has no path; want one such as %s", example)
	case strings.HasPrefix(file, "/"), strings.Contains(file, "://"):
		return fmt.Errorf("%q is absolute; phones are assumed to append it to firmwareUrl; want it relative, such as %s", file, example)
	case strings.ContainsFunc(file, unicode.IsSpace), strings.ContainsAny(file, `\?#`), path.Clean(file) != file, file == ".", file == "..", strings.HasPrefix(file, "../"), !isPath(file):
		return fmt.Errorf("%q is not a relative path below firmwareUrl; want one such as %s", file, example)
	}
	return nil
}

// isPath reports whether a URL can hold a path as it is.
func isPath(text string) bool {
	_, err := url.Parse("http://192.0.2.10/" + text)
	return err == nil && utf8.ValidString(text)
}
