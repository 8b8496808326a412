package mdns

import (
	"fmt"
	"slices"

	"announcer/internal/dnsname"
	"announcer/internal/publication"
	"announcer/services"
)

// Instance is one service with the name that it has been given.
type Instance struct {
	ID      string // of the publication
	Index   int    // of the service in its group
	Wanted  string // the instance name that was asked for, wildcards expanded
	Label   string // the one that it has: one label, raw text
	Service services.Service
	Links   publication.Links // on which it is to be seen
	State   State             // Probing if it is to be published, else StandingBy or Refused
	Why     string            // a sentence if Label is not Wanted, or State not Probing
	Rival   string            // the ID of the publication that has the name Wanted, "" if none of ours has it
}

// Name returns the full name, such as "Front desk._digiumproxy._udp.local". What [services.Group.Check] passes has
// one; a name that a rename has made too long is the zero Name.
func (in Instance) Name() dnsname.Name {
	under, err := in.Service.Type.Join(in.Service.In())
	if err != nil {
		return dnsname.Name{}
	}
	name, _ := under.Child(in.Label)
	return name
}

// Settle assigns every service of d its name. Of two that can't share one (see [services.Service.Collides]) on a
// link, the later goes by the policy of its publication; two with the same data share the name. renamed holds,
// by the ID of a publication, the name that the network has left for it.
func Settle(d publication.Desired, renamed map[string]string) []Instance {
	var settled []Instance
	placed := map[string][]int{} // folded label to indexes of settled
	for _, p := range d.Groups {
		wanted, links := p.Instance(d.Host), linksOf(p, d.Links)
		for i, service := range p.Group.Services {
			in := Instance{ID: p.ID, Index: i, Wanted: wanted, Label: wanted, Service: service, Links: links}
			if name, ok := renamed[p.ID]; ok {
				in.Label, in.Why = name, "the name is taken on the network"
			}
			place(&in, p.OnConflict, settled, placed)
			if in.State == Probing && in.Name().IsZero() {
				in.State, in.Why = Refused, in.tooLong()
			}
			if in.State == Probing {
				key := dnsname.Fold(in.Label)
				placed[key] = append(placed[key], len(settled))
			}
			settled = append(settled, in)
		}
	}
	return settled
}

// linksOf returns the links of a publication. If it is on all of them they are no copy, as for a thousand publications on
// the same links that would be most of what they take.
func linksOf(p publication.Publication, all publication.Links) publication.Links {
	isElsewhere := func(l publication.Link) bool { return !p.On(l) }
	if !slices.ContainsFunc(all, isElsewhere) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), isElsewhere)
}

// tooLong returns why an instance has no full name.
func (in Instance) tooLong() string {
	if n := len(in.Label); n > dnsname.MaxLabel {
		return fmt.Sprintf("the name %q has %d bytes, at most %d", in.Label, n, dnsname.MaxLabel)
	}
	why := fmt.Sprintf("its full name is too long as %q", in.Label)
	if in.Why != "" {
		why += ": " + in.Why
	}
	return why
}

// place finds a free name for an instance, or takes it off the wire.
func place(in *Instance, policy publication.Policy, settled []Instance, placed map[string][]int) {
	for {
		rival := findRival(in, settled, placed[dnsname.Fold(in.Label)])
		if rival == nil {
			return
		}
		if in.Rival == "" {
			in.Rival = rival.ID
		}
		in.Why = fmt.Sprintf("%s has the name %q", rival.origin(), in.Label)
		if !policy.Renames() {
			in.State = Refused
			if policy.StandsBy() {
				in.State = StandingBy
			}
			return
		}
		in.Label = services.NextName(in.Label)
	}
}

func (in Instance) origin() string { return fmt.Sprintf("service %d of %s", in.Index+1, in.ID) }

func findRival(in *Instance, settled []Instance, sameLabel []int) *Instance {
	for _, i := range sameLabel {
		other := &settled[i]
		if in.Service.Collides(other.Service) && in.Links.Meet(other.Links) {
			return other
		}
	}
	return nil
}
