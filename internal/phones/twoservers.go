package phones

import (
	"fmt"
	"slices"

	"announcer/internal/diag"
	"announcer/internal/dnsname"
	"announcer/internal/mdns"
)

// twoServersMost is the number of instances that [TwoServers] names.
const twoServersMost = 10

// TwoServers returns a finding for each instance that a phone finds beside an earlier one on the same link: the phone
// stops then, and a person must choose. A finding is about the publication of the later one. After ten, one finding
// counts the rest.
func TwoServers(instances []mdns.Instance) diag.Findings {
	var findings diag.Findings
	var first map[int]*mdns.Instance // by the index of the link
	for i := range instances {
		in := &instances[i]
		if !in.Service.Type.Equal(ServiceType) || in.State != mdns.Probing {
			continue
		}
		if other, ok := beside(in, first); ok {
			findings = append(findings, diag.Finding{File: in.ID, Severity: diag.Danger, Code: CodeTwoServers, Text: fmt.Sprintf(
				"%q is announced beside %q of %s on one link; a phone in factory state that finds more than one server stops and asks a person; want one at a time, or interfaces that keep them apart",
				in.Label, other.Label, other.ID)})
		}
		if first == nil {
			first = make(map[int]*mdns.Instance, len(in.Links))
		}
		for i := range in.Links {
			if index := in.Links[i].Index; first[index] == nil {
				first[index] = in
			}
		}
	}
	if more := len(findings) - twoServersMost; more > 0 {
		last := &findings[twoServersMost]
		last.Text = fmt.Sprintf("this one and %d more are announced beside other servers for phones", more-1)
		findings = slices.Clip(slices.Clone(findings[:twoServersMost+1]))
	}
	return findings
}

// beside returns the instance of another name that is on a link of in already.
func beside(in *mdns.Instance, first map[int]*mdns.Instance) (other *mdns.Instance, ok bool) {
	for i := range in.Links {
		if other, ok := first[in.Links[i].Index]; ok && dnsname.Fold(other.Label) != dnsname.Fold(in.Label) {
			return other, true
		}
	}
	return nil, false
}
