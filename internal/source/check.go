package source

import (
	"announcer/internal/diag"
	"announcer/internal/health"
	"announcer/internal/publication"
)

// checkProblem reports whether the check that a rule wants can't be done.
func checkProblem(p publication.Publication) diag.Findings {
	if _, err := health.Plan(p); err != nil {
		return diag.Findings{{File: p.ID, Element: "check", Severity: diag.Error, Text: err.Error()}}
	}
	return nil
}
