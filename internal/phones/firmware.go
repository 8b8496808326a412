package phones

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"announcer/internal/diag"
	"announcer/internal/disk"
)

// The codes of what is odd about a directory of firmware.
const (
	CodeImageName  = "firmware/name"    // a file whose name has no version and model
	CodeImageKind  = "firmware/kind"    // no regular file, or a link that leads out of the directory
	CodeEmpty      = "firmware/empty"   // a file of no bytes
	CodeSmall      = "firmware/small"   // a file that is hardly whole
	CodeMixed      = "firmware/mixed"   // more than one version
	CodeModelTwice = "firmware/twice"   // two files for a model in a version
	CodeImageD80   = "firmware/d80"     // a file for the D80
	CodeImageModel = "firmware/model"   // a file for a model that nothing is known about
	CodePackage    = "firmware/package" // digium_phones_firmware.conf does not fit the files
)

const (
	imageSuffix = ".eff"
	maxEntries  = 5_000 // files and directories that a scan looks at
	maxDepth    = 10    // directories in each other
)

// Image is a firmware file of a model.
type Image struct {
	Path    string `json:"path"` // below the directory, with slashes
	Model   string `json:"model"`
	Version string `json:"version"`
	Size    int64  `json:"size"` // bytes
}

// Firmware is the firmware in a directory.
type Firmware struct {
	Images   []Image       // by version and model
	Findings diag.Findings // what is odd; an error where phones could not take what is there
}

// Scan looks for firmware in a directory and those below it: files whose name is VERSION_MODEL_firmware.eff, and what
// a digium_phones_firmware.conf beside them says. Nothing outside the directory is read. The error says that
// the directory can't be read.
func Scan(dir string) (Firmware, error) {
	root, err := OpenDirectory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Firmware{}, fmt.Errorf("%s: %s; want a directory with firmware", dir, absence(dir, err))
	} else if err != nil {
		return Firmware{}, fmt.Errorf("%s: the directory can't be read: %w", dir, err)
	}
	defer root.Close()
	s := scanner{dir: dir, root: root, sizes: map[string]int64{}}
	if err := s.walk(); err != nil {
		return Firmware{}, fmt.Errorf("%s: %w", dir, err)
	}
	for _, conf := range s.packages {
		s.readPackage(conf)
	}
	s.nameless()
	slices.SortFunc(s.images, func(a, b Image) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Path, b.Path))
	})
	s.judge()
	s.findings.Sort()
	return Firmware{s.images, s.findings}, nil
}

// absence returns why a directory does not exist.
func absence(dir string, err error) string {
	if dangling, ok := errors.AsType[*disk.DanglingError](disk.Explained(disk.OS, dir, err)); ok {
		return dangling.Error()
	}
	return "it does not exist"
}

// OpenDirectory opens a directory, and nothing else: a FIFO would be waited for.
func OpenDirectory(dir string) (*os.Root, error) { return os.OpenRoot(dir + "/.") }

// OpenRegular opens a regular file below a directory. Another, such as a FIFO that has taken its place, is neither opened nor
// waited for.
func OpenRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	return disk.Regular(name, root.Stat, func(name string) (*os.File, error) {
		return root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	})
}

type scanner struct {
	dir      string
	root     *os.Root
	sizes    map[string]int64 // of the .eff files, by path
	images   []Image
	packages []string // paths of digium_phones_firmware.conf
	findings diag.Findings
}

// add reports something about a file of the directory.
func (s *scanner) add(file string, line int, severity diag.Severity, code, format string, args ...any) {
	s.findings = append(s.findings, diag.Finding{
		File: filepath.Join(s.dir, filepath.FromSlash(file)), Line: line, Severity: severity, Code: code, Text: fmt.Sprintf(format, args...),
	})
}

func (s *scanner) warnf(file, code, format string, args ...any) {
	s.add(file, 0, diag.Warning, code, format, args...)
}

func (s *scanner) errorf(file, code, format string, args ...any) {
	s.add(file, 0, diag.Error, code, format, args...)
}

func (s *scanner) walk() error {
	entries := 0
	return fs.WalkDir(s.root.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		entries++
		switch {
		case err != nil && file == ".":
			return fmt.Errorf("the directory can't be read: %w", err)
		case err != nil:
			s.warnf(file, CodeImageKind, "it can't be read: %v", err)
			return nil
		case entries > maxEntries:
			return fmt.Errorf("there are more than %d files; want a directory with firmware alone", maxEntries)
		case d.IsDir() && strings.Count(file, "/") == maxDepth:
			s.warnf(file, CodeImageKind, "it is %d directories deep, and is not searched", maxDepth)
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		s.entry(file, d)
		return nil
	})
}

