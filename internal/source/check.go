package source

import (
	"announcer/internal/diag"
	"announcer/internal/health"
	"announcer/internal/publication"
)

// checkProblems reports whether the checks that are wanted for groups cannot be made.
func checkProblems(groups []publication.Publication) (findings diag.Findings) {
	for _, p := range groups {
		findings = append(findings, checkProblem(p)...)
	}
	return findings
}

// checkProblem reports whether the check that a rule wants can't be done.
func checkProblem(p publication.Publication) diag.Findings {
	if _, err := health.Plan(p); err != nil {
		return diag.Findings{{File: p.ID, Element: "check", Severity: diag.Error, Text: err.Error()}}
	}
	return nil
}
