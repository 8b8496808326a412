package services

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
)

const (
	maxTXTString   = 255  // RFC 6763 §6.1
	adviceTXT      = 1300 // RFC 6763 §6.2: more is not recommended
	maxTXT         = 8900 // what is left of 9000 bytes (RFC 6762 §17) beside headers and a name
	maxServiceName = 15   // RFC 6335 §5.1

	codeWhiteSpace = "service/white-space"
)

// Field names a part of a group or service, so that the reader of a file can report where that part was written.
type Field uint8

// The parts that a [Problem] can be about.
const (
	NameField Field = iota
	ServiceField
	TypeField
	SubtypeField
	DomainField
	HostField
	PortField
	TXTField
	AddressField
	CheckField // not of the group itself: how to check whether it answers
)

// Problem is something wrong with a group.
type Problem struct {
	Service  int // index of the service; -1: the group
	Field    Field
	Index    int // index among the subtypes, TXT strings or addresses of the service
	Severity diag.Severity
	Code     string // as in [diag.Finding]
	Text     string // what is wrong; what would be right
}

// Lint is a check of a group that goes beyond the rules of this package, such as what one kind of device expects.
type Lint func(Group) []Problem

// Check returns every problem of a group that is published on the given host (its name without the domain).
// A group with a problem that is an error can't be published. What the lints find comes last.
func (g Group) Check(host string, lints ...Lint) []Problem {
	c := checker{group: g, host: host, instance: g.Instance(host), named: map[string][]int{}}
	c.name()
	for i := range g.Services {
		c.service(i)
	}
	if len(g.Services) == 0 {
		c.errorf(-1, ServiceField, 0, "the group has no service; want at least one")
	}
	for _, lint := range lints {
		c.problems = append(c.problems, lint(g)...)
	}
	return c.problems
}

type checker struct {
	group    Group
	host     string
	instance string
	named    map[string][]int // by type and domain: the services that have the group's name, at most one for each protocol
	problems []Problem
}

