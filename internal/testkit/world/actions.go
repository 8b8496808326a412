//go:build linux

package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"announcer/internal/daemon"
	"announcer/internal/mdns/link"
	"announcer/internal/publication"
)

// action is a kind of thing that can happen.
type action struct {
	name   string
	weight int
	do     func(w *World, h *host, dice *rand.Rand)
}

var actions = []action{
	{"save", 8, func(_ *World, h *host, dice *rand.Rand) {
		file := drawFile(dice)
		h.save(file, h.draw(dice, file), dice)
	}},
	{"spoil", 4, func(_ *World, h *host, dice *rand.Rand) { h.spoil(drawFile(dice), dice) }},
	{"half a file", 4, func(w *World, h *host, dice *rand.Rand) { h.writeHalf(w, dice) }},
	{"delete", 3, func(_ *World, h *host, dice *rand.Rand) { h.delete(drawFile(dice)) }},
	{"chmod", 2, func(_ *World, h *host, dice *rand.Rand) { h.chmod(drawFile(dice)) }},
	{"directory hangs", 2, func(_ *World, h *host, _ *rand.Rand) { h.hang() }},
	{"directory goes", 2, func(_ *World, h *host, _ *rand.Rand) { h.lose() }},
	{"directory replaced", 2, func(_ *World, h *host, dice *rand.Rand) { h.replaceDirectory(dice) }},
	{"disk fails", 2, func(_ *World, h *host, dice *rand.Rand) { h.failDisk(dice) }},
	{"short reads", 1, func(_ *World, h *host, dice *rand.Rand) { h.shortenReads(dice) }},
	{"events are lost", 1, func(_ *World, h *host, dice *rand.Rand) {
		file := drawFile(dice)
		h.disk.Overflow(func() { h.save(file, h.draw(dice, file), dice) })
	}},
	{"rename host", 1, func(_ *World, h *host, dice *rand.Rand) { h.rename(dice) }},
	{"provision", 4, func(_ *World, h *host, dice *rand.Rand) { h.failProvision(dice) }},
	{"etcd", 3, func(w *World, h *host, dice *rand.Rand) { h.rewrite(w, dice) }},
	{"etcd fails", 3, func(_ *World, h *host, dice *rand.Rand) { h.failCluster(dice) }},
	{"etcd turns", 3, func(_ *World, h *host, dice *rand.Rand) { h.turnCluster(dice) }},
	{"server", 2, func(w *World, h *host, _ *rand.Rand) { h.failServer(w) }},
	{"touch nothing", 1, func(*World, *host, *rand.Rand) {}},

	{"carrier", 4, func(_ *World, h *host, dice *rand.Rand) { h.flip(dice, unix.IFF_RUNNING) }},
	{"down", 1, func(_ *World, h *host, dice *rand.Rand) { h.flip(dice, unix.IFF_UP) }},
	{"multicast", 1, func(_ *World, h *host, dice *rand.Rand) { h.flip(dice, unix.IFF_MULTICAST) }},
	{"address", 3, func(_ *World, h *host, dice *rand.Rand) { h.readdress(dice) }},
	{"address state", 2, func(_ *World, h *host, dice *rand.Rand) { h.stateAddress(dice) }},
	{"rename link", 1, func(_ *World, h *host, dice *rand.Rand) {
		if h.kernel.isBlind() {
			return // that needs netlink, too; and a process knows the links of the one before by their names
		}
		h.onNIC(dice, func(n *nic) { n.name = fmt.Sprintf("lan%d", dice.IntN(1000)) })
	}},
	{"reindex", 3, func(_ *World, h *host, dice *rand.Rand) {
		delete(h.truth.faults, "the link has no address") // it is another link
		h.onNIC(dice, func(n *nic) { h.kernel.reindex(n, dice) })
	}},
	{"unplug", 3, func(_ *World, h *host, dice *rand.Rand) { h.unplug(dice) }},
	{"mtu", 2, func(_ *World, h *host, dice *rand.Rand) {
		most := []int{200, 200, 8000}[dice.IntN(3)]
		h.onNIC(dice, func(n *nic) { n.mtu = uint32(1280 + dice.IntN(most)) })
	}},
	{"netlink fails", 1, func(_ *World, h *host, _ *rand.Rand) { h.netlinkFails() }},
	{"netlink hangs", 1, func(_ *World, h *host, _ *rand.Rand) { h.kernel.hang(); h.kernel.change(func() {}); h.feel() }},
	{"bridge", 1, func(_ *World, h *host, dice *rand.Rand) {
		delete(h.truth.faults, "the link has no address") // it is another link
		h.kernel.bridge(h.kernel.interfaces[dice.IntN(len(h.kernel.interfaces))])
		h.feel()
	}},
	{"clock", 1, func(_ *World, h *host, dice *rand.Rand) { h.setClock(dice) }},
	{"disk full", 1, func(w *World, h *host, _ *rand.Rand) { h.toggleWrites(w, noRoom) }},
	{"writing fails", 2, func(w *World, h *host, dice *rand.Rand) { h.toggleWrites(w, writeFaults[dice.IntN(len(writeFaults))]) }},
	{"watching fails", 2, func(w *World, h *host, dice *rand.Rand) { h.failWatches(w, dice) }},
	{"configuration fails", 2, func(_ *World, h *host, dice *rand.Rand) { h.failSettings(dice) }},
	{"start without configuration", 2, func(w *World, h *host, dice *rand.Rand) { h.startBlind(w, dice) }},
	{"control socket", 3, func(w *World, h *host, dice *rand.Rand) { h.cutOff(w, dice) }},
	{"manager is deaf", 2, func(w *World, h *host, dice *rand.Rand) { h.deafen(w, dice) }},
	{"reflector", 3, func(w *World, _ *host, dice *rand.Rand) { w.reflect(dice) }},
	{"netlink overrun", 2, func(_ *World, h *host, dice *rand.Rand) { h.overrun(dice) }},
	{"firewall", 2, func(_ *World, h *host, _ *rand.Rand) { h.toggleJam(&jam{why: syscall.EPERM, segment: -1}) }},
	{"sending fails", 3, func(w *World, h *host, dice *rand.Rand) { h.toggleJam(drawJam(w, dice)) }},
	{"sockets fail", 3, func(w *World, h *host, dice *rand.Rand) { h.breakSockets(w, dice) }},
	{"hiccup", 4, func(w *World, h *host, dice *rand.Rand) { h.hiccup(w, dice) }},

	{"port held", 1, func(_ *World, h *host, _ *rand.Rand) { h.holdPort() }},
	{"storm", 3, func(w *World, _ *host, dice *rand.Rand) { w.storm(dice) }},
	{"partition", 3, func(w *World, _ *host, dice *rand.Rand) { w.part(dice) }},
	{"garbage", 1, func(w *World, _ *host, dice *rand.Rand) { w.garble(dice) }},
	{"flood", 1, func(w *World, _ *host, dice *rand.Rand) { w.flood(dice) }},
	{"questions", 3, func(w *World, _ *host, dice *rand.Rand) { w.inquire(dice) }},
	{"avahi", 4, func(w *World, h *host, dice *rand.Rand) { w.beside(h, dice) }},
	{"clone", 3, func(w *World, h *host, dice *rand.Rand) { w.clone(h, dice) }},
	{"rival", 3, func(w *World, h *host, dice *rand.Rand) { w.insist(h, dice) }},
	{"echo", 1, func(w *World, _ *host, dice *rand.Rand) { w.echo(dice) }},
	{"stale records", 2, func(w *World, _ *host, dice *rand.Rand) { w.repeatRecords(dice) }},

	{"mend", 8, func(w *World, h *host, _ *rand.Rand) { h.mend(w) }},
	{"kill", 2, func(w *World, h *host, _ *rand.Rand) { h.crash(); w.rest(restartTime); h.boot() }},
	{"kill and delete", 1, func(w *World, h *host, dice *rand.Rand) {
		h.crash()
		h.delete(drawFile(dice))
		w.rest(restartTime)
		h.boot()
	}},
	{"restart", 2, func(w *World, h *host, _ *rand.Rand) { h.stop(daemon.ErrRestart); w.rest(time.Millisecond); h.boot() }},
	{"terminate", 1, func(w *World, h *host, _ *rand.Rand) { h.stop(errTerminated) }},
	{"start", 4, func(w *World, h *host, _ *rand.Rand) { h.boot() }},
	{"hangup", 1, func(_ *World, h *host, _ *rand.Rand) {
		if h.process != nil {
			h.process.hangup()
		}
	}},
	{"suspend", 2, func(w *World, h *host, dice *rand.Rand) {
		h.suspend(w, time.Duration(dice.Int64N(int64(3*time.Hour))))
	}},
	{"signals", 6, func(w *World, h *host, dice *rand.Rand) { h.interrupt(w, dice) }},
	{"second process", 3, func(w *World, h *host, dice *rand.Rand) { h.twin(w, dice) }},
	{"SIGSTOP", 1, func(w *World, h *host, dice *rand.Rand) {
		h.freeze(w, time.Duration(dice.Int64N(int64(2*watchdog))))
	}},
}

