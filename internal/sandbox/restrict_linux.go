package sandbox

import (
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	kernel "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

const (
	readFile = kernel.AccessFSReadFile
	readDir  = kernel.AccessFSReadFile | kernel.AccessFSReadDir
	writeDir = readDir | kernel.AccessFSWriteFile | kernel.AccessFSTruncate | kernel.AccessFSMakeReg | kernel.AccessFSMakeSock | kernel.AccessFSRemoveFile
)

// supported returns the version of Landlock that the kernel has, 0 for none.
func supported() int {
	version, err := kernel.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return version
}

// restrict puts all threads under the rules. What the kernel can't restrict yet stays as it is.
func restrict(r Rules, g grants) error {
	cfg := landlock.Config{HandledAccessFS: landlock.V5.HandledAccessFS}
	if !r.Listen {
		cfg.HandledAccessNet |= kernel.AccessNetBindTCP
	}
	if !r.Connect {
		cfg.HandledAccessNet |= kernel.AccessNetConnectTCP
	}
	var rules []landlock.Rule
	for _, path := range g.read {
		access := landlock.AccessFSSet(readDir)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			access = readFile
		}
		rules = append(rules, landlock.PathAccess(access, path).IgnoreIfMissing())
	}
	for _, path := range g.write {
		rules = append(rules, landlock.PathAccess(writeDir, path).IgnoreIfMissing())
	}
	return cfg.BestEffort().Restrict(rules...)
}
