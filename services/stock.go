package services

import "embed"

// Stock holds the stock definitions: templates of Avahi service files.
//
//go:embed *.service
var Stock embed.FS