func (c *checker) errorf(service int, f Field, index int, format string, args ...any) {
	c.problems = append(c.problems, Problem{Service: service, Field: f, Index: index, Severity: diag.Error, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) warnf(service int, f Field, index int, format string, args ...any) {
	c.problems = append(c.problems, Problem{Service: service, Field: f, Index: index, Severity: diag.Warning, Text: fmt.Sprintf(format, args...)})
}

// code sets the code of the problem that was found last.
func (c *checker) code(code string) { c.problems[len(c.problems)-1].Code = code }

func (c *checker) name() {
	if _, err := ParseName(c.group.Name); err != nil {
		c.errorf(-1, NameField, 0, "%v", err)
		return
	}
	switch trimmed := strings.TrimSpace(c.group.Name); {
	case trimmed == "":
		c.warnf(-1, NameField, 0, "the name %q is only white space; want text that people can read", c.group.Name)
		c.code(codeWhiteSpace)
	case trimmed != c.group.Name:
		c.warnf(-1, NameField, 0, "the white space around %q is published too; want %q", c.group.Name, trimmed)
		c.code(codeWhiteSpace)
	}
	c.controls(-1, NameField, "name", strings.TrimSpace(c.group.Name))
	if n := len(c.instance); n > dnsname.MaxLabel {
		c.errorf(-1, NameField, 0, "the name %q has %d bytes, at most %d; want a shorter one", c.instance, n, dnsname.MaxLabel)
	}
	if utf8.ValidString(c.instance) && !norm.NFC.IsNormalString(c.instance) {
		c.warnf(-1, NameField, 0, "the name %q is not in Unicode's composed form (NFC), so that it differs from the same name typed elsewhere; want %q",
			c.instance, norm.NFC.String(c.instance))
	}
}

// controls warns of control characters in a name that people and programs show: they end a line, or steer a terminal. An
// instance name must not have them (RFC 6763 §4.1.1), and some browsers end at one.
func (c *checker) controls(service int, f Field, what, text string) {
	i := strings.IndexFunc(text, isControl)
	if i < 0 {
		return
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	c.warnf(service, f, 0, "the %s %q has the control character %U, which some programs can't read; want text without it", what, text, r)
	c.code("service/control-character")
}

// isControl reports whether a character is for control: C0, DEL, C1, and the separators of lines and paragraphs.
func isControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// portless are the types of which port 0 is no mistake: what describes the host or its volumes has no server, and a
// printer without the LPR protocol keeps its name by an SRV record with port 0 (RFC 6763 §8).
var portless = map[string]bool{
	dnsname.MustParse("_device-info._tcp").Key(): true,
	dnsname.MustParse("_adisk._tcp").Key():       true,
	dnsname.MustParse("_printer._tcp").Key():     true,
}

func (c *checker) service(i int) {
	s := c.group.Services[i]
	if s.Type.IsZero() {
		c.errorf(i, ServiceField, 0, "the service has no type; want one, such as _digiumproxy._udp")
	} else {
		c.typeAndDomain(i, s)
		c.twice(i, s)
	}
	c.foreignHost(i, s)
	if s.Port == 0 && !s.Type.IsZero() && !portless[s.Type.Key()] {
		c.warnf(i, PortField, 0, "the port is 0 or missing, which means that there is no server; want 1 to 65535 for a server")
		c.code("service/port-zero")
	}
	c.txt(i, s)
}

// typeAndDomain checks the length of the names that are made of the parts (RFC 1035 §2.3.4).
func (c *checker) typeAndDomain(i int, s Service) {
	if n := len(s.Type.Label()) - 1; n > maxServiceName {
		c.warnf(i, TypeField, 0, "the type %s has a name of %d characters; the most is %d (RFC 6335), and some programs keep to that", s.Type, n, maxServiceName)
	}
	c.controls(i, TypeField, "type", labelsOf(s.Type))
	c.controls(i, DomainField, "domain", labelsOf(s.Domain))
	under, err := s.Type.Join(s.In())
	if err == nil && c.instance != "" && len(c.instance) <= dnsname.MaxLabel {
		_, err = under.Child(c.instance)
	}
	if err != nil {
		c.errorf(i, TypeField, 0, "the full name of the service is too long: %v", err)
	}
	for j, sub := range s.Subtypes {
		if _, err := sub.Join(s.In()); err != nil {
			c.errorf(i, SubtypeField, j, "the full name of the subtype is too long: %v", err)
		}
	}
}

func (c *checker) foreignHost(i int, s Service) {
	c.controls(i, HostField, "host name", labelsOf(s.Host))
	own, err := dnsname.Local.Child(c.host)
	isOwn := s.Host.IsZero() || err == nil && s.Host.Equal(own)
	switch {
	case isOwn && len(s.Addresses) > 0:
		c.errorf(i, AddressField, 0, "the addresses are for another host, and the service is on this one; want a host, or no addresses")
	case !isOwn && len(s.Addresses) == 0 && s.Host.HasSuffix(dnsname.Local):
		c.warnf(i, HostField, 0, "no address is published for %s; the service is usable only if that host answers by multicast itself", s.Host)
	}
	for j, a := range s.Addresses {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Is4In6() || a.Zone() != "" {
			c.errorf(i, AddressField, j, "%s is not the address of a host; want one such as 192.0.2.20 or 2001:db8::20", a)
		}
	}
}

func (c *checker) txt(i int, s Service) {
	for j, t := range s.TXT {
		if _, err := ParseTXT(t); err != nil {
			c.errorf(i, TXTField, j, "%v", err)
		} else if trimmed := strings.TrimSpace(t); trimmed != t {
			c.warnf(i, TXTField, j, "the white space around %q is published too; want %q", t, trimmed)
			c.code(codeWhiteSpace)
		}
	}
	switch size := s.TXT.Size(); {
	case size > maxTXT:
		c.errorf(i, TXTField, len(s.TXT)-1, "the TXT strings take %d bytes, %d too many; the most that a packet carries is %d", size, size-maxTXT, maxTXT)
	case size > adviceTXT:
		c.warnf(i, TXTField, len(s.TXT)-1, "the TXT strings take %d bytes; over %d they don't fit an ordinary packet, and not every device takes a larger one", size, adviceTXT)
	}
}

// labelsOf returns the text of the labels of a name, without escapes.
func labelsOf(name dnsname.Name) string { return strings.Join(name.Labels(), ".") }

// twice warns of a service that an earlier one of the group keeps from having the group's name. Which name it gets depends
// on the other groups, too.
func (c *checker) twice(i int, s Service) {
	key := s.Type.Key() + s.In().Key()
	for _, j := range c.named[key] {
		earlier := c.group.Services[j]
		if s.Collides(earlier) {
			c.warnf(i, ServiceField, 0, "service %d of this group is %s too, with other data; one name can't belong to both, so this one is published under the next free name (Avahi drops the whole group); want a separate group with another name",
				j+1, s.Type)
			c.code("service/same-type")
			return
		}
		if s.Protocol == earlier.Protocol {
			return // it says the same again
		}
	}
	c.named[key] = append(c.named[key], i)
}
