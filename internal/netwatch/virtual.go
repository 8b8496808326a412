package netwatch

import (
	"strings"

	"announcer/internal/publication"
)

// digits is a glob for the twelve hexadecimal digits with which Docker numbers its networks.
var digits = strings.Repeat("[0-9a-f]", 12)

// virtual lists the names that programs give to the interfaces of containers and virtual machines, which no phone is
// behind. A bridge that a person names, such as br0, br-lan or vmbr0, is not among them.
var virtual = []struct {
	glob  string // see [path.Match]
	owner string
}{
	{"docker*", "Docker"},             // docker0, its default bridge; docker_gwbridge, that of Swarm
	{"br-" + digits, "Docker"},        // other networks, by the start of their ID; nerdctl does the same
	{"veth*", "a container"},          // host ends of Docker, the CNI plugins, LXC and Weave (vethwe-*)
	{"podman*", "Podman"},             // podman0 and on: its networks
	{"nerdctl*", "nerdctl"},           // nerdctl0, its default network
	{"cni*", "the CNI plugin bridge"}, // cni0, its default name
	{"lxc*", "LXC or Cilium"},         // lxcbr0, the bridge of lxc-net; lxc_health and lxc1a2b3c…, host ends of Cilium
	{"lxdbr*", "LXD"},                 // lxdbr0, the default of lxd init
	{"incusbr*", "Incus"},             // incusbr0, the default of incus admin init
	{"ve-*", "systemd-nspawn"},        // host ends, as in 80-container-ve.network
	{"vb-*", "systemd-nspawn"},        // host ends in a bridge
	{"vz-*", "systemd-nspawn"},        // bridges of --network-zone=
	{"vt-*", "systemd-vmspawn"},       // taps, as in 80-vm-vt.network
	{"virbr*", "libvirt"},             // virbr0 and on: bridges of its networks
	{"vnet*", "libvirt"},              // taps: VIR_NET_GENERATED_VNET_PREFIX
	{"macvtap*", "libvirt"},           // VIR_NET_GENERATED_MACVTAP_PREFIX
	{"fwbr*", "Proxmox VE"},           // firewall bridges between a guest and its bridge (PVE::Network),
	{"fwln*", "Proxmox VE"},           // and the two ends of the cable from one to the other
	{"fwpr*", "Proxmox VE"},           //
	{"qbr*", "OpenStack"},             // firewall bridges of Nova, by the ID of the port,
	{"qvb*", "OpenStack"},             // and the two ends of the cable to Open vSwitch
	{"qvo*", "OpenStack"},             //
	{"tap????????-??", "OpenStack"},   // TAP_DEVICE_PREFIX of Neutron and eleven characters of the ID of the port
	{"vif*", "Xen"},                   // vif1.0: guest 1, its card 0 (xen-netback)
	{"vmnet*", "VMware"},              // vmnet1 for guests alone, vmnet8 with NAT
	{"vboxnet*", "VirtualBox"},        // vboxnet0 and on: networks for guests alone
	{"mpqemubr*", "Multipass"},        // mpqemubr0, its bridge
	{"waydroid*", "Waydroid"},         // waydroid0, its bridge
	{"cali*", "Calico"},               // host ends of pods
	{"vxlan.calico", "Calico"},        // its overlay
	{"flannel*", "Flannel"},           // flannel.1, by the number of its VXLAN; flannel-wg
	{"cilium_*", "Cilium"},            // cilium_host, cilium_net, cilium_vxlan
	{"weave", "Weave"},                // WeaveBridgeName
	{"kube-*", "Kubernetes"},          // kube-ipvs0 of kube-proxy; kube-bridge and kube-dummy-if of kube-router
	{"nodelocaldns", "Kubernetes"},    // of NodeLocal DNSCache
}

// owner returns what a link is named after, "" if its name is none of the virtual ones.
func owner(link *publication.Link) string {
	for _, v := range virtual {
		if link.Matches([]string{v.glob}) {
			return v.owner
		}
	}
	return ""
}
