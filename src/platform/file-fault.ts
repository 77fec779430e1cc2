/** Why the operating system would not let a file or folder be used. */
export interface FileFault {
  /** After "…: ", such as "it is on a read-only file system (EROFS)". */
  readonly what: string;
  /** A sentence or two for the operator. */
  readonly hint: string;
}

const OWNER_HINT =
  'Make the daemon’s user its owner, and let that user into every folder above it; "ls -ld" shows who may what.';

const FAULTS: Readonly<Record<string, FileFault>> = {
  EACCES: { what: 'this user may not write there', hint: OWNER_HINT },
  EPERM: { what: 'the system does not permit it', hint: OWNER_HINT },
  EROFS: {
    what: 'it is on a read-only file system',
    hint: 'Mount it for writing. One that could be written before has errors: see dmesg. A service writes only where its unit lets it: after a change of paths run "avara-ingest service --install" again; a Docker volume must not be ":ro".',
  },
  ENOSPC: { what: 'there is no space left', hint: 'Free some space, or move the folder to a larger disk.' },
  EDQUOT: {
    what: 'the quota of this user is used up',
    hint: 'Free some space, or have the quota raised.',
  },
  EIO: {
    what: 'the disk reports an error',
    hint: 'See dmesg, and check disk and cables before anything else is done.',
  },
  ENOTDIR: {
    what: 'a part of the path is a file, not a folder',
    hint: 'Choose another path, or move the file away.',
  },
  ENOENT: {
    what: 'no folder can be made there',
    hint: 'Check the path; it must be on an ordinary, mounted file system.',
  },
  ELOOP: { what: 'its symbolic links lead in a circle', hint: 'Check the path.' },
  ENAMETOOLONG: { what: 'the path is too long', hint: 'Choose a shorter one.' },
};

/** Longest chain of causes that is looked through. */
const MAX_CAUSES = 8;

/** Explains an error of a file call, also one that is the cause of `error`. @returns undefined where it is none. */
export function fileFaultOf(error: unknown): FileFault | undefined {
  let current = error;
  for (let depth = 0; current instanceof Error && depth < MAX_CAUSES; depth += 1) {
    const code = 'code' in current && typeof current.code === 'string' ? current.code : undefined;
    const fault = code === undefined ? undefined : FAULTS[code];
    if (code !== undefined && fault !== undefined) return { ...fault, what: `${fault.what} (${code})` };
    current = current.cause;
  }
  return undefined;
}
