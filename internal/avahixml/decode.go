package avahixml

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"announcer/internal/avahixml/xmltree"
	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/internal/publication"
	"announcer/services"
)

// Decode reads a service file. The file that it returns has one group, or none if the root is not a <service-group>.
// Each finding has its place in the file; what resembles an element that is known is read as that element, so that one
// error does not hide the next. The group is not checked yet.
//
// Columns count bytes of the text in UTF-8, as editors do that count bytes (see [xmltree.Document.Position]); what
// comes of an entity has the place of the reference to it.
func Decode(file string, data []byte) *definition.File {
	f := definition.New(file)
	if len(data) > MaxSize {
		f.Found.Addf(diag.Error, 0, "", "the file has %d bytes; the most is %d", len(data), MaxSize)
		return f
	}
	d := decoder{found: f.Found, doc: xmltree.Parse(data), places: map[place]spot{}, said: map[place]bool{}}
	if root := d.doc.Root; root != nil && d.meant(root, "") != "" {
		d.root = root
		d.serviceGroup(root)
		f.Groups = []definition.Group{{Publication: publication.Publication{ID: file, Group: d.group}, Places: &d}}
	}
	for _, r := range d.doc.Dropped {
		d.warnf(r.At, r.Element, "the text of the entity &%s; is not in this file, and is left out; want the text itself, or &amp; for a plain &", r.Name)
	}
	if err := d.doc.Err; err != nil {
		d.errorf(err.At, err.Element, "%s", err.Text)
	}
	if len(f.Groups) > 0 {
		f.Groups[0].Faulty = f.Found.Errors() > 0
	}
	return f
}

// decoder turns the tree of a file into a group, and remembers the places of its parts.
type decoder struct {
	found     *diag.Collector
	doc       *xmltree.Document
	root      *xmltree.Element
	group     services.Group
	elements  []*xmltree.Element // of the services of the group
	places    map[place]spot
	said      map[place]bool // what has an error that is reported
	misplaced bool           // an element that Avahi knows stands where it doesn't count
}

// place is a part of the group, as in [services.Problem].
type place struct {
	service int
	field   services.Field
	index   int
}

// spot is where a part was written.
type spot struct {
	at      int
	element string
}

// field is the text of an element; elements of one name are joined.
type field struct {
	spot
	text    strings.Builder
	written bool
}

// join adds the text of an element to a field.
func (d *decoder) join(f *field, e *xmltree.Element, name string) {
	d.noChildren(e)
	if !e.Closed {
		return
	}
	if f.written {
		d.warnf(e.At, e.Name, "its text is joined to that of the <%s> before it; want one <%[1]s>", name)
	}
	if f.text.Len() == 0 {
		f.spot = textSpot(e)
	}
	f.written = true
	for _, piece := range e.Text {
		f.text.WriteString(piece.Text)
		if at := strings.Index(piece.Text, "%h"); name != "name" && at >= 0 {
			d.warnf(d.doc.Within(piece, at), e.Name, `"%%h" means the name of the host in <name> alone, not here; want that name itself`)
		}
	}
}

// textSpot returns the place of the text in an element.
func textSpot(e *xmltree.Element) spot {
	if len(e.Text) > 0 {
		return spot{e.Text[0].At, e.Name}
	}
	return spot{e.At, e.Name}
}

// parseText turns the text of a field into a value, and warns of white space around it.
func parseText[T any](d *decoder, f *field, parse func(string) (T, error)) (T, error) {
	text := f.text.String()
	value, err := parse(text)
	if trimmed := trim(text); trimmed != text {
		_, trimmedErr := parse(trimmed)
		switch {
		case err == nil:
			d.warnf(f.at, f.element, "the white space around %q is published too; want %q", text, trimmed)
		case trimmedErr == nil:
			err = fmt.Errorf("there is white space around %q; want %q", text, trimmed)
		}
	}
	return value, err
}

// parseOptional is parseText for what may be absent or empty. It complains of what is refused.
func parseOptional[T any](d *decoder, f *field, here place, parse func(string) (T, error)) (v T) {
	if f.text.Len() == 0 {
		return v
	}
	v, err := parseText(d, f, parse)
	if err != nil {
		d.errorf(f.at, f.element, "%v", err)
		d.said[here] = true
	}
	d.places[here] = f.spot
	return v
}

