package phones

import (
	"bufio"
	"io"
	"path"
	"path/filepath"
	"strings"

	"announcer/internal/diag"
)

// packageName is the file of a firmware package that lists what is in it: a section [MODEL] for each model, with
// version= and file=.
const packageName = "digium_phones_firmware.conf"

// maxPackage is the most bytes that are read of such a file.
const maxPackage = 1 << 20

// section is one [MODEL] of a firmware package.
type section struct {
	model   string
	line    int
	version string
	file    string
}

// readPackage compares what a package file says with the files beside it. It also returns version and model where the
// name of a file does not.
func (s *scanner) readPackage(conf string) {
	f, _, err := OpenRegular(s.root, filepath.FromSlash(conf))
	if err != nil {
		s.warnf(conf, CodePackage, "it can't be read: %v", err)
		return
	}
	defer f.Close()
	sections, err := parsePackage(io.LimitReader(f, maxPackage))
	if err != nil {
		s.warnf(conf, CodePackage, "it can't be read: %v", err)
	}
	for _, section := range sections {
		s.section(conf, section)
	}
}

// parsePackage reads the sections; keys that are not known are passed over.
func parsePackage(r io.Reader) ([]section, error) {
	var sections []section
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			sections = append(sections, section{model: strings.TrimSpace(name), line: n})
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || len(sections) == 0 {
			continue
		}
		value, _, _ = strings.Cut(strings.TrimPrefix(value, ">"), ";") // "=>" and comments, as Asterisk has them
		last := &sections[len(sections)-1]
		switch strings.TrimSpace(key) {
		case "version":
			last.version = strings.TrimSpace(value)
		case "file":
			last.file = strings.TrimSpace(value)
		}
	}
	return sections, lines.Err()
}

func (s *scanner) section(conf string, sec section) {
	report := func(severity diag.Severity, format string, args ...any) {
		s.add(conf, sec.line, severity, CodePackage, format, args...)
	}
	if sec.file == "" || !modelForm.MatchString(sec.model) {
		return // [general], or what is no firmware
	}
	file := path.Join(path.Dir(conf), sec.file)
	size, there := s.sizes[file]
	if !there {
		report(diag.Error, "[%s] names the file %s, which does not exist; want the whole package", sec.model, sec.file)
		return
	}
	image := s.image(file)
	switch {
	case image == nil && CheckVersion(sec.version) == nil:
		s.images = append(s.images, Image{file, sec.model, sec.version, size})
	case image == nil:
	case image.Model != sec.model:
		report(diag.Error, "[%s] names the file of a %s, %s; want that of the model", sec.model, image.Model, sec.file)
	case sec.version != "" && image.Version != sec.version:
		report(diag.Warning, "[%s] has version %s, but the file is named %s; want one version", sec.model, sec.version, sec.file)
	}
}