// entry looks at what is no directory.
func (s *scanner) entry(file string, d fs.DirEntry) {
	name := path.Base(file)
	isLink := d.Type()&fs.ModeSymlink != 0
	if !strings.HasSuffix(name, imageSuffix) && name != packageName && !isLink {
		return
	}
	info, err := s.root.Stat(filepath.FromSlash(file))
	switch {
	case err != nil && isLink:
		s.warnf(file, CodeImageKind, "the link leads out of the directory, or to nothing; it is left out; want the file itself")
	case err != nil:
		s.warnf(file, CodeImageKind, "it can't be read: %v", err)
	case info.IsDir():
		s.warnf(file, CodeImageKind, "links to directories are not followed; want the directory itself")
	case !strings.HasSuffix(name, imageSuffix) && name != packageName:
	case !info.Mode().IsRegular():
		s.warnf(file, CodeImageKind, "it is not a regular file, and is left out")
	case name == packageName:
		s.packages = append(s.packages, file)
	default:
		s.sizes[file] = info.Size()
		if version, model, ok := parseImageName(name); ok {
			s.images = append(s.images, Image{file, model, version, info.Size()})
		}
	}
}

// image returns the image that is made of a file, nil for none.
func (s *scanner) image(file string) *Image {
	i := slices.IndexFunc(s.images, func(image Image) bool { return image.Path == file })
	if i < 0 {
		return nil
	}
	return &s.images[i]
}

// nameless reports the files without version and model.
func (s *scanner) nameless() {
	for file := range s.sizes {
		if s.image(file) == nil {
			s.warnf(file, CodeImageName, "the name has no version and model, and the file is left out; want VERSION_MODEL_firmware.eff, such as 2_8_1_D40_firmware.eff")
		}
	}
}

// judge reports what is odd about the images.
func (s *scanner) judge() {
	if len(s.images) == 0 {
		s.errorf("", CodeImageName, "there is no firmware; want files such as 2_8_1_D40_firmware.eff")
		return
	}
	for i, image := range s.images {
		s.judgeModel(image)
		s.judgeSize(image)
		if i > 0 && s.images[i-1].Version == image.Version && s.images[i-1].Model == image.Model {
			s.errorf(image.Path, CodeModelTwice, "%s is firmware %s for the %s, too; want one file for each model", s.images[i-1].Path, image.Version, image.Model)
		}
	}
	if all := versions(s.images); len(all) > 1 {
		s.warnf("", CodeMixed, "there are %d versions, %s; phones that find two announcements stop and ask a person; want one at a time", len(all), strings.Join(all, ", "))
	}
}

func (s *scanner) judgeModel(image Image) {
	switch {
	case image.Model == noMulticast:
		s.warnf(image.Path, CodeImageD80, "the D80 does not look for firmware by multicast DNS, and is not announced; want the firmware in its configuration")
	case !Known(image.Model):
		s.warnf(image.Path, CodeImageModel, "nothing is known of a model %s; it is taken as it is; the known ones are %s", image.Model, strings.Join(models, ", "))
	}
}

func (s *scanner) judgeSize(image Image) {
	usual := s.usualSize(image.Version)
	switch {
	case image.Size == 0:
		s.errorf(image.Path, CodeEmpty, "the file is empty; want it fetched again")
	case image.Size < SmallImage:
		s.warnf(image.Path, CodeSmall, "the file has %d bytes only; firmware has tens of megabytes; was it fetched whole?", image.Size)
	case image.Size < usual/2:
		s.warnf(image.Path, CodeSmall, "the file has %d bytes, less than half of what is usual in its version, %d; was it fetched whole?", image.Size, usual)
	}
}

// usualSize returns the middle one of the sizes of a version.
func (s *scanner) usualSize(version string) int64 {
	var sizes []int64
	for _, image := range s.images {
		if image.Version == version {
			sizes = append(sizes, image.Size)
		}
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}

func versions(images []Image) []string {
	var all []string
	for _, image := range images {
		all = append(all, image.Version)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Versions returns the versions that there is firmware of.
func (f Firmware) Versions() []string { return versions(f.Images) }

// Release is the firmware of one version: one image for each model.
type Release struct {
	Version string
	Images  []Image
}

// Release returns the firmware of a version; "" stands for the only one that there is. The error says what keeps it
// from being given to phones.
func (f Firmware) Release(version string) (Release, error) {
	if err := f.Findings.Err(); err != nil {
		return Release{}, err
	}
	all := f.Versions()
	switch {
	case version == "" && len(all) > 1:
		return Release{}, fmt.Errorf("there are the versions %s; want one of them", strings.Join(all, ", "))
	case version == "":
		version = all[0]
	case !slices.Contains(all, version):
		return Release{}, fmt.Errorf("there is no version %q; want one of %s", version, strings.Join(all, ", "))
	}
	r := Release{Version: version}
	for _, image := range f.Images {
		if image.Version == version {
			r.Images = append(r.Images, image)
		}
	}
	return r, nil
}
