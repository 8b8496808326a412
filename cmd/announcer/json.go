package main

import (
	"net/netip"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/diag"
	"announcer/internal/diagnosis"
	"announcer/internal/fleet"
	"announcer/internal/mdns/browse"
	"announcer/internal/phones"
	"announcer/internal/restart"
	"announcer/internal/status"
)

// formatVersion is the version of all JSON that the commands print, which docs/json.md and docs/json.schema.json describe.
const formatVersion = status.Version

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON"}
}

// The outputs of the commands with --json.
type (
	listOutput struct {
		Version  int             `json:"version"`
		Services []listedService `json:"services"`
	}

	validateOutput struct {
		Version  int            `json:"version"`
		Files    int            `json:"files"`
		Errors   int            `json:"errors"`
		Warnings int            `json:"warnings"`
		Findings diag.Findings  `json:"findings"`
		Probes   []phones.Probe `json:"probes,omitempty"`
	}

	verifyOutput struct {
		Version  int           `json:"version"`
		Results  []verdict     `json:"results"`
		Findings diag.Findings `json:"findings"`
	}

	doctorOutput struct {
		Version  int                 `json:"version"`
		Healthy  bool                `json:"healthy"`
		Findings []diagnosis.Finding `json:"findings"`
	}

	typesOutput struct {
		Version int         `json:"version"`
		Types   []foundType `json:"types"`
	}

	servicesOutput struct {
		Version  int            `json:"version"`
		Services []shownService `json:"services"`
	}

	changeOutput struct {
		Version int               `json:"version"`
		Event   browse.ChangeKind `json:"event"`
		Service shownService      `json:"service"`
	}

	serviceOutput struct {
		Version int          `json:"version"`
		Service shownService `json:"service"`
	}

	hostsOutput struct {
		Version int         `json:"version"`
		Hosts   []shownHost `json:"hosts"`
	}

	restartOutput struct {
		Version   int              `json:"version"`
		Event     restart.Event    `json:"event"`
		Restarted int              `json:"restarted"`
		Phones    []restartedPhone `json:"phones"`
	}

	scanOutput struct {
		Version  int            `json:"version"`
		Dir      string         `json:"dir"`
		Images   []phones.Image `json:"images"`
		Findings diag.Findings  `json:"findings"`
	}

	// serveOutput is a line: one of images, announced, transfer and missed is set.
	serveOutput struct {
		Version   int               `json:"version"`
		Images    []status.Image    `json:"images,omitempty"`
		Page      string            `json:"page,omitempty"`
		Announced *announcedService `json:"announced,omitempty"`
		Transfer  *status.Transfer  `json:"transfer,omitempty"`
		Missed    int               `json:"missed,omitempty"` // lines about transfers that were left out
	}

	sitesOutput struct {
		Version  int         `json:"version"`
		Revision int64       `json:"revision"` // of the store
		Hosts    []fleet.Row `json:"hosts"`
	}

	siteOutput struct {
		Version int       `json:"version"`
		Host    fleet.Row `json:"host"`
	}

	decodeOutput struct {
		Version int                `json:"version"`
		Class   phones.VendorClass `json:"class"`
	}
)

type listedService struct {
	File     string   `json:"file"`
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Domain   string   `json:"domain"`
	Protocol string   `json:"protocol"`
	Host     string   `json:"host"`
	Port     uint16   `json:"port"`
	Links    []string `json:"links"`
	State    string   `json:"state"`
	Why      string   `json:"why,omitempty"`
}

type announcedService struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Link string `json:"link"`
}

type foundType struct {
	Type string `json:"type"`
	Link string `json:"link"`
}

// shownService is a service in the output of browse, resolve and verify.
type shownService struct {
	Name      string          `json:"name"`
	Type      string          `json:"type"`
	Domain    string          `json:"domain"`
	Host      string          `json:"host"`
	Port      uint16          `json:"port"`
	Addresses []netip.Addr    `json:"addresses"`
	TXT       []config.RawTXT `json:"txt"`
	Link      string          `json:"link"`
	From      []shownSender   `json:"from,omitempty"`
}

// shownSender is a host that announces a service.
type shownSender struct {
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac,omitempty"`
}

type shownHost struct {
	Host      string        `json:"host"`
	Addresses []netip.Addr  `json:"addresses"`
	Link      string        `json:"link"`
	From      []shownSender `json:"from"`
}

type verdict struct {
	Result      browse.Verdict      `json:"result"`
	File        string              `json:"file,omitempty"`
	Service     shownService        `json:"service"`
	Differences []browse.Difference `json:"differences,omitempty"`
}

type restartedPhone struct {
	Phone    netip.AddrPort `json:"phone"`
	Model    string         `json:"model,omitempty"`    // by its User-Agent
	Firmware string         `json:"firmware,omitempty"` // likewise
	Result   string         `json:"result"`             // "200" or another code, or see restart.Result.Word
	Code     int            `json:"code,omitempty"`     // of the answer
	Reason   string         `json:"reason,omitempty"`   // of the answer, in the phone's words
	Detail   string         `json:"detail"`             // for people
	Seconds  float64        `json:"seconds"`            // from the request to the answer
}
