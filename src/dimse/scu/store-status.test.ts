import { expect, test } from 'vitest';

import { describeStoreStatus } from './store-status.ts';

test.each([
  [0x0000, 'success', '0x0000 success'],
  [0xa700, 'refused', '0xA700 out of resources'],
  [0xa7ff, 'refused', '0xA7FF out of resources'],
  [0xa900, 'refused', '0xA900 Data Set does not match SOP Class'],
  [0xc123, 'refused', '0xC123 cannot understand'],
  [0x0110, 'refused', '0x0110 processing failure'],
  [0x0124, 'refused', '0x0124 not authorized'],
  [0xb000, 'warning', '0xB000 coercion of data elements'],
  [0xb123, 'warning', '0xB123 warning'],
  [0x0107, 'warning', '0x0107 warning'],
  [0xfe00, 'refused', '0xFE00'],
] as const)('status %i is %s', (status, kind, text) => {
  expect(describeStoreStatus(status)).toEqual({ kind, text });
});
