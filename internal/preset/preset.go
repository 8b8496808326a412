// Package preset makes groups of the stock definitions that are part of announcer.
package preset

import (
	"announcer/internal/avahixml"
	"announcer/internal/definition"
	"announcer/internal/diag"
	"announcer/services"
)

// Read fills in a stock definition, one of [Presets], without checking it. The error is a
// [*FillError] where a value is missing or wrong, else [diag.Findings].
func Read(preset string, fill Fill) (services.Group, error) {
	file, err := read(preset, fill)
	if err != nil {
		return services.Group{}, err
	}
	return file.Groups[0].Group, nil
}

func read(preset string, fill Fill) (*definition.File, error) {
	data, err := File(preset, fill)
	if err != nil {
		return nil, err
	}
	file := avahixml.Decode("preset "+preset, data)
	if err := withoutLines(file.Found.List()).Err(); err != nil {
		return nil, err
	}
	return file, nil
}

// Group fills in a stock definition as [Read] does, and checks it for a host that is named without its domain.
func Group(preset string, fill Fill, host string) (services.Group, error) {
	file, err := read(preset, fill)
	if err != nil {
		return services.Group{}, err
	}
	return file.Groups[0].Group, withoutLines(file.Check(host)).Err()
}

// withoutLines drops the lines and columns of a file that users don't see.
func withoutLines(findings diag.Findings) diag.Findings {
	for i := range findings {
		findings[i].Line, findings[i].Column = 0, 0
	}
	return findings
}
