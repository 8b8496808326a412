package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/fleet"
	"announcer/internal/mdns/browse"
	"announcer/internal/status"
)

const schemaFile = "../../docs/json.schema.json"

var updateSchema = flag.Bool("update-schema", false, "write docs/json.schema.json")

// outputs are the types of what the commands print with --json, by the headings of docs/json.md.
var outputs = map[string]reflect.Type{
	"announcer list --json":            reflect.TypeFor[listOutput](),
	"announcer validate --json":        reflect.TypeFor[validateOutput](),
	"announcer verify --json":          reflect.TypeFor[verifyOutput](),
	"announcer doctor --json":          reflect.TypeFor[doctorOutput](),
	"announcer browse --json":          reflect.TypeFor[typesOutput](),
	"announcer browse TYPE --json":     reflect.TypeFor[servicesOutput](),
	"announcer browse --follow --json": reflect.TypeFor[changeOutput](),
	"announcer resolve NAME --json":    reflect.TypeFor[serviceOutput](),
	"announcer resolve HOST --json":    reflect.TypeFor[hostsOutput](),
	"announcer restart --json":         reflect.TypeFor[restartOutput](),
	"announcer firmware scan --json":   reflect.TypeFor[scanOutput](),
	"announcer firmware serve --json":  reflect.TypeFor[serveOutput](),
	"announcer dhcp decode --json":     reflect.TypeFor[decodeOutput](),
	"announcer sites --json":           reflect.TypeFor[sitesOutput](),
	"announcer sites --watch --json":   reflect.TypeFor[siteOutput](),
	"The presence of a host":           reflect.TypeFor[fleet.Presence](),
	"announcer status --json":          reflect.TypeFor[status.Status](),
	"announcer reload --json":          reflect.TypeFor[status.ReloadReport](),
	"announcer watch --json":           reflect.TypeFor[status.EventReport](),
}

// schema is the part of JSON Schema that the outputs need.
type schema struct {
	Schema     string             `json:"$schema,omitempty"`
	Type       string             `json:"type,omitempty"`
	Format     string             `json:"format,omitempty"`
	AnyOf      []*schema          `json:"anyOf,omitempty"`
	Const      any                `json:"const,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	Defs       map[string]*schema `json:"$defs,omitempty"`
}

// schemaOf returns the schema of what a type becomes in JSON.
func schemaOf(t reflect.Type) *schema {
	switch {
	case t == reflect.TypeFor[config.RawTXT]():
		text := &schema{Type: "string"}
		return &schema{AnyOf: []*schema{text, {Type: "object", Properties: map[string]*schema{"key": text, "base64": text}, Required: []string{"base64"}}}}
	case t == reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return &schema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		return &schema{Type: "array", Items: schemaOf(t.Elem())}
	case reflect.Struct:
		s := &schema{Type: "object", Properties: map[string]*schema{}}
		s.addFields(t)
		return s
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Float64:
		return &schema{Type: "number"}
	}
	return &schema{Type: "integer"}
}

func (s *schema) addFields(t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.addFields(f.Type)
		case f.IsExported() && name != "-":
			s.Properties[name] = schemaOf(f.Type)
			if options == "" {
				s.Required = append(s.Required, name)
			}
		}
	}
}

// outputSchemas returns the schemas of all outputs. The version is the one of now.
func outputSchemas() *schema {
	all := &schema{Schema: "https://json-schema.org/draft/2020-12/schema", Defs: map[string]*schema{}}
	for heading, t := range outputs {
		s := schemaOf(t)
		s.Properties["version"].Const = formatVersion
		all.Defs[heading] = s
	}
	return all
}

// check reports where a value of encoding/json does not follow the schema, or has a field that the schema lacks.
func (s *schema) check(path string, value any) []string {
	if s.AnyOf != nil {
		if slices.ContainsFunc(s.AnyOf, func(one *schema) bool { return one.check(path, value) == nil }) {
			return nil
		}
		return []string{fmt.Sprintf("%s: %v is none of the alternatives", path, value)}
	}
	if s.Const != nil && fmt.Sprint(s.Const) != fmt.Sprint(value) {
		return []string{fmt.Sprintf("%s: %v; want %v", path, value, s.Const)}
	}
	var faults []string
	switch v := value.(type) {
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				faults = append(faults, fmt.Sprintf("%s: %s is missing", path, name))
			}
		}
		for name, part := range v {
			if known := s.Properties[name]; known != nil {
				faults = append(faults, known.check(path+"."+name, part)...)
			} else {
				faults = append(faults, fmt.Sprintf("%s: %s is not in the schema", path, name))
			}
		}
	case []any:
		for i, part := range v {
			if s.Items != nil {
				faults = append(faults, s.Items.check(fmt.Sprintf("%s[%d]", path, i), part)...)
			}
		}
	}
	if !hasType(value, s.Type) {
		faults = append(faults, fmt.Sprintf("%s: %v; want %s", path, value, s.Type))
	}
	if text, ok := value.(string); ok && s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", path, err))
		}
	}
	return faults
}

func hasType(value any, want string) bool {
	switch v := value.(type) {
	case map[string]any:
		return want == "object"
	case []any:
		return want == "array"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && v == math.Trunc(v)
	}
	return false
}

// paths lists the fields of a schema: "links[].traffic.heard".
func (s *schema) paths(path string) []string {
	switch {
	case s.Items != nil:
		return s.Items.paths(path + "[]")
	case s.Properties == nil:
		return []string{path}
	}
	var all []string
	for name, part := range s.Properties {
		all = append(all, part.paths(strings.TrimPrefix(path+"."+name, "."))...)
	}
	return all
}

// TestSchemaFile wants the schema in docs/ to be the one of the types. The flag -update-schema writes it.
func TestSchemaFile(t *testing.T) {
	want, err := json.MarshalIndent(outputSchemas(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *updateSchema {
		if err := os.WriteFile(schemaFile, want, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/json.schema.json is not what the types say; run go test ./cmd/announcer -run TestSchemaFile -update-schema, and follow it in docs/json.md")
	}
}

// TestSchemaDocumentation wants docs/json.md to describe every field of every output, and no other.
func TestSchemaDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(body, -1) {
			documented[heading] = append(documented[heading], m[1])
		}
	}
	all := outputSchemas().Defs
	for _, heading := range slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(slices.Collect(maps.Keys(all)), maps.Keys(documented))))) {
		t.Run(heading, func(t *testing.T) {
			if all[heading] == nil {
				t.Fatal("no command has this output")
			}
			got, want := slices.Sorted(slices.Values(documented[heading])), slices.Sorted(slices.Values(all[heading].paths("")))
			if !slices.Equal(got, want) {
				t.Errorf("documented are\n%q, want\n%q", got, want)
			}
		})
	}
}

// TestSchemaWords wants one word for one thing: a link, a sender, seconds.
func TestSchemaWords(t *testing.T) {
	for heading, s := range outputSchemas().Defs {
		t.Run(heading, func(t *testing.T) {
			if s.Properties["version"] == nil || !slices.Contains(s.Required, "version") {
				t.Error("no version")
			}
			for _, path := range s.paths("") {
				if regexp.MustCompile(`(?i)iface|interface|nanosec|millisec|asked.*host$`).MatchString(path) {
					t.Errorf("%s; want link, from or seconds", path)
				}
			}
		})
	}
}

// TestSchemaOfOutput wants what the commands print to follow the schema.
func TestSchemaOfOutput(t *testing.T) {
	dir := t.TempDir()
	service := filepath.Join(dir, "a.service")
	definition := `<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd"><service-group><name>A</name>` +
		`<service><type>_digiumproxy._udp</type><port>5060</port><txt-record>sipUrl=x</txt-record></service></service-group>`
	if err := os.WriteFile(service, []byte(definition), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2_8_1_D40_firmware.eff"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		heading string
		args    []string
	}{
		{"announcer list --json", []string{"list", "--json", "-i", "lo", service}},
		{"announcer validate --json", []string{"validate", "--json", service}},
		{"announcer verify --json", []string{"verify", "--json", "-i", "lo", "--wait", "100ms", service}},
		{"announcer doctor --json", []string{"doctor", "--json", "-i", "lo", "--wait", "100ms", service}},
		{"announcer browse --json", []string{"browse", "--json", "-i", "lo", "--wait", "100ms"}},
		{"announcer browse TYPE --json", []string{"browse", "--json", "-i", "lo", "--wait", "100ms", "_digiumproxy._udp"}},
		{"announcer restart --json", []string{"restart", "--dry-run", "--json", "192.0.2.1"}},
		{"announcer firmware scan --json", []string{"firmware", "scan", "--json", dir}},
		{"announcer dhcp decode --json", []string{"dhcp", "decode", "--json", "digium_D40_1_4_0_0_63880"}},
	} {
		t.Run(c.heading, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			run(c.args, &stdout, &stderr)
			checkOutput(t, c.heading, stdout.Bytes(), stderr.String())
		})
	}
}

