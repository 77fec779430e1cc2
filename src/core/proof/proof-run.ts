import type { Clock } from '../ports/clock.ts';
import type { ProofFiles } from '../ports/proof-files.ts';
import type { LedgerFault, ProofIndex, StudySelection } from '../ports/proof-index.ts';
import type { StudyGateway } from '../ports/study-gateway.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import type { CustomerKey } from '../study/instance.ts';
import type { Product } from '../study/study.ts';
import type { Finding, ProofCounts, ProofEvent, ProofProgress } from './finding.ts';

export interface ProofParts {
  readonly index: Pick<StudyIndex, 'findInstance' | 'findStudy' | 'listInstances'>;
  readonly proof: ProofIndex;
  readonly files: ProofFiles;
  readonly gateway: Pick<StudyGateway, 'find' | 'expectedExpressCustomerId'>;
  /** Undefined for a customer that is not configured. */
  readonly productsOf: (customer: CustomerKey) => readonly Product[] | undefined;
  readonly clock: Clock;
  /** Whether the file at this path was damaged when it was last read: a quick look does not take its word. */
  readonly isKnownDamaged?: (path: string) => boolean;
}

/** What is to be looked at, and what may be done about it. */
export interface ProofRequest {
  readonly selection: StudySelection;
  /** Do not ask Avara. */
  readonly offline: boolean;
  /** Do not read the bytes of files: only whether they are there, with their size. */
  readonly quick: boolean;
  /** Repair what is certain. */
  readonly repair: boolean;
  /** Move damaged files aside that no whole copy can replace, so that they can be sent again. */
  readonly setAside: boolean;
  /** 0: as fast as it goes. */
  readonly maxBytesPerSecond: number;
}

/** Takes events one after the other; resolves when it can take the next. */
export type EmitProof = (event: ProofEvent) => Promise<void> | void;

const PROGRESS_INTERVAL_MS = 250;

/** What the steps of one run share: the parts, the tally, the way out for what they find. */
export class ProofRun {
  readonly parts: ProofParts;
  readonly request: ProofRequest;
  readonly signal: AbortSignal;
  /** Acknowledged and lost from the index, by digest: what a file without a row may stand for. */
  readonly lost = new Map<string, LedgerFault[]>();
  /** Calls in vain in a row, by customer. */
  readonly failuresAtAvara = new Map<CustomerKey, number>();
  readonly tally = {
    studies: 0,
    acknowledged: undefined as number | undefined,
    stored: 0,
    indexed: 0,
    announced: 0,
    waiting: { receiving: 0, pending: 0, attention: 0, missing: 0 },
    conflicts: 0,
    bytes: 0,
    errors: 0,
    warnings: 0,
    repaired: 0,
  };
  readonly #emit: EmitProof;
  #totals: { readonly studies: number; readonly bytes: number } | undefined;
  #phase: ProofProgress['phase'] = 'ledger';
  #lastProgressAt = 0;

  constructor(parts: ProofParts, request: ProofRequest, signal: AbortSignal, emit: EmitProof) {
    this.parts = parts;
    this.request = request;
    this.signal = signal;
    this.#emit = emit;
  }

  /** Whether all there is is looked at, and the numbers must add up. */
  get isWhole(): boolean {
    const { customer, studyInstanceUid, receivedSince } = this.request.selection;
    return customer === undefined && studyInstanceUid === undefined && receivedSince === undefined;
  }

  async report(found: Finding): Promise<void> {
    if (found.repaired !== undefined) this.tally.repaired += 1;
    else if (found.severity === 'error') this.tally.errors += 1;
    else this.tally.warnings += 1;
    await this.#emit(found);
  }

  async enter(phase: ProofProgress['phase']): Promise<void> {
    this.#phase = phase;
    this.#lastProgressAt = 0;
    await this.progress();
  }

  async progress(): Promise<void> {
    const now = this.parts.clock.now();
    if (now - this.#lastProgressAt < PROGRESS_INTERVAL_MS) return;
    this.#lastProgressAt = now;
    const { studies, bytes } = this.tally;
    this.#totals ??= this.parts.proof.selectedTotals(this.request.selection);
    await this.#emit({
      event: 'progress',
      phase: this.#phase,
      studies,
      totalStudies: this.#totals.studies,
      bytes,
      totalBytes: this.#totals.bytes,
    });
  }

  counts(): ProofCounts {
    const { acknowledged, ...rest } = this.tally;
    return { ...rest, waiting: { ...rest.waiting }, ...(acknowledged !== undefined && { acknowledged }) };
  }

  /** Lets other work of the event loop have its turn; @throws where the run is to stop. */
  async breathe(): Promise<void> {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.signal.throwIfAborted();
  }

  /** The lost acknowledgement that an object of this digest answers; taken once. */
  takeLost(sha256: string, bytes: number, outcome: LedgerFault['outcome']): LedgerFault | undefined {
    const candidates = this.lost.get(sha256) ?? [];
    const at = candidates.findIndex((entry) => entry.bytes === bytes && entry.outcome === outcome);
    return at < 0 ? undefined : candidates.splice(at, 1)[0];
  }
}