func drawFile(dice *rand.Rand) string { return fileNames[dice.IntN(len(fileNames))] }

// drawAction returns the name of an action, by the weights.
func drawAction(dice *rand.Rand) string {
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	at := dice.IntN(total)
	for _, a := range actions {
		if at -= a.weight; at < 0 {
			return a.name
		}
	}
	panic("unreachable")
}

// do makes a step happen.
func (w *World) do(s Step) {
	for _, a := range actions {
		if a.name == s.Action && w.canHappen(s.Action) {
			a.do(w, w.hosts[s.Host], rand.New(rand.NewPCG(s.Draw, 1)))
		}
	}
}

// draw returns a definition for a file.
func (h *host) draw(dice *rand.Rand, file string) *service {
	name := fmt.Sprintf("%s %s", h.net.Name, file)
	if isShared(file) {
		name = sharedName
	}
	return &service{name, 1000 + dice.IntN(60000), drawText(dice, file)}
}

func (h *host) save(file string, s *service, dice *rand.Rand) {
	if isRemote(file) {
		h.serve(file, &version{s.toml(), s, true, time.Now()})
		return
	}
	h.put(file, s, s.xml(), dice)
}

// serve has the server that a file is on have a version of it.
func (h *host) serve(file string, v *version) {
	if isKey(file) {
		h.cluster.edit(map[string]*version{file: v})
		return
	}
	h.provision.put(file, v)
}