// TestSchemaOfValues wants outputs with every part to follow the schema.
func TestSchemaOfValues(t *testing.T) {
	entry := shownService{Addresses: []netip.Addr{}, TXT: []config.RawTXT{{Text: "a=b"}, config.NewRawTXT("a=\xff")}, From: []shownSender{{MAC: "00:0f:d3:00:00:01"}}}
	for heading, v := range map[string]any{
		"announcer verify --json":          verifyOutput{formatVersion, []verdict{{Result: browse.Differs, Service: entry, Differences: []browse.Difference{{}}}}, diag.Findings{}},
		"announcer browse --follow --json": changeOutput{formatVersion, browse.Added, entry},
		"announcer resolve NAME --json":    serviceOutput{formatVersion, entry},
		"announcer resolve HOST --json":    hostsOutput{formatVersion, []shownHost{{Addresses: []netip.Addr{}, From: []shownSender{}}}},
		"announcer firmware serve --json":  serveOutput{formatVersion, []status.Image{{}}, "http://127.0.0.1:9353/", &announcedService{}, &status.Transfer{}, 3},
		"announcer sites --json":           sitesOutput{formatVersion, 7, []fleet.Row{{Problems: []string{}}, {Problems: []string{}, Presence: &samplePresence}}},
		"announcer sites --watch --json":   siteOutput{formatVersion, fleet.Row{Problems: []string{}}},
		"The presence of a host":           samplePresence,
		"announcer watch --json":           status.EventReport{Version: status.Version, Event: status.Event{Asked: &status.AskedEvent{}, Event: &status.WireEvent{}, Missed: 3}},
	} {
		t.Run(heading, func(t *testing.T) {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			checkOutput(t, heading, data, "")
		})
	}
}

// samplePresence is the presence of a host with every part.
var samplePresence = fleet.Presence{
	Version: status.Version, Services: fleet.Services{Names: []string{"PBX"}}, Refused: []fleet.Refused{{}}, Others: []fleet.Other{{MAC: "00:0f:d3:00:00:01"}}, Problems: []string{"x"},
}

// checkOutput wants JSON to follow the schema in docs/.
func checkOutput(t *testing.T, heading string, data []byte, stderr string) {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var all schema
	var value any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatalf("%q is no JSON: %v; %s", data, err, stderr)
	}
	for _, fault := range all.Defs[heading].check("", value) {
		t.Error(fault)
	}
}
