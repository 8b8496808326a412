package web

import (
	"fmt"
	"strconv"
	"time"

	"announcer/internal/status"
)

// update is a mass update as a whole.
type update struct {
	Sentences []string
	Bar       *bar // nil if nothing is known yet
}

// bar shows how much of a number is reached.
type bar struct {
	Value, Most int64
	Label       string // for a screen reader
}

// sum returns a mass update in a few sentences, nil if there is none.
func sum(f *status.Firmware, now time.Time) *update {
	if f == nil {
		return nil
	}
	u := &update{Sentences: []string{progress(f), pace(f)}}
	if f.Left > 0 {
		u.Sentences = append(u.Sentences, outlook(f, now))
	}
	if f.Has+f.Left > 0 {
		u.Bar = &bar{f.Has, f.Has + f.Left, "All phones"}
	}
	return u
}

func progress(f *status.Firmware) string {
	done := strconv.Itoa(f.Done)
	if f.Wanted > 0 {
		done += fmt.Sprintf(" of %d", f.Wanted)
	}
	return fmt.Sprintf("Phones with all of firmware %s: %s.", f.Version, done)
}

func pace(f *status.Firmware) string {
	if f.Loading == 0 {
		return "No phone is loading now."
	}
	return fmt.Sprintf("Loading now: %d, with %s/s.", f.Loading, status.Bytes(int64(f.Rate)))
}

// outlook is what is left, and when nothing will be.
func outlook(f *status.Firmware, now time.Time) string {
	if f.End.IsZero() {
		return fmt.Sprintf("Left: %s.", status.Bytes(f.Left))
	}
	return fmt.Sprintf("Left: %s, done in about %s, at %s.", status.Bytes(f.Left), ago(f.End.Sub(now)), f.End.Local().Format(time.TimeOnly))
}

func transferTable(s status.Status, r request) table {
	return r.table("transfers", "Transfers", "No phone has loaded firmware yet.",
		[]string{"Address", "Hardware address", "Vendor", "Model", "Firmware before", "File", "State", "Loaded", "Size", "Left", "Rate", "Began", "User-Agent"}, 0, transferRows(s)).
		with(rest(s.Firmware.Forgotten, "more transfers began a longer time ago."))
}

func imageTable(s status.Status, r request) table {
	return r.table("images", "Firmware served", "No file is served.", []string{"Model", "Version", "Size", "File", "SHA-256"}, 0, imageRows(s.Firmware))
}

func transferRows(s status.Status) rows {
	return rowsOf(s.Firmware.Transfers, func(t status.Transfer) []cell {
		return []cell{
			address(t.From), name(t.MAC), text(t.Vendor), text(t.Model), name(t.Firmware), name(t.File), transferState(t), percent(t),
			size(t.Size), size(t.Left()), rate(t), moment(t.Started, s.Time), long(t.Agent),
		}
	})
}

func transferState(t status.Transfer) cell {
	switch t.State {
	case status.Loaded:
		return state(string(t.State), "ok")
	case status.Stopped:
		return state(string(t.State), "bad")
	}
	return state(string(t.State), "wait")
}

// percent is a bar with its number.
func percent(t status.Transfer) cell {
	c := number(uint64(t.Percent()))
	c.Text += " %"
	c.Bar = &bar{t.Has, max(t.Size, 1), fmt.Sprintf("%s, %s", t.From, t.File)}
	return c
}

func size(n int64) cell { return cell{Text: status.Bytes(n), Kind: "number", key: float64(n)} }

// rate is empty for a transfer of which nothing has arrived yet.
func rate(t status.Transfer) cell {
	if t.Rate == 0 {
		return cell{}
	}
	c := size(int64(t.Rate))
	c.Text += "/s"
	return c
}

func imageRows(f *status.Firmware) rows {
	return rowsOf(f.Images, func(i status.Image) []cell {
		return []cell{text(i.Model), text(i.Version), size(i.Size), name(i.Path), name(i.SHA256)}
	})
}
