import { onTestFinished } from 'vitest';

const NOBODY = 65_534;

/** Goes on as a user whom permissions bind, until the test is over; root is bound by none. */
export function asOrdinaryUser(): void {
  if (process.geteuid?.() !== 0) return;
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  onTestFinished(() => {
    process.seteuid?.(0);
    process.setegid?.(0);
  });
}