func (h *host) spoil(file string, dice *rand.Rand) {
	bad := []string{"<service-group>", "", "\x00\xff", "<service-group><name>x</name></service-group>"}
	if isKey(file) {
		whole := h.draw(dice, file).toml()
		bad[0] = whole[:len(whole)/2]
	}
	h.put(file, nil, bad[dice.IntN(len(bad))], dice)
}

// put has a file say something; s is what that means, nil if nothing.
func (h *host) put(file string, s *service, text string, dice *rand.Rand) {
	switch {
	case isKey(file):
		h.serve(file, &version{text, nil, true, time.Now()})
		return
	case isRemote(file):
		h.serve(file, &version{strings.ReplaceAll(text, "<", "[") + "]", nil, true, time.Now()})
		return
	case h.gone:
		return
	default:
		h.must(h.write(file, text, dice))
	}
	h.truth.disk[file] = s
	delete(h.locked, file)
	h.truth.learn(h)
}

// write writes a file in one of the ways in which people and programs do.
func (h *host) write(file, text string, dice *rand.Rand) error {
	path, way := pathOf(file), dice.IntN(4)
	if _, locked := h.locked[file]; locked || way == 0 {
		_ = h.disk.Remove(path) // it may be gone
	}
	switch way {
	case 0, 1:
		return h.disk.Write(path, text)
	case 2:
		return h.disk.Save(path, text)
	default:
		target := fmt.Sprintf("/etc/announcer/%s.%x", file, dice.Uint32())
		if err := h.disk.Write(target, text); err != nil {
			return err
		}
		return h.disk.SwapLink(target, path)
	}
}

// half is a definition of which the first part is written.
type half struct {
	service     *service
	file        string
	first, rest string
}

// shortPause is the longest time in which a program writes a file.
const shortPause = 3 * time.Second

// writeHalf writes the first part of a file, and the rest soon or when it is called again.
func (h *host) writeHalf(w *World, dice *rand.Rand) {
	if h.half == nil {
		file := drawFile(dice)
		if h.gone || isRemote(file) {
			return
		}
		s := h.draw(dice, file)
		text := s.xml()
		at := dice.IntN(len(text) - 1)
		h.half = &half{s, file, text[:at], text[at:]}
		h.put(file, nil, text[:at], dice)
		if dice.IntN(2) == 0 {
			return
		}
		w.rest(time.Duration(dice.Int64N(int64(shortPause))))
	}
	h.writeRest()
}

// writeRest completes a file, if its first part is still there.
func (h *host) writeRest() {
	begun := h.half
	h.half = nil
	path := pathOf(begun.file)
	_, locked := h.locked[begun.file]
	if text, err := h.disk.ReadFile(path); err != nil || text != begun.first || locked {
		return
	}
	h.must(h.disk.Append(path, begun.rest))
	h.truth.disk[begun.file] = begun.service
	h.truth.learn(h)
}

