import type { Outbox } from '../src/core/ports/outbox.ts';
import type { StoredInstance, StudyIndex } from '../src/core/ports/study-index.ts';
import { createPopulation, type PopulationStudy } from './index-population.ts';
import { median } from './statistics.ts';

/** Studies that arrive at once, each over an Association of its own: so many writes share a transaction. */
export const ASSOCIATIONS = 16;
export const BLOCK_INSTANCES = 2000;
/** What passes between two instances on the population's clock: a million in three years. */
const STEP_MS = 95_000;

/** What one instance took, in microseconds. */
export interface BlockTime {
  readonly wall: number;
  /** Of all threads; what else the machine does weighs less on it. */
  readonly cpu: number;
}

/** Fills an index as concurrent Associations would; remembers what can be looked for. */
export class IndexFiller {
  readonly studies: PopulationStudy[] = [];
  readonly #index: StudyIndex;
  readonly #outbox: Outbox;
  readonly #population = createPopulation(1);
  readonly #open: { study: PopulationStudy; instances: Iterator<StoredInstance, void, undefined> }[] = [];
  #now = Date.UTC(2023, 0, 1);
  #count = 0;

  constructor(index: StudyIndex, outbox: Outbox) {
    this.#index = index;
    this.#outbox = outbox;
  }

  /** Instances added so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds at least `instances` more. The clock runs only while they are being added: making them up, settling complete
   * studies and telling the outbox that they are at Avara is left out.
   * @returns the median over blocks of the time for one instance, in microseconds.
   */
  async add(instances: number): Promise<number> {
    const end = this.#count + instances;
    const blocks: number[] = [];
    while (this.#count < end) blocks.push((await this.addBlock()).wall);
    return median(blocks);
  }

  /** Adds a study of 5,000 instances and completes it. */
  async addLargeStudy(): Promise<PopulationStudy> {
    const study = this.#population.largeStudy();
    let batch: Promise<void>[] = [];
    for (const instance of study.arrive(() => this.#tick())) {
      batch.push(this.#index.addInstance(instance));
      if (batch.length === ASSOCIATIONS) {
        await Promise.all(batch);
        batch = [];
      }
    }
    await Promise.all(batch);
    this.#count += study.instances;
    await this.#complete([study]);
    return study;
  }

  /** Adds {@link BLOCK_INSTANCES}. @returns what one instance took. */
  async addBlock(): Promise<BlockTime> {
    const ended: PopulationStudy[] = [];
    const batches: StoredInstance[][] = [];
    for (let made = 0; made < BLOCK_INSTANCES; made += ASSOCIATIONS) {
      batches.push(Array.from({ length: ASSOCIATIONS }, (_, slot) => this.#next(slot, ended)));
    }
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    for (const batch of batches) {
      await Promise.all(batch.map((instance) => this.#index.addInstance(instance)));
    }
    const microseconds = (performance.now() - startedAt) * 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    const added = batches.length * ASSOCIATIONS;
    this.#count += added;
    await this.#complete(ended);
    return { wall: microseconds / added, cpu: (user + system) / added };
  }

  /** The next instance of an Association, which goes on with another study when one has ended. */
  #next(slot: number, ended: PopulationStudy[]): StoredInstance {
    for (;;) {
      const open = this.#open[slot];
      const instance = open?.instances.next();
      if (instance && !instance.done) return instance.value;
      if (open) ended.push(open.study);
      const study = this.#population.nextStudy();
      this.#open[slot] = { study, instances: study.arrive(() => this.#tick()) };
    }
  }

  async #complete(ended: readonly PopulationStudy[]): Promise<void> {
    await Promise.all(ended.map(({ key }) => this.#index.settle(key, this.#now, ['viewer'], this.#now)));
    const due = this.#outbox.due(this.#now, ended.length, new Set(), new Set());
    await Promise.all(
      due.map(({ id }) =>
        this.#outbox.complete(id, { avaraStudyId: `stu_${id.toString(16).padStart(32, '0')}` }, this.#now),
      ),
    );
    this.studies.push(...ended);
  }

  #tick(): number {
    this.#now += STEP_MS;
    return this.#now;
  }
}

/** Time for one instance when the index already held `size`, and beside it in one that began empty. */
export interface IngestRate {
  readonly size: number;
  /** Microseconds. */
  readonly full: number;
  readonly empty: number;
  /** `full` over `empty`, from blocks next to each other. */
  readonly ratio: number;
  /** The same of processor time. */
  readonly cpuRatio: number;
}

/** Adds blocks to both in turn, so that what else the machine does slows both alike. */
export async function compareIngest(
  full: IndexFiller,
  empty: IndexFiller,
  blocks: number,
): Promise<IngestRate> {
  const size = full.count;
  const pairs: { full: BlockTime; empty: BlockTime }[] = [];
  for (let round = 0; round < blocks; round += 1) {
    pairs.push({ empty: await empty.addBlock(), full: await full.addBlock() });
  }
  return {
    size,
    full: median(pairs.map((pair) => pair.full.wall)),
    empty: median(pairs.map((pair) => pair.empty.wall)),
    ratio: median(pairs.map((pair) => pair.full.wall / pair.empty.wall)),
    cpuRatio: median(pairs.map((pair) => pair.full.cpu / pair.empty.cpu)),
  };
}
