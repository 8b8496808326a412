package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"announcer/internal/diag"
	"announcer/internal/escape"
	"announcer/internal/phones"
)

func dhcpCommand() *cli.Command {
	return command(cli.Command{
		Name:      "dhcp",
		Usage:     "print DHCP configuration that points phones to their server, for links without multicast",
		UsageText: "announcer dhcp --for SERVER --url URL [--per-model]\nannouncer dhcp decode STRING",
		Description: "Phones send their model and version in option 60 and read their server from option 66. " + phones.DHCPWarning +
			" The subcommand decode explains a value of option 60.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "for", Usage: "write the configuration of `SERVER`: " + strings.Join(phones.DHCPServers(), ", ")},
			&cli.StringFlag{Name: "url", Usage: "send phones to `URL`: http://10.1.2.3/, also https, ftp or ftps; or sip:proxy@HOST for a DPMA or Switchvox server"},
			&cli.BoolFlag{Name: "per-model", Usage: "make a class for each model; {model} in the URL stands for the model"},
		},
		Subcommands: []*cli.Command{command(cli.Command{
			Name:      "decode",
			Usage:     "explain a value of option 60",
			ArgsUsage: "STRING",
			UsageText: "announcer dhcp decode STRING [--json]",
			Flags:     []cli.Flag{jsonFlag()},
			Action:    dhcpDecode,
		})},
		Action: dhcp,
	})
}

func dhcp(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("dhcp: unknown argument %q; want flags alone, or decode STRING", c.Args().First())
	}
	server := c.String("for")
	if !slices.Contains(phones.DHCPServers(), server) {
		return usagef("--for: %q is not a supported DHCP server%s; want one of %s", server,
			diag.DidYouMean(server, phones.DHCPServers()), strings.Join(phones.DHCPServers(), ", "))
	}
	text, err := phones.DHCPConfig(server, c.String("url"), c.Bool("per-model"))
	if err != nil {
		return usagef("--url: %w", err)
	}
	escape.Fprintf(c.App.ErrWriter, "announcer: %s\n", phones.DHCPWarning)
	_, err = fmt.Fprint(c.App.Writer, text)
	return err
}

func dhcpDecode(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("dhcp decode: want one value of option 60, such as digium_D40_1_4_0_0_63880")
	}
	class, err := phones.ParseVendorClass(c.Args().First())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return escape.WriteJSON(c.App.Writer, decodeOutput{formatVersion, class})
	}
	model := class.Model
	if !class.Known {
		model += " (an unknown model)"
	}
	_, err = escape.Fprintf(c.App.Writer, "vendor    %s\nmodel     %s\nfirmware  %s\n", class.Vendor, model, class.Version)
	return err
}
