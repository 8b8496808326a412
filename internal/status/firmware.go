package status

import (
	"fmt"
	"net/netip"
	"time"

	"announcer/internal/phones"
)

// Firmware is the state of a mass update: the firmware that is served, and the phones that load it.
type Firmware struct {
	Version   string     `json:"version"`
	Wanted    int        `json:"wanted,omitempty"` // phones that are waited for; 0: no number was given
	Done      int        `json:"done"`             // different phones with a whole file
	Loading   int        `json:"loading"`          // transfers that run
	Rate      float64    `json:"bytes_per_second"` // of all together, in the last seconds
	Has       int64      `json:"has"`              // bytes that phones have of the files that they load or have loaded
	Left      int64      `json:"left"`             // bytes that are not loaded yet; of phones that have not begun, an estimate
	End       time.Time  `json:"end,omitzero"`     // when nothing is left at this rate; zero if unknown
	Images    []Image    `json:"images"`           // what is served
	Transfers []Transfer `json:"transfers"`        // one of each phone and file, the newest first
	Forgotten uint64     `json:"forgotten"`        // of more phones than there is room for
}

// Image is a file that is served.
type Image struct {
	phones.Image
	SHA256 string `json:"sha256"` // in hexadecimal
}

// TransferState is how far a transfer is.
type TransferState string

// The states.
const (
	Loading TransferState = "loading"
	Loaded  TransferState = "done"    // the phone has the whole file
	Stopped TransferState = "stopped" // the last transfer ended before the phone had the whole file
)

// Transfer is a file that a phone loads or has loaded, at once or in several parts.
type Transfer struct {
	From     netip.Addr    `json:"from"` // the phone
	MAC      string        `json:"mac,omitempty"`
	Vendor   string        `json:"vendor,omitempty"`     // by the MAC: a hint
	Model    string        `json:"model,omitempty"`      // by its User-Agent
	Firmware string        `json:"firmware,omitempty"`   // the version that it had, likewise
	Agent    string        `json:"user_agent,omitempty"` // in its own words
	File     string        `json:"file"`
	State    TransferState `json:"state"`
	Size     int64         `json:"size"`    // bytes
	Has      int64         `json:"has"`     // bytes of it that the phone has
	Started  time.Time     `json:"started"` // the last part
	Seconds  float64       `json:"seconds"` // of the last part, so far
	Rate     float64       `json:"bytes_per_second"`
}

// Percent returns how much of the file the phone has, 0 to 100.
func (t Transfer) Percent() int { return int(100 * t.Has / max(t.Size, 1)) }

// Left returns the number of bytes that the phone does not have.
func (t Transfer) Left() int64 { return max(t.Size-t.Has, 0) }

// Ended returns when the last part ended or, if it runs, the present moment.
func (t Transfer) Ended() time.Time {
	return t.Started.Add(time.Duration(t.Seconds * float64(time.Second)))
}

// Who names the phone for people: its address, and what else is known of it.
func (t Transfer) Who() string {
	return phones.Asker{Host: t.From, MAC: t.MAC, Vendor: t.Vendor, Model: t.Model, Firmware: t.Firmware}.Who()
}

// text is the transfer as a line for people.
func (t Transfer) text() string {
	return fmt.Sprintf("%s  %-10s %s: %d %% of %s", t.Started.Local().Format(time.TimeOnly), t.State, t.Who(), t.Percent(), t.File)
}

// line is the state in a few words.
func (f *Firmware) line() string {
	line := fmt.Sprintf("firmware %s: %s done", f.Version, count(f.Done, "phone"))
	if f.Wanted > 0 {
		line = fmt.Sprintf("firmware %s: %d of %s done", f.Version, f.Done, count(f.Wanted, "phone"))
	}
	if f.Loading > 0 {
		line += fmt.Sprintf(", %d loading", f.Loading)
	}
	return line
}

// Bytes returns a number of bytes in the unit that fits it: "12 B", "4.2 kB", "2.1 MB", "1.4 GB".
func Bytes(n int64) string {
	switch size := float64(n); {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", size/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", size/1e6)
	default:
		return fmt.Sprintf("%.1f GB", size/1e9)
	}
}
