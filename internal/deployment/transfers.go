package deployment

import (
	"net/netip"
	"slices"
	"time"

	"announcer/internal/phones/fileserver"
	"announcer/internal/status"
)

const (
	transfersMost = 4096               // that are remembered; of more, those that began the longest time ago are forgotten
	rateTime      = 10 * time.Second   // over which the rate is measured
	endMost       = 7 * 24 * time.Hour // for an estimate that is worth anything
)

// transfers remembers the transfers of all phones. The zero value has none.
type transfers struct {
	all       map[part]status.Transfer
	order     []part // of all, by the time when they were heard of
	forgotten uint64
	ended     int64 // bytes of all that have ended
	samples   []sample
}

// part is a file of a phone.
type part struct {
	phone netip.Addr
	file  string
}

// sample is the number of bytes that were sent until a moment.
type sample struct {
	at   time.Time
	sent int64
}

// Shown returns a transfer as people see it. The hardware address is looked up later.
func Shown(t fileserver.Transfer) status.Transfer {
	s := status.Transfer{
		From: t.Phone, MAC: t.Agent.MAC, Model: t.Agent.Model, Firmware: t.Agent.Version, Agent: t.UserAgent, File: t.File.Path, State: status.Loading,
		Size: t.File.Size, Has: t.Has, Started: t.Started, Seconds: t.Took.Seconds(), Rate: t.Rate(),
	}
	switch {
	case t.Whole:
		s.State = status.Loaded
	case t.Ended:
		s.State = status.Stopped
	}
	return s
}

func partOf(t fileserver.Transfer) part { return part{t.Phone, t.File.Path} }

// report takes a transfer that begins or has ended.
func (ts *transfers) report(t fileserver.Transfer) {
	if ts.all == nil {
		ts.all = map[part]status.Transfer{}
	}
	key := partOf(t)
	if _, known := ts.all[key]; !known {
		if len(ts.order) == transfersMost {
			delete(ts.all, ts.order[0])
			ts.order = slices.Delete(ts.order, 0, 1)
			ts.forgotten++
		}
		ts.order = append(ts.order, key)
	}
	ts.all[key] = Shown(t)
	if t.Ended {
		ts.ended += t.Sent
	}
}

// list returns all transfers, those that run as they are now, the newest first. Several of one phone and file are one.
func (ts *transfers) list(running []fileserver.Transfer) []status.Transfer {
	now := map[part]status.Transfer{}
	for _, t := range running {
		one, key := Shown(t), partOf(t)
		if other, parallel := now[key]; parallel {
			one.Has = min(one.Has+other.Has, one.Size)
			one.Rate += other.Rate
			one.Started, one.Seconds = other.Started, other.Seconds // which is the older one
		}
		now[key] = one
	}
	list := make([]status.Transfer, 0, len(ts.order))
	for _, key := range slices.Backward(ts.order) {
		t, runs := now[key]
		if !runs {
			t = ts.all[key]
		}
		list = append(list, t)
	}
	return list
}

// sample remembers how much was sent until now.
func (ts *transfers) sample(now time.Time, running []fileserver.Transfer) {
	if len(running) == 0 {
		ts.samples = nil // a pause is no part of the rate
		return
	}
	ts.samples = append(ts.samples, sample{now, ts.sent(running)})
	for len(ts.samples) > 2 && now.Sub(ts.samples[1].at) >= rateTime {
		ts.samples = slices.Delete(ts.samples, 0, 1)
	}
}

func (ts *transfers) sent(running []fileserver.Transfer) int64 {
	sent := ts.ended
	for _, t := range running {
		sent += t.Sent
	}
	return sent
}

// rate returns the bytes per second in the last seconds, 0 if nothing is sent now.
func (ts *transfers) rate(now time.Time, running []fileserver.Transfer) float64 {
	if len(running) == 0 {
		return 0
	}
	first := sample{running[0].Started, ts.ended} // what runs is the oldest first
	if len(ts.samples) > 0 {
		first = ts.samples[0]
	}
	took := now.Sub(first.at).Seconds()
	if took <= 0 {
		return 0
	}
	return max(float64(ts.sent(running)-first.sent)/took, 0)
}

// estimate fills in how much is left, and when all is done at the present rate. A phone that has not begun needs a file of the
// average size.
func estimate(f *status.Firmware, now time.Time) {
	has, open := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for _, t := range f.Transfers {
		f.Has += t.Has
		switch t.State {
		case status.Loaded:
			has[t.From] = true
			continue
		case status.Loading:
			f.Loading++
		}
		open[t.From] = true
		f.Left += t.Left()
	}
	waiting := f.Wanted - f.Done
	for phone := range open {
		if !has[phone] {
			waiting--
		}
	}
	if waiting > 0 && len(f.Images) > 0 {
		var size int64
		for _, image := range f.Images {
			size += image.Size
		}
		f.Left += int64(waiting) * (size / int64(len(f.Images)))
	}
	if seconds := float64(f.Left) / f.Rate; f.Left > 0 && f.Rate > 0 && seconds < endMost.Seconds() {
		f.End = now.Add(time.Duration(seconds * float64(time.Second)))
	}
}
