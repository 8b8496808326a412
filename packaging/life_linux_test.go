//go:build boot

package packaging

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"announcer/internal/testkit/boot"
	"announcer/internal/testkit/mdnstest"
)

// pauseSeen is how long a machine is paused for by its hardware clock, however short the pause is. While a machine is paused, its other
// clocks stand still: a long pause differs from a short one by the hardware clock alone, from which the agent of a hypervisor sets
// that of the system when the pause is over. The caches of other hosts go on; only with a long pause they are part of the test.
const pauseSeen = 10 * time.Minute

// testLife leads an installation from the first start to the purge.
func testLife(t *testing.T, s *site) {
	steps := []struct {
		name string
		test func(*testing.T, *site)
	}{
		{"README", testReadmePath},
		{"announce", testAnnounce},
		{"reload", testReload},
		{"bad file", testBadFile},
		{"restart", func(t *testing.T, s *site) { s.unseen(t, func() { s.pbx.Run(t, "systemctl", "restart", unitName) }) }},
		{"upgrade", func(t *testing.T, s *site) {
			s.unseen(t, func() { s.pbx.Run(t, "dpkg", "--install", boot.Dir+"/next.deb") })
		}},
		{"host name", testHostName},
		{"watchdog", testWatchdog},
		{"pause", testPause},
		{"clock forwards", func(t *testing.T, s *site) { testClock(t, s, 24*time.Hour) }},
		{"clock backwards", func(t *testing.T, s *site) { testClock(t, s, -24*time.Hour) }},
		{"disk full", testDiskFull},
		{"two of a name", testConflict},
		{"VLAN", testVLAN},
		{"bond", testBond},
		{"stop", testStop},
		{"Avahi", func(t *testing.T, s *site) { testBeside(t, s, avahi) }},
		{"systemd-resolved", func(t *testing.T, s *site) { testBeside(t, s, resolved) }},
		{"power cut with Avahi", func(t *testing.T, s *site) { testPowerCut(t, s, avahi, 5061) }},
		{"power cut with systemd-resolved", func(t *testing.T, s *site) { testPowerCut(t, s, resolved, 5062) }},
		{"purge", testPurge},
	}
	for _, step := range steps {
		if !t.Run(step.name, func(t *testing.T) { step.test(t, s) }) {
			return // the next steps follow from it
		}
	}
}

func testAnnounce(t *testing.T, s *site) {
	s.forget()
	s.pbx.Write(t, definitions+"shop.service", define("Shop", 5060))
	s.pbx.Run(t, "systemctl", "reload", unitName)
	s.await(t, mdnstest.Probe, "Shop")
	s.await(t, mdnstest.Announcement, "Shop")
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060", "192.0.2.5")
}

func testReload(t *testing.T, s *site) {
	s.forget()
	s.pbx.Write(t, definitions+"shop.service", define("Shop", 5070))
	s.pbx.Run(t, "systemctl", "reload", unitName)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5070", "sip:proxy@192.0.2.20:5070")
	s.never(t, mdnstest.Goodbye, "Shop")
}

// testBadFile wants the last good version to stay, and the line that is wrong to be named.
func testBadFile(t *testing.T, s *site) {
	s.forget()
	s.pbx.Write(t, definitions+"shop.service", strings.Replace(define("Shop", 5080), "<port>5080", "<port>many", 1))
	if out, err := s.pbx.Try("systemctl", "reload", unitName); err == nil {
		t.Errorf("systemctl reload succeeds with a bad file: %s", out)
	}
	says(t, s.pbx, "shop.service:5")
	finds(t, s.two, "eth0", "Shop", "pbx.local:5070")
	s.never(t, mdnstest.Goodbye, "Shop")
	s.pbx.Write(t, definitions+"shop.service", define("Shop", 5060))
	s.pbx.Run(t, "systemctl", "reload", unitName)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	says(t, s.pbx, "all is well")
}

func testHostName(t *testing.T, s *site) {
	s.forget()
	s.pbx.Run(t, "hostnamectl", "set-hostname", "reception")
	s.await(t, mdnstest.Probe, "reception")
	s.await(t, mdnstest.Announcement, "reception")
	s.await(t, mdnstest.Goodbye, "pbx")
	finds(t, s.two, "eth0", "Shop", "reception.local:5060", "192.0.2.5")
	s.pbx.Run(t, "hostnamectl", "set-hostname", "pbx")
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060", "192.0.2.5")
}

