package disk

import "golang.org/x/sys/unix"

// eventlessSystems are file systems that others can change without this kernel's knowledge, by the number of statfs(2).
var eventlessSystems = map[uint32]string{
	unix.NFS_SUPER_MAGIC:       "NFS",
	unix.SMB_SUPER_MAGIC:       "SMB",
	unix.SMB2_SUPER_MAGIC:      "SMB",
	unix.CIFS_SUPER_MAGIC:      "SMB",
	unix.V9FS_MAGIC:            "9p",
	unix.FUSE_SUPER_MAGIC:      "FUSE",
	unix.OVERLAYFS_SUPER_MAGIC: "an overlay",
	unix.AFS_SUPER_MAGIC:       "AFS",
	unix.CEPH_SUPER_MAGIC:      "Ceph",
	unix.CODA_SUPER_MAGIC:      "Coda",
	0x786F4256:                 "a folder that VirtualBox shares",
}

func (host) Eventless(dir string) string {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return ""
	}
	return eventlessSystems[uint32(stat.Type)]
}
