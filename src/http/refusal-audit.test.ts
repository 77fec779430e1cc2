import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import type { AuditEntry } from '../core/ports/audit-trail.ts';
import { createRefusalAudit } from './refusal-audit.ts';

describe('refusal audit', () => {
  it('lists refusals up to the limit, counts the rest, and lists again in the next minute', () => {
    const clock = createFakeClock();
    const entries: AuditEntry[] = [];
    const refusals = createRefusalAudit({
      audit: { record: (entry) => void entries.push(entry) },
      clock,
      maxPerMinute: 2,
    });
    for (let count = 0; count < 5; count += 1)
      refusals.record({ event: 'object.refused', detail: 'expired' });
    expect(entries).toHaveLength(2);
    clock.advance(60_000);
    expect(entries).toHaveLength(3);
    expect(entries[2]?.detail).toBe('3 more refusals within a minute, not listed');
    refusals.record({ event: 'object.refused', detail: 'expired' });
    expect(entries).toHaveLength(4);
    clock.advance(60_000);
    expect(entries).toHaveLength(4);
  });
});
