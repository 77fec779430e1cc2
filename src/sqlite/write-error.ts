import { StoreError } from '../core/ports/instance-store.ts';
import { Database } from './driver.mjs';

/** Primary result codes of a disk that is full, failing or gone read-only: all may pass without us. */
const MAY_PASS = /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN|BUSY|NOMEM)(?:_|$)/;

/** What a failed transaction means to whoever asked for it: a sender is told to try again where that may help. */
export function writeError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError) || !MAY_PASS.test(error.code)) return error;
  return new StoreError('out-of-resources', `write the index: ${error.code}`, { cause: error });
}
