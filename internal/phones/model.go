package phones

import (
	"regexp"
	"slices"

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
