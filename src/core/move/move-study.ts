import type { StudyGate } from '../ingest/study-gate.ts';
import type { AuditTrail } from '../ports/audit-trail.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Removals } from '../ports/removals.ts';
import type { StudyFiles } from '../ports/study-files.ts';
import type { StudyIndex } from '../ports/study-index.ts';
import type { StudyMoves } from '../ports/study-moves.ts';
import type { RemovalHook } from '../retention/study-remover.ts';
import { apartName } from '../retention/settle-removals.ts';
import type { CustomerKey, StudyKey } from '../study/instance.ts';
import type { Product } from '../study/study.ts';

/** Who asked for a move. */
export interface MoveActor {
  readonly actor: string;
  readonly peerAddress?: string | undefined;
}

export type MoveOutcome =
  | { readonly kind: 'moved'; readonly instances: number; readonly merged: boolean }
  | {
      readonly kind: 'refused';
      readonly code:
        | 'study-not-found'
        | 'same-customer'
        | 'customer-not-configured'
        | 'study-receiving'
        | 'reports-pending'
        | 'different-bytes'
        | 'study-changed';
      /** For people. */
      readonly reason: string;
    };

export interface StudyMoverOptions {
  readonly index: Pick<StudyIndex, 'findStudy' | 'listInstances' | 'findInstance'>;
  readonly moves: StudyMoves;
  readonly removals: Pick<Removals, 'unfinished' | 'setFiles' | 'factsOf'>;
  readonly files: Pick<StudyFiles, 'setApart' | 'linkInto' | 'unlinkFrom'>;
  readonly gate: StudyGate;
  readonly flushIntake: () => Promise<void>;
  /** As configured now; undefined: no such customer. */
  readonly productsOf: (customer: CustomerKey) => readonly Product[] | undefined;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hooks: readonly RemovalHook[];
  /** There is something to tell Avara. */
  readonly onMoved: () => void;
}

export interface StudyMover {
  /** Gives a study to another customer, alone with both. @throws StoreError; the study is then where it was. */
  move(from: StudyKey, to: CustomerKey, by: MoveActor): Promise<MoveOutcome>;
}

/**
 * Moves a study that came under the wrong customer: its files are linked to the other customer's folder, durably; then
 * one transaction changes whose it is, in the index and for Avara; then the old links go, as in a removal. A crash
 * before the transaction leaves the study where it was ({@link undoMoves}), a crash after it is taken to its end.
 */
export function createStudyMover(options: StudyMoverOptions): StudyMover {
  const { index, moves, removals, files, gate, flushIntake, productsOf, audit, clock, logger } = options;

  function objectionTo(from: StudyKey, to: CustomerKey): MoveOutcome | undefined {
    const refuse = (
      code: Extract<MoveOutcome, { kind: 'refused' }>['code'],
      reason: string,
    ): MoveOutcome => ({
      kind: 'refused',
      code,
      reason,
    });
    if (from.customer === to) return refuse('same-customer', 'The study is of this customer already.');
    if (productsOf(to) === undefined)
      return refuse('customer-not-configured', `There is no customer ${to} in the configuration.`);
    const study = index.findStudy(from);
    const facts = moves.facts(from, to);
    if (study === undefined || study.instances === 0 || facts === undefined)
      return refuse('study-not-found', 'This customer has no such study.');
    if (study.state !== 'stable')
      return refuse('study-receiving', 'Images of the study are coming in. Wait, or complete it first.');
    if ((removals.factsOf(from, clock.now())?.undeliveredReports ?? 0) > 0)
      return refuse('reports-pending', 'Reports on the study are still to be delivered to its customer.');
    if (facts.different > 0)
      return refuse(
        'different-bytes',
        `The other customer has ${facts.different} of its instances with other bytes. Find out which are right first.`,
      );
    return undefined;
  }

  async function moveAlone(from: StudyKey, to: CustomerKey, by: MoveActor): Promise<MoveOutcome> {
    // A staging link of the study would bring its object back, under the wrong customer, at the next start.
    await flushIntake();
    const objection = objectionTo(from, to);
    if (objection !== undefined) return objection;
    const instances = index.listInstances(from).map(({ key }) => key);
    const conflictPaths = moves.facts(from, to)?.conflictPaths ?? [];
    const target = { ...from, customer: to };
    const merged = index.findStudy(target) !== undefined;
    const id = await moves.begin(from, to, clock.now());
    try {
      await files.linkInto(to, instances, conflictPaths);
      const products = productsOf(to) ?? [];
      const completion = { from, to, products, now: clock.now(), instances: instances.length };
      if (!(await moves.complete(id, completion))) throw new Error('the study changed while it was moved');
    } catch (error) {
      await undoLinks({ id, from, to });
      throw error;
    }
    const detail = `from ${from.customer} to ${to}: ${instances.length} instances`;
    const { actor, peerAddress } = by;
    for (const key of [from, target])
      audit.record({
        event: 'study.moved',
        ...key,
        actor,
        ...(peerAddress !== undefined && { peerAddress }),
        detail,
      });
    logger.info({ ...from, movedTo: to, instances: instances.length }, 'study moved to another customer');
    await takeOut(from);
    for (const hook of options.hooks) {
      await hook(from);
      await hook(target);
    }
    return { kind: 'moved', instances: instances.length, merged };
  }

  async function undoLinks(move: { readonly id: number; readonly from: StudyKey; readonly to: CustomerKey }) {
    await files.unlinkFrom(move.to, move.from, (key) => index.findInstance(key) !== undefined);
    await moves.abandon(move.id);
  }

  async function takeOut(from: StudyKey): Promise<void> {
    const removal = removals
      .unfinished()
      .find(
        ({ key, files: where }) =>
          where === 'in-place' &&
          key.customer === from.customer &&
          key.studyInstanceUid === from.studyInstanceUid,
      );
    if (removal === undefined) return;
    try {
      await files.setApart(from, apartName(removal));
    } catch (error) {
      gate.block(from);
      logger.error({ ...from, err: error }, 'files of a moved study could not be taken out yet');
      return;
    }
    await removals.setFiles(removal.id, 'apart');
  }

  return {
    async move(from, to, by) {
      const outcome = await gate.alone([from, { ...from, customer: to }], () => moveAlone(from, to, by));
      if (outcome.kind === 'moved') options.onMoved();
      return outcome;
    },
  };
}

export interface UndoMovesOptions {
  readonly index: Pick<StudyIndex, 'findInstance'>;
  readonly moves: Pick<StudyMoves, 'unfinished' | 'abandon'>;
  readonly files: Pick<StudyFiles, 'unlinkFrom'>;
  readonly logger: Logger;
}

/**
 * Takes back the links of moves that a crash cut short before the study was the other customer's. Run after start-up
 * recovery and before the first intake. Idempotent.
 */
export async function undoMoves({ index, moves, files, logger }: UndoMovesOptions): Promise<number> {
  const unfinished = moves.unfinished();
  for (const { id, from, to } of unfinished) {
    await files.unlinkFrom(to, from, (key) => index.findInstance(key) !== undefined);
    await moves.abandon(id);
    logger.warn({ ...from, movedTo: to }, 'a move that was cut short is undone: the study is where it was');
  }
  return unfinished.length;
}
