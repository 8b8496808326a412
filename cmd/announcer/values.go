package main

import (
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
)

// checkValue reports an error if a flag, given as word, can't have the value. It leaves nothing for the flag library to
// complain about.
func checkValue(f cli.Flag, word, value string) error {
	switch f.(type) {
	case *cli.BoolFlag:
		if _, err := strconv.ParseBool(value); err != nil {
			return usagef("%s: %q is not allowed; want %[1]s alone", word, value)
		}
	case *cli.DurationFlag:
		return checkTime(word, value)
	case *cli.IntFlag, *cli.UintFlag:
		if _, err := strconv.ParseUint(value, 0, strconv.IntSize-1); err != nil {
			return usagef("%s: %q is not a whole number of 0 or more", word, value)
		}
	case *cli.Float64Flag:
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return usagef("%s: %q is not a number; want one such as 10 or 0.5", word, value)
		}
	}
	return nil
}

func checkTime(word, value string) error {
	if _, err := time.ParseDuration(value); err == nil {
		return nil
	}
	example := "10m or 1h30m"
	if _, err := time.ParseDuration(value + "s"); err == nil {
		example = value + "s"
	}
	return usagef("%s: %q is not a time; want a number with its unit, such as %s", word, value, example)
}

// timeFlag is a flag with a time of more than 0.
func timeFlag(f cli.DurationFlag) cli.Flag {
	name := f.Name
	f.Action = func(_ *cli.Context, d time.Duration) error {
		if d <= 0 {
			return usagef("--%s: %s is out of range; want more than 0s", name, d)
		}
		return nil
	}
	return &f
}

// forFlag is the flag that limits how long something is announced.
func forFlag(usage string) cli.Flag {
	return timeFlag(cli.DurationFlag{Name: "for", Usage: usage, DefaultText: "no limit"})
}
