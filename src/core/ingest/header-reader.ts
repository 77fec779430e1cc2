import type { DataSetScan } from '../../dicom/part10/data-set-scan.ts';
import { createDataSetScanner } from '../../dicom/part10/data-set-scanner.ts';
import { inflateDataSet } from '../../dicom/part10/inflate.ts';
import { assumedTransferSyntax, transferSyntax } from '../../dicom/transfer-syntax.ts';
import type { Uid } from '../../dicom/uid.ts';
import { HEADER_TAGS } from '../study/extract-header.ts';

/** Compressed bytes kept of a deflated Data Set: enough for any header, which is all that is read of it. */
const MAX_DEFLATED_PREFIX_BYTES = 256 * 1024;

/** Scans a Data Set's header as its bytes go by, in one pass and constant memory. */
export class HeaderReader {
  readonly #scanner;
  readonly #deflated: Buffer[] | undefined;
  #deflatedBytes = 0;

  /** @param transferSyntaxUid what the Data Set was declared to be in; unknown ones are read as compressed images. */
  constructor(transferSyntaxUid: Uid) {
    const syntax = transferSyntax(transferSyntaxUid) ?? assumedTransferSyntax(transferSyntaxUid);
    this.#scanner = createDataSetScanner({ transferSyntax: syntax, wanted: HEADER_TAGS });
    this.#deflated = syntax.deflated ? [] : undefined;
  }

  /** The bytes are not kept, so their memory may be used again. */
  write(bytes: Buffer): void {
    if (this.#deflated === undefined) {
      this.#scanner.write(bytes);
    } else if (this.#deflatedBytes < MAX_DEFLATED_PREFIX_BYTES) {
      this.#deflated.push(Buffer.from(bytes));
      this.#deflatedBytes += bytes.length;
    }
  }

  async end(): Promise<DataSetScan> {
    if (this.#deflated === undefined) return this.#scanner.end();
    const prefix = await inflateDataSet(Buffer.concat(this.#deflated));
    this.#scanner.write(prefix.bytes);
    const scan = this.#scanner.end();
    const isWhole = this.#deflatedBytes < MAX_DEFLATED_PREFIX_BYTES && prefix.ending !== 'bound';
    // Past the prefix nothing was looked at, so its end is not the Data Set's.
    const integrity = isWhole || scan.integrity === 'malformed' ? scan.integrity : 'complete';
    return { ...scan, integrity };
  }
}