// replaceDirectory replaces the directory of definitions by another one, as deployments do, where some are the same, some say something
// else, and some are missing.
func (h *host) replaceDirectory(dice *rand.Rand) {
	if h.gone {
		return
	}
	h.unhang()
	texts := map[string]string{}
	for _, file := range filesThat(isLocal) {
		s := h.truth.disk[file]
		if dice.IntN(2) == 0 {
			s = h.draw(dice, file)
		}
		delete(h.truth.disk, file)
		delete(h.locked, file)
		if s != nil && dice.IntN(3) > 0 {
			h.truth.disk[file], texts[file] = s, s.xml()
		}
	}
	h.must(h.disk.ReplaceDir(definitions, texts))
	h.truth.learn(h)
}

func (h *host) delete(file string) {
	switch {
	case isRemote(file):
		h.serve(file, &version{text: nothing, modified: time.Now()})
		return
	case h.gone:
		return
	}
	_ = h.disk.Remove(pathOf(file)) // it may be gone
	delete(h.truth.disk, file)
	delete(h.locked, file)
	h.truth.learn(h)
}

// chmod makes a file one that the daemon can't read, or one that it can again.
func (h *host) chmod(file string) {
	s, here := h.truth.disk[file]
	if isRemote(file) || !here || h.gone {
		return
	}
	if was, locked := h.locked[file]; locked {
		h.must(h.disk.Chmod(pathOf(file), 0o644))
		h.truth.disk[file] = was
		delete(h.locked, file)
	} else {
		h.must(h.disk.Chmod(pathOf(file), 0))
		h.locked[file] = s
		h.truth.disk[file] = nil
	}
	h.truth.learn(h)
}

// hang has the directory of definitions hang, as a server that is gone, or answer again.
func (h *host) hang() {
	switch {
	case h.gone:
		return
	case h.release != nil:
		h.unhang()
	default:
		release, err := h.disk.Hang(definitions)
		h.must(err)
		h.release = release
	}
	h.truth.learn(h)
}

func (h *host) unhang() {
	if h.release != nil {
		h.release()
		h.release = nil
	}
}

// lose has the directory of definitions go away, or come back as it was.
func (h *host) lose() {
	if h.gone = !h.gone; h.gone {
		h.unhang()
		h.must(h.disk.Rename(definitions, definitions+".away"))
	} else {
		h.must(h.disk.Rename(definitions+".away", definitions))
	}
	h.truth.learn(h)
}

// rename changes the name of the host.
func (h *host) rename(dice *rand.Rand) {
	h.truth.touch()
	h.mu.Lock()
	h.name = fmt.Sprintf("%s-%d", h.net.Name, dice.IntN(1000))
	h.mu.Unlock()
}

// checkTime is longer than three checks take.
const checkTime = 40 * time.Second

// failServer has the server that definitions point at go away, or come back.
func (h *host) failServer(w *World) {
	h.mu.Lock()
	if h.serverFails == nil {
		h.serverFails = errServer
	} else {
		h.serverFails = nil
	}
	h.mu.Unlock()
	w.rest(checkTime)
	h.feel()
}

// holdPort has another program hold port 5353, or give it free.
func (h *host) holdPort() {
	h.mu.Lock()
	h.held = !h.held
	h.mu.Unlock()
	h.feel()
	h.showPort()
}

// showPort has the process see that its sockets are others.
func (h *host) showPort() {
	if h.process != nil {
		h.process.wake()
	}
}

// portFaults is what the sockets lack.
func (h *host) portFaults() (faults []link.Fault) {
	h.mu.Lock()
	held, jam := h.held, h.jam
	h.mu.Unlock()
	for _, v := range publication.IPVersions() {
		if held {
			faults = append(faults, link.Fault{Version: v, Why: fmt.Sprintf("port 5353 for IPv%d is held by dnsmasq (pid 812)", v)})
		}
	}
	return append(faults, jam.faults(h)...)
}

// onNIC changes an interface.
func (h *host) onNIC(dice *rand.Rand, f func(n *nic)) {
	n := h.kernel.interfaces[dice.IntN(len(h.kernel.interfaces))]
	h.kernel.change(func() { f(n) })
	h.feel()
}

func (h *host) flip(dice *rand.Rand, flag uint32) {
	h.onNIC(dice, func(n *nic) {
		n.flags ^= flag
		if n.flags&unix.IFF_RUNNING != 0 && flag == unix.IFF_RUNNING {
			n.ups++
		}
	})
}

