import { z } from 'zod';
import { count, customerRef, filePath, seconds } from './values.ts';

const fileNamePatterns = z.array(z.string().min(1, 'must not be empty').max(500)).default([]);

/** One entry of `folders`. */
export const folderSchema = z
  .strictObject({
    path: filePath.describe(
      'Folder to watch, with its subfolders. Relative paths start at the config file’s folder.',
    ),
    customer: customerRef,
    afterImport: z
      .enum(['delete', 'move', 'keep'])
      .default('delete')
      .describe(
        'What becomes of a file once it is safely stored: deleted, moved to "moveTo", or kept and remembered.',
      ),
    moveTo: filePath
      .optional()
      .describe(
        'With afterImport "move": folder for stored files, with their subfolders. May lie in the watched one.',
      ),
    include: fileNamePatterns.describe(
      'Only files that fit one of these patterns (*, ?, **; without "/" held against the file’s name); empty: all.',
    ),
    exclude: fileNamePatterns.describe('Files that fit one of these patterns are left alone.'),
    settledAfterSeconds: seconds(0, 3600)
      .default(5)
      .describe('A file is taken once it has not changed for so long.'),
    quarantineAfterSeconds: seconds(0, 86_400)
      .default(60)
      .describe(
        'A file that is incomplete or not DICOM goes to quarantine once it has not changed for so long: until then it may still be on its way.',
      ),
    concurrency: count(1, 32).default(4).describe('Files read at once.'),
    watch: z
      .enum(['auto', 'events', 'polling'])
      .default('auto')
      .describe(
        'How new files are noticed: events of the file system, or polling, which "auto" takes on NFS and SMB.',
      ),
    pollIntervalSeconds: seconds(0.1, 3600)
      .default(5)
      .describe('With polling: how long between two looks at the folder; large folders rest longer.'),
  })
  .describe('A watched folder.');
