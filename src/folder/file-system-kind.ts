import { statfs } from 'node:fs/promises';

/**
 * File systems whose changes may be made elsewhere, without an event here: `f_type` of statfs(2), linux/magic.h. FUSE is
 * among them because sshfs, rclone and the like are.
 */
const REMOTE_TYPES: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2 and later
  0x65735546, // FUSE
  0x01021997, // 9p
  0x5346414f, // AFS
  0x6b414653, // kAFS
  0x73757245, // Coda
  0x564c, // NCP
  0x00c36400, // Ceph
  0x0bd00bd0, // Lustre
  0x01161970, // GFS2
  0x7461636f, // OCFS2
  0x786f4256, // VirtualBox shared folders
  0xbacbacbc, // VMware shared folders
]);

/** Whether a folder lies on this machine's own disks. Other systems than Linux do not tell; there it is assumed. */
export async function isOnLocalFileSystem(folder: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const { type } = await statfs(folder);
  return !REMOTE_TYPES.has(type >>> 0);
}