// unplug takes an interface out of the machine, or puts it back.
func (h *host) unplug(dice *rand.Rand) {
	delete(h.truth.faults, "the link has no address") // it is another link
	h.onNIC(dice, func(n *nic) { h.kernel.unplug(n, dice) })
}

func (h *host) readdress(dice *rand.Rand) {
	h.onNIC(dice, func(n *nic) {
		if len(n.addrs) > 0 && dice.IntN(2) == 0 {
			n.addrs = append(n.addrs[:0:0], n.addrs[1:]...)
			return
		}
		n.addrs = append(n.addrs[:len(n.addrs):len(n.addrs)], address{Prefix: prefix("10.%d.%d.%d/16", n.segment.number, h.number+1, dice.IntN(250)+1)})
	})
}

func (h *host) stateAddress(dice *rand.Rand) {
	states := []uint32{0, unix.IFA_F_TENTATIVE, unix.IFA_F_DEPRECATED}
	h.onNIC(dice, func(n *nic) {
		if len(n.addrs) > 0 {
			n.addrs = append(n.addrs[:0:0], n.addrs...)
			n.addrs[dice.IntN(len(n.addrs))].flags = states[dice.IntN(len(states))]
		}
	})
}

// overrun has netlink lose what happens to the interfaces.
func (h *host) overrun(dice *rand.Rand) {
	h.kernel.overflow(func() {
		for range 1 + dice.IntN(2) {
			hidden[dice.IntN(len(hidden))](h, dice)
		}
	})
}

// hidden is what netlink may lose.
var hidden = []func(h *host, dice *rand.Rand){
	func(h *host, dice *rand.Rand) { h.flip(dice, unix.IFF_RUNNING) },
	(*host).readdress,
	(*host).stateAddress,
	func(h *host, _ *rand.Rand) { h.kernel.change(func() {}) },
}

func (h *host) netlinkFails() {
	h.kernel.change(func() {
		if h.kernel.fails == nil {
			h.kernel.fails = errNetlink
		} else {
			h.kernel.fails = nil
		}
	})
	h.feel()
}

// setClock sets the clock on the wall by up to a day.
func (h *host) setClock(dice *rand.Rand) {
	h.mu.Lock()
	h.step += time.Duration(dice.Int64N(int64(48*time.Hour))) - 24*time.Hour
	h.mu.Unlock()
	h.truth.touch()
}

// mend makes everything right again.
func (h *host) mend(w *World) {
	h.unhang()
	if h.gone {
		h.lose()
	}
	h.endJam()
	h.mu.Lock()
	h.fault, h.held, h.serverFails = diskFault{}, false, nil
	h.mu.Unlock()
	h.mendProvision()
	h.mendCluster()
	h.showPort()
	h.truth.learn(h)
	h.mendSettings()
	h.mendSockets()
	h.setUnwatched(diskFault{})
	h.connect()
	h.feel()
	h.boot()
	if h.cannotNote() {
		h.toggleWrites(w, noRoom)
	}
}

// connect sets all interfaces to what they were at first.
func (h *host) connect() {
	if h.kernel.hangs != nil {
		h.kernel.hang()
	}
	for _, n := range slices.Clone(h.kernel.interfaces) {
		if n.master != 0 {
			h.kernel.bridge(n)
		}
	}
	h.kernel.change(func() {
		h.kernel.fails = nil
		if out := h.kernel.out; out != nil {
			h.kernel.putBack(out)
		}
		for _, n := range h.kernel.interfaces {
			if n.flags&unix.IFF_RUNNING == 0 {
				n.ups++
			}
			n.flags, n.mtu, n.addrs = working, 1500, n.home
		}
	})
}

// suspend has the machine sleep.
func (h *host) suspend(w *World, d time.Duration) {
	if h.process == nil {
		return
	}
	h.sleep(w, d)
	h.checkWake(w, d)
}

func (h *host) sleep(w *World, d time.Duration) {
	h.gate.close()
	h.asleep = true
	w.rest(d)
	h.alive()
	h.asleep = false
	h.resume()
}

// resume has the process run again, which then asks all servers.
func (h *host) resume() {
	h.gate.open()
	h.provision.change(func() {})
	h.cluster.change(func() {})
	h.truth.touch()
}

// freeze stops the process for a while, unless the service manager ends it before.
func (h *host) freeze(w *World, d time.Duration) {
	p := h.process
	if p == nil {
		return
	}
	h.gate.close()
	h.truth.touch()
	w.rest(d)
	h.resume()
}
