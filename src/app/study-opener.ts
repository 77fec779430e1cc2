import type { AvaraAccount } from '../avara/account/account.ts';
import type { StudyIndex } from '../core/ports/study-index.ts';
import type { StudyOpener } from '../core/ports/study-opener.ts';
import type { Customers } from './customers.ts';

export interface StudyOpenerOptions {
  readonly index: Pick<StudyIndex, 'findStudy'>;
  readonly account: Pick<AvaraAccount, 'openUrl'>;
  readonly customers: Customers;
}

/** Opens studies that are known to be at Avara, by Avara's own id: the UID could be somebody else's there. */
export function createStudyOpener({ index, account, customers }: StudyOpenerOptions): StudyOpener {
  return {
    async open({ study: key, product: wanted, userId }) {
      const deliveries = index.findStudy(key)?.deliveries ?? [];
      const there = deliveries.filter(
        ({ product, studyId, isCancelled }) =>
          studyId !== undefined && isCancelled !== true && (wanted === undefined || product === wanted),
      );
      const [delivery] = there;
      if (delivery?.studyId === undefined) {
        const where = wanted === undefined ? 'at Avara' : `at ${wanted}`;
        return { kind: 'not-there', reason: `The study is not ${where}, or is cancelled there.` };
      }
      const { product, studyId } = delivery;
      const config = customers.configOf(key.customer);
      const user = userId ?? config?.openAs ?? config?.assignedTo;
      if (product === 'autoScribe' && user === undefined)
        return { kind: 'no-user', reason: 'AutoScribe must be told who opens the study: name a user.' };
      const answer = await account.openUrl(key.customer, product, { studyId }, user);
      return answer.ok
        ? { kind: 'url', url: answer.url, product }
        : { kind: 'failed', reason: answer.message };
    },
  };
}