func (d *decoder) serviceGroup(e *xmltree.Element) {
	d.attribute(e, "service-group")
	d.noText(e)
	var name field
	hasAttribute := false // or a mistyped one
	for _, child := range e.Children {
		switch d.meant(child, "service-group") {
		case "name":
			if a, ok := d.attribute(child, "name"); ok {
				d.wildcards(a, child)
			}
			hasAttribute = hasAttribute || len(child.Attributes) > 0
			d.join(&name, child, "name")
		case "service":
			d.service(child)
		}
	}
	if e.Closed || name.written {
		d.name(e, &name, hasAttribute)
	}
}

func (d *decoder) wildcards(a xmltree.Attribute, e *xmltree.Element) {
	d.group.Wildcards = a.Value == "yes"
	if a.Value != "yes" && a.Value != "no" {
		d.warnf(a.ValueAt, e.Name, `replace-wildcards=%q means "no"; want "yes" or "no"`, a.Value)
	}
}

// name settles the name of the group.
func (d *decoder) name(root *xmltree.Element, name *field, hasAttribute bool) {
	here := place{-1, services.NameField, 0}
	d.places[here] = name.spot
	if !name.written {
		d.said[here] = true
		if !d.misplaced {
			d.errorf(root.At, root.Name, "there is no name; want a <name> in it")
		}
		return
	}
	var err error
	if d.group.Name, err = services.ParseName(name.text.String()); err != nil {
		d.said[here] = true
		d.errorf(name.at, name.element, "%v", err)
	}
	if !hasAttribute && strings.Contains(d.group.Name, "%h") {
		d.warnf(name.at, name.element, `"%%h" is published literally; want replace-wildcards="yes" if it is to be the name of the host`)
	}
}

func (d *decoder) service(e *xmltree.Element) {
	i := len(d.group.Services)
	var s services.Service
	if a, ok := d.attribute(e, "service"); ok {
		if s.Protocol, ok = services.ParseProtocol(a.Value); !ok {
			d.errorf(a.ValueAt, e.Name, "%q is not a protocol; want any, ipv4 or ipv6", a.Value)
		}
	}
	d.noText(e)
	var serviceType, domain, host field
	for _, child := range e.Children {
		element := d.meant(child, "service")
		if element == "" {
			continue
		}
		format, hasFormat := d.attribute(child, element)
		switch element {
		case "type":
			d.join(&serviceType, child, element)
		case "domain-name":
			d.join(&domain, child, element)
		case "host-name":
			d.join(&host, child, element)
		case "subtype":
			d.subtype(&s, place{i, services.SubtypeField, len(s.Subtypes)}, child)
		case "port":
			d.port(&s, place{i, services.PortField, 0}, child)
		case "txt-record":
			d.txtRecord(&s, place{i, services.TXTField, len(s.TXT)}, child, format, hasFormat)
		}
	}
	s.Type = parseOptional(d, &serviceType, place{i, services.TypeField, 0}, services.ParseType)
	s.Domain = parseOptional(d, &domain, place{i, services.DomainField, 0}, services.ParseDomain)
	s.Host = parseOptional(d, &host, place{i, services.HostField, 0}, services.ParseHost)
	d.group.Services = append(d.group.Services, s)
	d.elements = append(d.elements, e)
}

// subtype adds a subtype. One that is wrong is left out, as in Avahi.
func (d *decoder) subtype(s *services.Service, here place, e *xmltree.Element) {
	var f field
	d.join(&f, e, "subtype")
	if !e.Closed {
		return
	}
	subtype, err := parseText(d, &f, services.ParseSubtype)
	if err != nil {
		d.warnf(f.at, f.element, "the service is published without this subtype: %v", err)
		return
	}
	d.places[here] = f.spot
	s.Subtypes = append(s.Subtypes, subtype)
}

// port sets the port as C's atoi reads it, which is how Avahi does it, except that text which is not a number is an
// error: atoi makes 0 of it. The last port counts.
func (d *decoder) port(s *services.Service, here place, e *xmltree.Element) {
	if _, again := d.places[here]; again {
		d.warnf(e.At, e.Name, "it takes the place of the <port> before it; want one <port>")
	}
	var f field
	d.join(&f, e, "port")
	if !e.Closed {
		return
	}
	text := f.text.String()
	n, isPlain := atoi(text)
	d.places[here] = f.spot
	d.said[here] = true
	s.Port = uint16(n)
	switch {
	case n < 0 || n > 65535:
		s.Port = 0
		d.errorf(f.at, f.element, "%q is not a port; want a number from 1 to 65535", text)
	case isPlain || trim(text) == "":
		d.said[here] = false
	case n == 0 && strings.Trim(text, " \t\r\n+-0") != "":
		d.errorf(f.at, f.element, "%q is not a port (Avahi publishes port 0); want a number from 1 to 65535", text)
	default:
		d.warnf(f.at, f.element, "%q is not a port, and means port %d; want %[2]d", text, n)
	}
}

