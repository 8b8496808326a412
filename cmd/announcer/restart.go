package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/restart"
	"announcer/internal/sip"
)

// The most that restart takes.
const (
	maxRate     = 1000
	maxParallel = 1000
)

// staysConfigured is what people expect of a restart, and don't get.
const staysConfigured = "A phone that has been configured does not look for a server again when it restarts: that takes a reset to factory defaults."

func restartCommand() *cli.Command {
	return command(cli.Command{
		Name:      "restart",
		Usage:     "restart phones by SIP NOTIFY check-sync",
		ArgsUsage: "ADDRESS...",
		UsageText: "announcer restart [--event EVENT] ADDRESS[:PORT]...\n" +
			"announcer restart [--event EVENT] --file LIST\n" +
			"announcer restart [--event EVENT] --cidr NETWORK --confirm",
		Description: "Asks each phone to restart, 10 phones a second by default, and prints the answers. " + staysConfigured +
			" Exits with 1 unless every phone answered with 200. Phones accept check-sync unless enable_check_sync is off in their configuration." +
			" Some models may accept it only from their server, or only with a user in the request (--user).",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Usage: "ask the phones in the file `LIST`, one address a line; - is standard input"},
			&cli.StringSliceFlag{Name: "cidr", Usage: "ask every address in `NETWORK`, such as 10.1.2.0/24; may be repeated"},
			&cli.BoolFlag{Name: "confirm", Usage: "confirm that every phone in the networks of --cidr restarts"},
			&cli.StringFlag{Name: "event", Usage: "ask for `EVENT`: restart, reboot (restarts P-series phones) or resync (a P-series phone reads its configuration again)", Value: string(restart.Restart)},
			&cli.StringFlag{Name: "transport", Usage: "use `TRANSPORT` " + strings.Join(sip.Transports(), ", ") + "; the default port is 5060, with tls 5061", Value: sip.Transports()[0]},
			&cli.StringFlag{Name: "user", Usage: "put `USER` into the request, such as 1001, for phones that need their account name there"},
			&cli.Float64Flag{Name: "rate", Usage: "ask `NUMBER` phones a second", Value: 10},
			&cli.IntFlag{Name: "parallel", Usage: "wait for at most `NUMBER` phones at a time", Value: 100},
			&cli.DurationFlag{Name: "timeout", Usage: "wait `TIME` for the answer of a phone", Value: 10 * time.Second},
			&cli.BoolFlag{Name: "dry-run", Usage: "only print which phones would be asked"},
			jsonFlag(),
		},
		Action: restartAction,
	})
}

func restartAction(c *cli.Context) error {
	batch, err := newBatch(c)
	if err != nil {
		return err
	}
	phones, err := phonesToRestart(c, batch.Transport)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return printPhones(c, batch, phones)
	}
	bar := newProgress(c.App.Writer, c.App.ErrWriter, len(phones))
	results := batch.Run(c.Context, phones, func(r restart.Result) { bar.step(r.OK()) })
	bar.clear()
	if err := printResults(c, batch.Event, results); err != nil {
		return err
	}
	accepted := granted(results)
	if accepted > 0 && batch.Event != restart.Resync {
		escape.Fprintf(c.App.ErrWriter, "announcer: %s\n", staysConfigured)
	}
	if accepted < len(results) {
		return silent(exitFailed)
	}
	return nil
}

// newBatch returns what the flags say of how to ask.
func newBatch(c *cli.Context) (restart.Batch, error) {
	b := restart.Batch{
		Ask: sip.Notify, Event: restart.Event(c.String("event")), User: c.String("user"), Transport: sip.Transport(c.String("transport")),
		Timeout: c.Duration("timeout"), Parallel: c.Int("parallel"), Rate: c.Float64("rate"),
	}
	switch transports, events := sip.Transports(), restart.Events(); {
	case !slices.Contains(events, string(b.Event)):
		return b, usagef("--event: %q is not an event%s; want one of %s", b.Event, diag.DidYouMean(string(b.Event), events), strings.Join(events, ", "))
	case !slices.Contains(transports, string(b.Transport)):
		return b, usagef("--transport: %q is not a transport%s; want one of %s", b.Transport, diag.DidYouMean(string(b.Transport), transports), strings.Join(transports, ", "))
	case b.Timeout < 100*time.Millisecond || b.Timeout > sip.GiveUp:
		return b, usagef("--timeout: %s; want from 100ms to %s, when a SIP request fails", b.Timeout, sip.GiveUp)
	case b.Parallel < 1 || b.Parallel > maxParallel:
		return b, usagef("--parallel: %d; want from 1 to %d", b.Parallel, maxParallel)
	case math.IsNaN(b.Rate) || b.Rate < 0.01 || b.Rate > maxRate:
		return b, usagef("--rate: %g; want from 0.01 to %d phones a second", b.Rate, maxRate)
	}
	if c.IsSet("user") {
		if err := sip.CheckUser(b.User); err != nil {
			return b, usagef("--user: %q is not allowed in a request; %w", b.User, err)
		}
	}
	return b, nil
}

