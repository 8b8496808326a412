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
// The vendor says that both are in it, not where; what is not found is "".
func ParseAgent(agent string) (model, version string) {
	if len(agent) > 500 {
		return "", "" // no phone's
	}
	found := agentModel.FindAllString(agent, -1)
	if i := slices.IndexFunc(found, Known); i >= 0 {
		model = found[i]
	}
	return model, agentVersion.FindString(agent)
}
