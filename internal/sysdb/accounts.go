package sysdb

import (
	"os/user"
	"strings"
)

// User returns the name of the user with a number, "" if there is none.
func User(id string) string {
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return named(passwdFile, id)
}

// Group returns the name of the group with a number, "" if there is none.
func Group(id string) string {
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return named(groupFile, id)
}

// named returns the name that belongs to a number in a file such as passwd(5) and group(5).
func named(path, id string) string {
	text, _ := current(path)
	for line := range strings.Lines(text) {
		if fields := strings.Split(line, ":"); len(fields) > 2 && fields[2] == id {
			return fields[0]
		}
	}
	return ""
}
