package phones

import (
	"regexp"
	"slices"
)

var (
	agentModel   = regexp.MustCompile(`\b` + modelPattern + `\b`)
	agentVersion = regexp.MustCompile(`\b[0-9]+(?:[._][0-9]+){2,3}(?:[._][0-9a-f]+)?\b`)
)

// ParseAgent finds the model and the version of the installed firmware in the User-Agent of a phone's HTTP request.
// The vendor says that both are in it, not where; what is not found is "". Without a model it is not a phone's.
func ParseAgent(agent string) (model, version string) {
	if len(agent) > 500 {
		return "", ""
	}
	found := agentModel.FindAllString(agent, -1)
	i := slices.IndexFunc(found, Known)
	if i < 0 {
		return "", ""
	}
	return found[i], agentVersion.FindString(agent)
}
