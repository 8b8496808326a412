package convert

import (
	"bytes"

	"announcer/internal/config"
	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/publication"
	"announcer/internal/strict"
)

// JSON is the format of [Document].
const JSON Format = "json"

func init() {
	register(codec{JSON, ".json", 3, decodeJSON, encodeJSON})
}

// schemaVersion changes when a reader of the shape before would not understand the new one.
const schemaVersion = 1

// Document is the shape of definitions in JSON:
//
//	{
//	  "version": 1,
//	  "groups": [
//	    {
//	      "name": "PBX on %h",
//	      "replace_wildcards": true,
//	      "interfaces": ["eth0"],
//	      "on_conflict": "standby",
//	      "services": [
//	        {
//	          "type": "_digiumproxy._udp",
//	          "protocol": "ipv4",
//	          "subtypes": ["_a1._sub._digiumproxy._udp"],
//	          "domain": "local",
//	          "host": "sw.local",
//	          "addresses": ["192.0.2.20"],
//	          "port": 5060,
//	          "txt": ["key=value", {"key": "k", "base64": "AP8="}, {"base64": "/w=="}]
//	        }
//	      ]
//	    }
//	  ]
//	}
//
// All but the version, the name, the services, their type and port can be missing, and are where they have their
// default value. The strings of the TXT record are in order; the form with Base64 is for what is not UTF-8: its
// string is the key, "=" and the bytes, or without a key the bytes alone.
type Document struct {
	Version int64             `json:"version"`
	Groups  []config.RawGroup `json:"groups"`
}

func decodeJSON(file string, data []byte, _ string) *definition.File {
	doc := strict.JSON(file, data)
	written := &definition.File{Found: doc.Found}
	if doc.Found.Errors() > 0 {
		return written
	}
	var raw Document
	doc.Into(&raw)
	if raw.Version != schemaVersion {
		doc.Errorf(strict.Path("").Key("version"), "the version of the format is %d; want %d", raw.Version, schemaVersion)
	}
	for i, group := range raw.Groups {
		p := strict.Path("").Key("groups").Index(i)
		written.Groups = append(written.Groups, group.Definition(doc, p, publication.DefaultPolicy))
	}
	return written
}

func encodeJSON(defs []Definition, _ string) ([]File, diag.Findings) {
	var b bytes.Buffer
	if err := escape.WriteJSON(&b, Document{schemaVersion, rawGroups(defs)}); err != nil {
		return nil, diag.Findings{{Severity: diag.Error, Text: err.Error()}}
	}
	return []File{{name(defs) + ".json", b.Bytes()}}, nil
}