// phonesToRestart returns those that are named, those in the list, and those in the networks.
func phonesToRestart(c *cli.Context, transport sip.Transport) ([]netip.AddrPort, error) {
	var phones []netip.AddrPort
	for _, text := range c.Args().Slice() {
		phone, err := restart.ParsePhone(text, transport)
		if err != nil {
			return nil, usagef("restart: %w", err)
		}
		phones = append(phones, phone)
	}
	if file := c.String("file"); file != "" {
		listed, err := phonesInFile(c.Context, file, transport)
		if findings, ok := errors.AsType[diag.Findings](err); ok {
			printFindings(c.App.ErrWriter, findings)
			return nil, silent(exitInvalid)
		} else if err != nil {
			return nil, err
		}
		phones = append(phones, listed...)
	}
	for _, text := range c.StringSlice("cidr") {
		network, err := restart.ParseNetwork(text, transport)
		if err != nil {
			return nil, usagef("--cidr: %w", err)
		}
		if !c.Bool("confirm") && !c.Bool("dry-run") {
			return nil, usagef("--cidr: %s stands for %s, which would all restart; want --confirm too, or --dry-run", text, count(len(network), "phone"))
		}
		phones = append(phones, network...)
	}
	if len(phones) == 0 {
		return nil, usagef("restart: no phones; want addresses, --file LIST or --cidr NETWORK --confirm")
	}
	return restart.Unique(phones), nil
}

func phonesInFile(ctx context.Context, file string, transport sip.Transport) ([]netip.AddrPort, error) {
	data, err := readInput(ctx, file)
	if ctx.Err() != nil {
		return nil, errors.New("--file: stopped before the list was read; no phone was asked")
	}
	if err != nil {
		return nil, diag.Findings{{File: file, Severity: diag.Error, Text: err.Error()}}
	}
	return restart.ParseList(file, data, transport)
}

// printPhones reports who would be asked.
func printPhones(c *cli.Context, b restart.Batch, phones []netip.AddrPort) error {
	if c.Bool("json") {
		results := make([]restart.Result, len(phones))
		for i, phone := range phones {
			results[i] = b.NotAsked(phone)
		}
		return escape.WriteJSON(c.App.Writer, restartJSON(b.Event, results))
	}
	for _, phone := range phones {
		escape.Fprintf(c.App.Writer, "%s\n", phone)
	}
	took := time.Duration(float64(len(phones)-1) / b.Rate * float64(time.Second))
	_, err := escape.Fprintf(c.App.Writer, "%s would be asked by %s, within %s\n", count(len(phones), "phone"), b.Transport, took.Round(100*time.Millisecond))
	return err
}

func restartJSON(event restart.Event, results []restart.Result) restartOutput {
	phones := []restartedPhone{}
	for _, r := range results {
		agent := r.Agent()
		phones = append(phones, restartedPhone{r.Phone, agent.Model, agent.Version, r.Word(), r.Answer.Code, r.Answer.Reason, r.Detail(), r.Took.Seconds()})
	}
	return restartOutput{formatVersion, event, granted(results), phones}
}

// granted counts the phones that accepted the event.
func granted(results []restart.Result) int {
	n := 0
	for _, r := range results {
		if r.OK() {
			n++
		}
	}
	return n
}

// restartDetail is the result in a sentence, with what the phone has said of itself.
func restartDetail(r restart.Result) string {
	agent := r.Agent()
	if agent.Model == "" {
		return r.Detail()
	}
	return fmt.Sprintf("%s (%s)", r.Detail(), strings.TrimSpace(agent.Model+" "+agent.Version))
}

func printResults(c *cli.Context, event restart.Event, results []restart.Result) error {
	if c.Bool("json") {
		return escape.WriteJSON(c.App.Writer, restartJSON(event, results))
	}
	var rows [][]string
	for _, r := range results {
		took := "-"
		if r.Took > 0 {
			took = fmt.Sprintf("%dms", r.Took.Milliseconds())
		}
		rows = append(rows, []string{r.Phone.String(), r.Word(), took, restartDetail(r)})
	}
	if err := table(c.App.Writer, "PHONE RESULT TIME DETAIL", rows); err != nil {
		return err
	}
	doing := "restarting"
	if event == restart.Resync {
		doing = "reading the configuration again"
	}
	_, err := escape.Fprintf(c.App.Writer, "%s: %d of %s\n", doing, granted(results), count(len(results), "phone"))
	return err
}
