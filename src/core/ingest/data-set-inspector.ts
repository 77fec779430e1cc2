import { createHash } from 'node:crypto';

import type { DataSetScan } from '../../dicom/part10/data-set-scan.ts';
import type { Uid } from '../../dicom/uid.ts';
import { HeaderReader } from './header-reader.ts';

export interface InspectedDataSet {
  readonly scan: DataSetScan;
  /** SHA-256 of the bytes as they came, lower-case hex. */
  readonly sha256: string;
}

/** Digests and scans a Data Set as its bytes go by, in one pass and constant memory. */
export class DataSetInspector {
  readonly #hash = createHash('sha256');
  readonly #header: HeaderReader;

  /** @param transferSyntaxUid what the Data Set was declared to be in; unknown ones are read as compressed images. */
  constructor(transferSyntaxUid: Uid) {
    this.#header = new HeaderReader(transferSyntaxUid);
  }

  /** The bytes are not kept, so their memory may be used again. */
  write(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#header.write(bytes);
  }

  async end(): Promise<InspectedDataSet> {
    return { scan: await this.#header.end(), sha256: this.#hash.digest('hex') };
  }
}
