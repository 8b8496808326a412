package fleet

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// UnknownError is a name or glob for which there is nothing in the store.
type UnknownError struct{ Text string }

func (e *UnknownError) Error() string { return e.Text }

func unknown(format string, args ...any) error { return &UnknownError{fmt.Sprintf(format, args...)} }

// Choose returns the names of the sites that globs choose, sorted. A name without wildcards may be that of a new site,
// unless there must be one.
func (f Fleet) Choose(globs []string, known bool) ([]string, error) {
	chosen := map[string]bool{}
	for _, glob := range globs {
		names := f.Sites(glob)
		switch isName := !strings.ContainsAny(glob, `*?[\`); {
		case isName && checkSite(glob) != nil:
			return nil, checkSite(glob)
		case len(names) == 0 && isName && !known:
			names = []string{glob}
		case len(names) == 0:
			return nil, unknown("no site matches %q; announcer sites lists them", glob)
		}
		for _, name := range names {
			chosen[name] = true
		}
	}
	return slices.Sorted(maps.Keys(chosen)), nil
}

// checkSite reports what is wrong with the name of a site.
func checkSite(name string) error {
	if name == Common {
		return nil
	}
	if name == "" || strings.Contains(name, "/") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return unknown("%q is not the name of a site; want one such as berlin, without a slash", name)
	}
	return nil
}

// CheckGlob reports what is wrong with a glob of sites.
func CheckGlob(glob string) error {
	if _, err := path.Match(glob, ""); err != nil || glob == "" {
		return fmt.Errorf("%q is not a pattern of names; want one such as berlin or de-*", glob)
	}
	return nil
}
