import { expect, it } from 'vitest';

import { uid } from '../../dicom/uid.ts';
import { customerKey } from '../study/instance.ts';
import { StudyGate } from './study-gate.ts';

const study = { customer: customerKey('city'), studyInstanceUid: uid('1.2.3') };
const other = { customer: customerKey('north'), studyInstanceUid: uid('1.2.3') };

function held(): { readonly task: () => Promise<void>; readonly release: () => void } {
  let release = (): void => undefined;
  const waiting = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { task: () => waiting, release: () => release() };
}
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('lets receptions in side by side, and whoever wants to be alone once they have left', async () => {
  const gate = new StudyGate();
  const [first, second] = [held(), held()];
  const order: string[] = [];
  const receptions = [gate.enter(study, first.task), gate.enter(study, second.task)];
  const alone = gate.alone([study], () => Promise.resolve(order.push('alone')));
  const late = gate.enter(study, () => Promise.resolve(order.push('late')));
  first.release();
  await turns();
  expect(order).toEqual([]);
  second.release();
  await Promise.all([...receptions, alone, late]);
  expect(order).toEqual(['alone', 'late']);
});

it('keeps nobody out of another study, of another customer', async () => {
  const gate = new StudyGate();
  const long = held();
  const alone = gate.alone([study], long.task);
  await expect(gate.enter(other, () => Promise.resolve('in'))).resolves.toBe('in');
  long.release();
  await alone;
});

it('does not let two wait for each other that want the same two', async () => {
  const gate = new StudyGate();
  const done = [
    gate.alone([study, other], turns),
    gate.alone([other, study], turns),
    gate.alone([study], turns),
  ];
  await expect(Promise.all(done)).resolves.toHaveLength(3);
});

it('opens again after a failure, and refuses while it is blocked', async () => {
  const gate = new StudyGate();
  await expect(gate.alone([study], () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(gate.enter(study, () => Promise.reject(new Error('bad')))).rejects.toThrow('bad');
  gate.block(study);
  await expect(gate.enter(study, turns)).rejects.toMatchObject({ code: 'out-of-resources' });
  gate.unblock(study);
  await expect(gate.alone([study], () => Promise.resolve(1))).resolves.toBe(1);
});
