package web

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"announcer/internal/phones"
	"announcer/internal/status"
)

// updating is the state of a mass update with a phone in each state; the User-Agent of one is hostile.
func updating() status.Status {
	s := full()
	transfer := func(phone string, state status.TransferState, has int64) status.Transfer {
		return status.Transfer{
			From: netip.MustParseAddr(phone), MAC: "00:0f:d3:00:00:10", Vendor: "Digium", Model: "D40", Firmware: "1_4_0_0", File: "2_8_1_D40_firmware.eff",
			State: state, Size: 40e6, Has: has, Started: began, Seconds: 10, Rate: 2e6, Agent: "Digium D40 1_4_0_0",
		}
	}
	s.Firmware = &status.Firmware{
		Version: "2_8_1", Wanted: 6, Done: 1, Loading: 1, Rate: 2e6, Has: 70e6, Left: 130e6, End: s.Time.Add(65 * time.Second), Forgotten: 3,
		Images: []status.Image{{Image: phones.Image{Path: "2_8_1_D40_firmware.eff", Model: "D40", Version: "2_8_1", Size: 40e6}, SHA256: "0123abcd"}},
		Transfers: []status.Transfer{
			transfer("192.0.2.11", status.Loaded, 40e6), transfer("192.0.2.12", status.Loading, 20e6), transfer("192.0.2.13", status.Stopped, 10e6),
			{From: netip.MustParseAddr("192.0.2.66"), File: "2_8_1_D40_firmware.eff", State: status.Loading, Size: 40e6, Started: began, Agent: evil + strings.Repeat("x", 4096)},
		},
	}
	return s
}

// Each part of a mass update is on the page, and what phones say of themselves is text.
func TestFirmware(t *testing.T) {
	page := ask(Handler(&daemon{state: updating()}), "GET", "/").Body.String()
	for _, want := range []string{
		"Phones with all of firmware 2_8_1: 1 of 6.", "Loading now: 1, with 2.0 MB/s.", "Left: 130.0 MB, done in about 65 s, at ",
		`<progress aria-label="All phones" value="70000000" max="200000000"></progress>`,
		`<progress aria-label="192.0.2.12, 2_8_1_D40_firmware.eff" value="20000000" max="40000000"></progress> <bdi>50 %</bdi>`,
		`<td class="ok"><bdi>done</bdi>`, `<td class="wait"><bdi>loading</bdi>`, `<td class="bad"><bdi>stopped</bdi>`,
		"<bdi>2.0 MB/s</bdi>", "<bdi>0123abcd</bdi>", "3 more transfers began a longer time ago.", "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\027[31m",
	} {
		t.Run(want, func(t *testing.T) {
			if !strings.Contains(page, want) {
				t.Errorf("it is not in\n%s", page)
			}
		})
	}
	for _, not := range []string{"<script>alert", "\x1b", "\u202e", "style=", "Sources", "The last hour", "Definitions were read"} {
		t.Run("no "+not, func(t *testing.T) {
			if strings.Contains(page, not) {
				t.Errorf("it is in\n%s", page)
			}
		})
	}
}

// The daemon serves no firmware.
func TestNoFirmware(t *testing.T) {
	page := ask(Handler(&daemon{state: full()}), "GET", "/").Body.String()
	if strings.Contains(page, "<progress") || strings.Contains(page, "Transfers") {
		t.Error("the page of a daemon has transfers")
	}
}

func TestTransferTable(t *testing.T) {
	for _, test := range []struct {
		query string
		want  []string // addresses
	}{
		{"", []string{"192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.66"}},
		{"sort-transfers=8", []string{"192.0.2.66", "192.0.2.13", "192.0.2.12", "192.0.2.11"}},
		{"q=stopped", []string{"192.0.2.13"}},
	} {
		t.Run(test.query, func(t *testing.T) {
			query, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			if got := look(updating(), request{query}).Tables[0].column(0); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestOutlook(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		update status.Firmware
		want   string
	}{
		{status.Firmware{Version: "2_8_1"}, "Phones with all of firmware 2_8_1: 0. No phone is loading now."},
		{status.Firmware{Version: "2_8_1", Wanted: 6, Left: 240e6}, "Phones with all of firmware 2_8_1: 0 of 6. No phone is loading now. Left: 240.0 MB."},
		{status.Firmware{Version: "2_8_1", Done: 2, Has: 80e6}, "Phones with all of firmware 2_8_1: 2. No phone is loading now."},
		{status.Firmware{Version: "2_8_1", Loading: 2, Rate: 1500, Left: 12}, "Phones with all of firmware 2_8_1: 0. Loading now: 2, with 1.5 kB/s. Left: 12 B."},
	} {
		t.Run(test.want, func(t *testing.T) {
			u := sum(&test.update, now)
			if got := strings.Join(u.Sentences, " "); got != test.want || (u.Bar == nil) != (test.update.Has+test.update.Left == 0) {
				t.Errorf("%q with the bar %+v", got, u.Bar)
			}
		})
	}
}

func TestTransferEvent(t *testing.T) {
	text := encode([]status.Event{{Transfer: &updating().Firmware.Transfers[1]}})
	if !strings.HasPrefix(text, "event: transfer\ndata: {") || !strings.Contains(text, `"has":20000000`) {
		t.Errorf("the event is %q", text)
	}
}
