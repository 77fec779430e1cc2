import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { CheckContext, CheckResult } from './check.ts';
import { failureText } from './check.ts';

type Folder = CheckContext['config']['folders'][number];

/** Each watched folder is there, and files can be taken from it as its `afterImport` says. */
export function checkFolders({ config }: CheckContext): Promise<readonly CheckResult[]> {
  return Promise.all(config.folders.map(checkFolder));
}

async function checkFolder({ path, afterImport }: Folder): Promise<CheckResult> {
  const base = { id: 'watched-folder', title: 'Watched folder' };
  try {
    if (!(await stat(path)).isDirectory())
      return {
        ...base,
        status: 'failed',
        detail: `${path} is not a folder`,
        advice: 'Correct folders[].path, or make it a folder.',
      };
  } catch (error) {
    return {
      ...base,
      status: 'warning',
      detail: `${path} is not there (${failureText(error)})`,
      advice: 'Make it, or mount its disk or share; the daemon takes it up when it is there.',
    };
  }
  const isEmptied = afterImport !== 'keep';
  try {
    await access(path, constants.R_OK | constants.X_OK | (isEmptied ? constants.W_OK : 0));
    return { ...base, status: 'ok', detail: `${path} can be read${isEmptied ? ' and emptied' : ''}` };
  } catch (error) {
    const may = isEmptied ? 'read it and remove files from it' : 'read it';
    return {
      ...base,
      status: 'failed',
      detail: `${path}: this user may not ${may} (${failureText(error)})`,
      advice: 'Give the daemon’s user the right to, or run this check as that user.',
    };
  }
}
