// Package preset makes groups of the stock definitions that are part of announcer.
package preset

import (
	"announcer/internal/avahixml"
	"announcer/services"
)

// Group fills in a stock definition, one of [services.Presets], for a host that is named without its domain. The
// error is a [*services.FillError] where a value is missing or wrong, else [diag.Findings].
func Group(preset string, fill services.Fill, host string) (services.Group, error) {
	data, err := services.Stock(preset, fill)
	if err != nil {
		return services.Group{}, err
	}
	group, findings := avahixml.Decode("preset "+preset, data, host)
	for i := range findings {
		findings[i].Line, findings[i].Column = 0, 0 // of a file that nobody sees
	}
	return group, findings.Err()
}