// testWatchdog stops the process of the daemon, which systemd then ends and starts again.
func testWatchdog(t *testing.T, s *site) {
	before := mainPID(t, s.pbx)
	s.pbx.Run(t, "kill", "-STOP", before)
	eventually(t, "new process", func() (bool, string) {
		pid := mainPID(t, s.pbx)
		return pid != before && pid != "0", pid
	})
	s.forget()
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	if log := s.pbx.Run(t, "journalctl", "--unit", unitName, "--no-pager"); !strings.Contains(log, "watchdog") {
		t.Errorf("the watchdog is not in the journal:\n%s", log)
	}
}

// testPause stops the machine. When it runs again, it is announced as soon as its clock is set.
func testPause(t *testing.T, s *site) {
	began, up := time.Now(), uptime(t, s.pbx)
	s.pbx.Pause(t)
	time.Sleep(*bootPause)
	s.pbx.SetHardwareClock(t, began.Add(max(pauseSeen, *bootPause)))
	s.forget()
	s.pbx.Continue(t)
	if missed := time.Since(began) - (uptime(t, s.pbx) - up); missed < *bootPause-time.Second {
		t.Errorf("of a pause of %v, the clocks of the machine missed %v", *bootPause, missed)
	}
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	s.step(t, s.lag(t))
}

// lag returns how far the clock of the pbx is behind that of its hardware, which is the length of a pause.
func (s *site) lag(t *testing.T) time.Duration {
	t.Helper()
	var hardware, system int64
	out := s.pbx.Run(t, "sh", "-c", "cat /sys/class/rtc/rtc0/since_epoch; date +%s")
	if _, err := fmt.Sscan(out, &hardware, &system); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	lag := time.Duration(hardware-system) * time.Second
	if lag < pauseSeen-time.Minute {
		t.Fatalf("the clock is %v behind that of the hardware; want about %v", lag, pauseSeen)
	}
	return lag
}

// uptime returns for how long a machine has run.
func uptime(t *testing.T, m *boot.Machine) time.Duration {
	t.Helper()
	seconds, _, _ := strings.Cut(m.Run(t, "cat", "/proc/uptime"), " ")
	up, err := time.ParseDuration(seconds + "s")
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// testClock sets the clock forwards, as far as a process that sleeps for so long would see it, or backwards.
func testClock(t *testing.T, s *site, by time.Duration) {
	if by > 0 {
		s.step(t, by)
	} else {
		s.forget()
		s.setClock(t, by)
		stop := s.ask(t)
		s.awaitAnswers(t, 5) // of which there is one a second at most (RFC 6762 §6)
		stop()
		finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	}
	s.setClock(t, -by)
	says(t, s.pbx, "all is well")
	s.never(t, mdnstest.Goodbye, "Shop")
}

// step sets the clock of the pbx forwards, after which it announces again at once, and withdraws nothing.
func (s *site) step(t *testing.T, by time.Duration) {
	t.Helper()
	s.forget()
	s.setClock(t, by)
	began := time.Now()
	const want = 1300 * time.Millisecond
	took := s.await(t, mdnstest.Announcement, "Shop").at.Sub(began).Round(10 * time.Millisecond)
	t.Logf("announced again %v after its clock was set", took)
	if took > want+slowness {
		t.Errorf("it is announced again %v after its clock was set; want %v, and %v for the emulator", took, want, slowness)
	}
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	s.never(t, mdnstest.Goodbye, "Shop")
	says(t, s.pbx, "all is well")
}

func (s *site) setClock(t *testing.T, by time.Duration) {
	t.Helper()
	s.pbx.Run(t, "date", "--set", fmt.Sprintf("%+d seconds", int(by.Seconds())))
}

// testDiskFull saves a definition on a full disk, which leaves it empty, and restarts the daemon.
func testDiskFull(t *testing.T, s *site) {
	s.forget()
	s.pbx.Try("sh", "-c", "dd if=/dev/zero of=/filler bs=1M; dd if=/dev/zero of=/filler2 bs=1k; sync")
	if out, err := s.pbx.Try("sh", "-c", "head -c 100000 /dev/zero | tr '\\0' ' ' >"+definitions+"shop.service"); err == nil {
		t.Errorf("the disk is not full: %s", out)
	}
	s.pbx.Try("systemctl", "reload", unitName)
	says(t, s.pbx, "shop.service", "Shop")
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	s.never(t, mdnstest.Goodbye, "Shop")
	s.pbx.Run(t, "rm", "/filler2")
	s.pbx.Write(t, definitions+"shop.service", define("Shop", 5060))
	s.pbx.Try("dd", "if=/dev/zero", "of=/filler2", "bs=1k")
	s.pbx.Run(t, "systemctl", "restart", unitName)
	finds(t, s.two, "eth0", "Shop", "pbx.local:5060")
	s.pbx.Run(t, "rm", "/filler", "/filler2")
	s.pbx.Run(t, "systemctl", "reload", unitName)
	says(t, s.pbx, "all is well")
}
