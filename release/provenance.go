package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What the provenance says of how a release is made. A change of what the fields mean gives it another version.
const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"
	buildType     = "urn:announcer:make-release:v1"
	builderID     = "urn:announcer:make-release"
)

// statement is an in-toto statement (v1) about files.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

// resource is a file, a commit or a module with its checksum: an in-toto ResourceDescriptor.
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// predicate is the provenance of SLSA (v1).
type predicate struct {
	BuildDefinition struct {
		BuildType            string         `json:"buildType"`
		ExternalParameters   map[string]any `json:"externalParameters"`
		InternalParameters   map[string]any `json:"internalParameters"`
		ResolvedDependencies []resource     `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID      string            `json:"id"`
			Version map[string]string `json:"version"`
		} `json:"builder"`
		Metadata map[string]string `json:"metadata"`
	} `json:"runDetails"`
}

// writeProvenance writes how all files of the release were made, and of what.
func (r *release) writeProvenance() error {
	s := statement{Type: statementType, PredicateType: predicateType}
	names, err := r.published()
	if err != nil {
		return err
	}
	for _, name := range names {
		sum, err := sumOf(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		s.Subject = append(s.Subject, resource{Name: name, Digest: map[string]string{"sha256": sum}})
	}
	definition := &s.Predicate.BuildDefinition
	definition.BuildType = buildType
	definition.ExternalParameters = map[string]any{"platforms": r.platforms, "packages": r.packages, "version": r.version}
	definition.InternalParameters = map[string]any{"environment": fixedEnv, "sourceDateEpoch": r.time.Unix()}
	definition.ResolvedDependencies, err = r.materials()
	if err != nil {
		return err
	}
	s.Predicate.RunDetails.Builder.ID = builderID
	s.Predicate.RunDetails.Builder.Version = map[string]string{"go": r.golang}
	s.Predicate.RunDetails.Metadata = map[string]string{"startedOn": r.time.Format("2006-01-02T15:04:05Z"), "finishedOn": r.time.Format("2006-01-02T15:04:05Z")}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, provenanceFile), append(text, '\n'), readable)
}

// materials returns what the release is made of: the commit, Go, and the modules that are linked on any platform.
func (r *release) materials() ([]resource, error) {
	all := []resource{
		{Name: "source", Digest: map[string]string{"gitCommit": r.commit}},
		{Name: "go", URI: "pkg:golang/std@" + strings.TrimPrefix(r.golang, "go")},
	}
	sums, err := r.moduleSums()
	if err != nil {
		return nil, err
	}
	linked := map[string]bool{}
	for _, name := range r.platforms {
		system, arch, _ := strings.Cut(name, "-")
		list := r.command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/announcer")
		out, err := list(platform{system, arch}.env()...)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			linked[strings.TrimSpace(line)] = true
		}
	}
	delete(linked, "")
	for _, module := range sorted(linked) {
		path, version, _ := strings.Cut(module, " ")
		sum, err := base64.StdEncoding.DecodeString(sums[module])
		if err != nil || len(sum) == 0 {
			return nil, fmt.Errorf("go.sum has no checksum of %s", module)
		}
		all = append(all, resource{URI: "pkg:golang/" + path + "@" + version, Digest: map[string]string{"dirHash1": hex.EncodeToString(sum)}})
	}
	return all, nil
}

// moduleSums returns the checksums in go.sum, by path and version.
func (r *release) moduleSums() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(r.root, "go.sum"))
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 {
			sums[fields[0]+" "+fields[1]] = strings.TrimPrefix(fields[2], "h1:")
		}
	}
	return sums, err
}

func sorted(set map[string]bool) []string {
	var all []string
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
