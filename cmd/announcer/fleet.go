package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/urfave/cli/v2"

	"announcer/internal/config"
	"announcer/internal/fleet"
	"announcer/internal/remote"
	"announcer/internal/source"
)

// storeTime is how long etcd may take to answer.
const storeTime = 10 * time.Second

// fleetFlags are those of the commands about many sites.
func fleetFlags(site string) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "site", Usage: site, Action: func(_ *cli.Context, globs []string) error {
			for _, glob := range globs {
				if err := fleet.CheckGlob(glob); err != nil {
					return usagef("--site: %w", err)
				}
			}
			return nil
		}},
		&cli.StringFlag{Name: "etcd", Usage: "use the store `URL`, etcd://HOST[:PORT][,HOST...]/ROOT/ (default: the first one of services in the configuration)"},
		&cli.StringFlag{Name: "config", Usage: "take [remote], and the store, from the configuration `FILE` (default: " + defaultConfig + " if it exists)"},
	}
}

// openStore returns the store that the flags or the configuration name, and the root of the fleet in it.
func openStore(c *cli.Context) (store fleet.Etcd, root fleet.Root, err error) {
	cfg, err := fleetConfig(c)
	if err != nil {
		return store, "", err
	}
	url := cmp.Or(c.String("etcd"), firstStore(cfg.Services))
	if url == "" {
		return store, "", usagef("%s: no store is named; want --etcd etcd://HOST/announcer/, or one in services of the configuration", c.Command.Name)
	}
	place, err := remote.ParseFleet(url)
	if err != nil {
		return store, "", usagef("%s: %s: %w", c.Command.Name, remote.Shown(url), err)
	}
	store, err = inTime(c.Context, func(ctx context.Context) (fleet.Etcd, error) { return fleet.Dial(ctx, url, cfg.Remote) })
	return store, fleet.Root(place.Root), err
}

// fleetConfig returns the configuration of the flags.
func fleetConfig(c *cli.Context) (config.Config, error) {
	file := cmp.Or(c.String("config"), defaultConfig)
	data, err := source.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !c.IsSet("config") {
		return config.Default(), nil
	}
	if err != nil {
		return config.Config{}, fmt.Errorf("--config: %s can't be read: %w", file, err)
	}
	cfg, written := config.Load(file, data)
	if findings := written.Check(source.HostName()); findings.Err() != nil {
		printFindings(faults(c), findings.Errors())
		return cfg, silent(exitInvalid)
	}
	return cfg, nil
}

// firstStore returns the first place in etcd, "" if there is none.
func firstStore(places []string) string {
	for _, place := range places {
		if remote.IsPrefix(place) {
			return place
		}
	}
	return ""
}

// inTime calls a request to the store, which must answer in time.
func inTime[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, storeTime, fmt.Errorf("etcd does not answer within %s", storeTime))
	defer cancel()
	value, err := request(ctx)
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	return value, err
}