// atoi reads a number as C does: white space, a sign, digits, and whatever follows them. isPlain says that there
// are digits alone. What is too large for a port stays so.
func atoi(text string) (n int, isPlain bool) {
	number := strings.TrimLeft(text, " \t\n\v\f\r")
	digits := strings.TrimPrefix(number, "-")
	if digits == number {
		digits = strings.TrimPrefix(number, "+")
	}
	if end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' }); end >= 0 {
		digits = digits[:end]
	}
	n, err := strconv.Atoi(digits)
	if errors.Is(err, strconv.ErrRange) {
		n = 1 << 20
	}
	if strings.HasPrefix(number, "-") {
		n = -n
	}
	return n, digits == text && digits != ""
}

func (d *decoder) txtRecord(s *services.Service, here place, e *xmltree.Element, attribute xmltree.Attribute, hasFormat bool) {
	format, known := txtFormats[attribute.Value]
	if hasFormat && !known {
		d.errorf(attribute.ValueAt, e.Name, "%q is not a format; want text, binary-hex or binary-base64", attribute.Value)
	}
	var f field
	d.join(&f, e, "txt-record")
	if !e.Closed || hasFormat && !known {
		return
	}
	key, value, dropped := splitTXT(e.Text)
	if dropped {
		d.warnf(f.at, f.element, `the "=" at the start is left out; want key=value, or "==" for a string that starts with "="`)
	}
	switch {
	case format.decode != nil && key == "":
		d.warnf(attribute.ValueAt, f.element, "%s is ignored, since there is no key; want key=value", attribute.Value)
	case format.decode != nil:
		decoded, err := format.decode(value)
		if err != nil {
			d.errorf(f.at, f.element, "the value %q is not %s; want %s", value, attribute.Value, format.want)
			return
		}
		value = string(decoded)
	}
	if key != "" {
		value = key + "=" + value
	}
	d.places[here] = f.spot
	s.TXT = append(s.TXT, value)
}

// splitTXT finds the key as Avahi does. The first "=" of each piece of text ends the key, until there is one; where
// no key would stand before it, the "=" is dropped.
func splitTXT(pieces []xmltree.Piece) (key, value string, dropped bool) {
	var text strings.Builder
	for _, piece := range pieces {
		before, after, found := strings.Cut(piece.Text, "=")
		text.WriteString(before)
		switch {
		case !found:
		case key != "":
			text.WriteString("=" + after)
		default:
			dropped = dropped || text.Len() == 0
			key = text.String()
			text.Reset()
			text.WriteString(after)
		}
	}
	return key, text.String(), dropped
}

var txtFormats = map[string]struct {
	decode func(string) ([]byte, error) // nil: the text is the value
	want   string
}{
	"text":          {},
	"binary-hex":    {hex.DecodeString, "pairs of 0-9 and a-f, without spaces"},
	"binary-base64": {decodeBase64, `groups of four of A-Z, a-z, 0-9, + and /, the last filled up with "=", without spaces`},
}

func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the library skips
		return nil, errors.New("there is a line end")
	}
	return base64.StdEncoding.DecodeString(text)
}

// Reported implements [definition.Places]. A missing part may stand in the wrong place, or in the part of the file that
// could not be read.
func (d *decoder) Reported(p services.Problem) bool {
	here := placeOf(p)
	_, written := d.places[here]
	hasBadType := p.Field == services.ServiceField && d.said[place{p.Service, services.TypeField, 0}]
	mayBeElsewhere := !written && (d.misplaced || !d.owner(p).Closed)
	return d.said[here] || hasBadType || mayBeElsewhere
}

// Place implements [definition.Places].
func (d *decoder) Place(p services.Problem) diag.Finding {
	where, written := d.places[placeOf(p)]
	if !written {
		owner := d.owner(p)
		where = spot{owner.At, owner.Name}
	}
	return d.finding(where)
}

func placeOf(p services.Problem) place { return place{p.Service, p.Field, p.Index} }

// owner returns the element of the service that a problem is about, or of the group.
func (d *decoder) owner(p services.Problem) *xmltree.Element {
	if p.Service < 0 {
		return d.root
	}
	return d.elements[p.Service]
}
