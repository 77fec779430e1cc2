import { describe, expect, it } from 'vitest';

import {
  isStorageSopClass,
  sopClassName,
  STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID,
  STORAGE_SOP_CLASSES,
  VERIFICATION_SOP_CLASS_UID,
} from './sop-class.ts';

describe('isStorageSopClass', () => {
  it('is true for each class of the table, and lists none twice', () => {
    expect(STORAGE_SOP_CLASSES.filter((sopClass) => !isStorageSopClass(sopClass.uid))).toEqual([]);
    expect(new Set(STORAGE_SOP_CLASSES.map((sopClass) => sopClass.uid)).size).toBe(
      STORAGE_SOP_CLASSES.length,
    );
  });

  it.each([
    ['CT', '1.2.840.10008.5.1.4.1.1.2'],
    ['Nuclear Medicine, retired', '1.2.840.10008.5.1.4.1.1.5'],
    ['Stored Print', '1.2.840.10008.5.1.1.27'],
    ['Hardcopy Grayscale', '1.2.840.10008.5.1.1.29'],
    ['RT Beams Delivery Instruction', '1.2.840.10008.5.1.4.34.7'],
    ['RT Brachy Application Setup', '1.2.840.10008.5.1.4.34.10'],
    ['Hanging Protocol', '1.2.840.10008.5.1.4.38.1'],
    ['Color Palette', '1.2.840.10008.5.1.4.39.1'],
    ['Generic Implant Template', '1.2.840.10008.5.1.4.43.1'],
    ['Implant Assembly Template', '1.2.840.10008.5.1.4.44.1'],
    ['Implant Template Group', '1.2.840.10008.5.1.4.45.1'],
    ['Inventory', '1.2.840.10008.5.1.4.1.1.201.1'],
    ['one of a later edition', '1.2.840.10008.5.1.4.1.1.999.1'],
    ['Siemens CSA Non-Image (private)', '1.3.12.2.1107.5.9.1'],
  ])('is true for %s', (_name, uid) => {
    expect(isStorageSopClass(uid)).toBe(true);
  });

  it.each([
    ['Verification', VERIFICATION_SOP_CLASS_UID],
    ['Storage Commitment', STORAGE_COMMITMENT_PUSH_MODEL_SOP_CLASS_UID],
    ['Media Storage Directory', '1.2.840.10008.1.3.10'],
    ['Study Root C-FIND', '1.2.840.10008.5.1.4.1.2.2.1'],
    ['Modality Worklist', '1.2.840.10008.5.1.4.31'],
    ['MPPS', '1.2.840.10008.3.1.2.3.3'],
    ['Basic Film Session', '1.2.840.10008.5.1.1.1'],
    ['Hanging Protocol C-FIND', '1.2.840.10008.5.1.4.38.2'],
    ['UPS Push', '1.2.840.10008.5.1.4.34.6.1'],
    ['RT Conventional Machine Verification', '1.2.840.10008.5.1.4.34.8'],
    ['Protocol Approval C-FIND', '1.2.840.10008.5.1.4.1.1.200.4'],
    ['Inventory C-FIND', '1.2.840.10008.5.1.4.1.1.201.2'],
  ])('is false for %s', (_name, uid) => {
    expect(isStorageSopClass(uid)).toBe(false);
  });
});

describe('sopClassName', () => {
  it('names storage classes and the services of the daemon', () => {
    expect(sopClassName('1.2.840.10008.5.1.4.1.1.2')).toBe('CT Image Storage');
    expect(sopClassName('1.2.840.10008.5.1.4.34.7')).toBe('RT Beams Delivery Instruction Storage');
    expect(sopClassName('1.2.840.10008.1.1')).toBe('Verification');
    expect(sopClassName('1.3.12.2.1107.5.9.1')).toBeUndefined();
  });

  it('marks the retired classes', () => {
    const retired = STORAGE_SOP_CLASSES.filter((sopClass) => sopClass.retired).map(
      (sopClass) => sopClass.uid,
    );
    expect(retired).toContain('1.2.840.10008.5.1.4.1.1.6');
    expect(retired).not.toContain('1.2.840.10008.5.1.4.1.1.6.1');
  });
});
