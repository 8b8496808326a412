package phones

import (
	"encoding/xml"
	"net/url"
	"strings"
)

// xmlFirmwares are the elements of a phone's configuration that say where its firmware is.
type xmlFirmwares struct {
	XMLName  xml.Name
	Firmware []xmlFirmware
}

type xmlFirmware struct {
	XMLName xml.Name
	Model   string `xml:"model,attr"`
	Version string `xml:"version,attr"`
	URL     string `xml:"url,attr"`
}

// firmwares makes an element whose children have the same name without the "s".
func (r Release) firmwares(name, base string) xmlFirmwares {
	all := xmlFirmwares{XMLName: xml.Name{Local: name}}
	for _, image := range r.Images {
		path := url.URL{Path: image.Path}
		all.Firmware = append(all.Firmware, xmlFirmware{
			xml.Name{Local: strings.TrimSuffix(name, "s")}, image.Model, r.Version, strings.TrimSuffix(base, "/") + "/" + path.EscapedPath(),
		})
	}
	return all
}

// XML returns the <firmwares> element of a phone's configuration, for files below url, and behind it, unless publicURL is
// "", the <public_firmwares> that a phone falls back to.
func (r Release) XML(url, publicURL string) ([]byte, error) {
	elements := []any{r.firmwares("firmwares", url)}
	if publicURL != "" {
		elements = append(elements, r.firmwares("public_firmwares", publicURL))
	}
	var out []byte
	for _, element := range elements {
		text, err := marshal(element)
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
	}
	return out, nil
}

// xmlSetting is a setting of a phone's configuration.
type xmlSetting struct {
	ID    string `xml:"id,attr"`
	Value string `xml:"value,attr"`
}

// Config returns a whole configuration, as a phone fetches it, with <firmwares> and, unless configServer is "", the setting
// config_server_url, which points a phone that has been configured to another server. configServer has the form of
// [CheckConfigServer].
func (r Release) Config(url, configServer string) ([]byte, error) {
	config := struct {
		XMLName   xml.Name     `xml:"config"`
		Settings  []xmlSetting `xml:"setting"`
		Firmwares xmlFirmwares
	}{Firmwares: r.firmwares("firmwares", url)}
	if configServer != "" {
		config.Settings = []xmlSetting{{"config_server_url", configServer}}
	}
	text, err := marshal(config)
	return append([]byte(xml.Header), text...), err
}

// marshal writes an element with the ends of empty ones in short.
func marshal(element any) ([]byte, error) {
	text, err := xml.MarshalIndent(element, "", "  ")
	short := strings.NewReplacer("></firmware>", " />", "></setting>", " />", "></public_firmware>", " />").Replace(string(text))
	return []byte(short + "\n"), err
}
