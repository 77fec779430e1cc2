import type { ElementTree } from '../data-set/element-tree.ts';
import { readLookupTable } from './lookup-table.ts';
import type { LookupTable } from './lookup-table.ts';
import { PALETTE_TAGS, readPalette } from './palette.ts';
import type { Palette } from './palette.ts';
import { isWindowUsable, parseWindowFunction } from './window.ts';
import type { Window } from './window.ts';

/** How the stored values of one frame become what is shown. */
export interface DisplayAttributes {
  readonly modality:
    | { readonly kind: 'rescale'; readonly slope: number; readonly intercept: number }
    | { readonly kind: 'table'; readonly table: LookupTable };
  /** The first window of the object that is usable. */
  readonly window?: Window;
  readonly voiTable?: LookupTable;
  /** The lowest value is shown white. */
  readonly isInverse: boolean;
  /** Stored values that stand for no picture, both ends included. */
  readonly padding?: { readonly from: number; readonly to: number };
  readonly palette?: Palette;
  /** Height of a pixel by its width. */
  readonly pixelAspect: number;
}

const PIXEL_ASPECT_RATIO = 0x00280034;
const PIXEL_SPACING = 0x00280030;
const IMAGER_PIXEL_SPACING = 0x00181164;
const PIXEL_PADDING_VALUE = 0x00280120;
const PIXEL_PADDING_RANGE_LIMIT = 0x00280121;
const WINDOW_CENTER = 0x00281050;
const WINDOW_WIDTH = 0x00281051;
const RESCALE_INTERCEPT = 0x00281052;
const RESCALE_SLOPE = 0x00281053;
const VOI_LUT_FUNCTION = 0x00281056;
const MODALITY_LUT_SEQUENCE = 0x00283000;
const LUT_DESCRIPTOR = 0x00283002;
const LUT_DATA = 0x00283006;
const VOI_LUT_SEQUENCE = 0x00283010;
const PRESENTATION_LUT_SHAPE = 0x20500020;
const SHARED_FUNCTIONAL_GROUPS = 0x52009229;
const PER_FRAME_FUNCTIONAL_GROUPS = 0x52009230;
const PIXEL_MEASURES = 0x00289110;
const FRAME_VOI_LUT = 0x00289132;
const PIXEL_VALUE_TRANSFORMATION = 0x00289145;

/** What {@link readDisplayAttributes} needs of a Data Set. */
export const DISPLAY_ELEMENTS: ReadonlySet<number> = new Set([
  PIXEL_ASPECT_RATIO,
  PIXEL_SPACING,
  IMAGER_PIXEL_SPACING,
  PIXEL_PADDING_VALUE,
  PIXEL_PADDING_RANGE_LIMIT,
  WINDOW_CENTER,
  WINDOW_WIDTH,
  RESCALE_INTERCEPT,
  RESCALE_SLOPE,
  VOI_LUT_FUNCTION,
  LUT_DESCRIPTOR,
  LUT_DATA,
  PRESENTATION_LUT_SHAPE,
  ...PALETTE_TAGS,
]);
export const DISPLAY_SEQUENCES: ReadonlySet<number> = new Set([
  MODALITY_LUT_SEQUENCE,
  VOI_LUT_SEQUENCE,
  SHARED_FUNCTIONAL_GROUPS,
  PER_FRAME_FUNCTIONAL_GROUPS,
  PIXEL_MEASURES,
  FRAME_VOI_LUT,
  PIXEL_VALUE_TRANSFORMATION,
]);

/** What of the Image Pixel module bears on it. */
export interface DisplayedImage {
  readonly photometricInterpretation: string;
  readonly pixelRepresentation: number;
}

/**
 * Gathers what applies to a frame: of its functional groups, else of the shared ones, else of the object itself
 * (PS3.3 C.7.6.16, C.11.1, C.11.2, C.11.6).
 * @param frame from 1.
 */
export function readDisplayAttributes(
  tree: ElementTree,
  image: DisplayedImage,
  frame: number,
): DisplayAttributes {
  const groups = [
    tree.items(PER_FRAME_FUNCTIONAL_GROUPS)[frame - 1],
    tree.items(SHARED_FUNCTIONAL_GROUPS)[0],
  ];
  const macro = (sequence: number): ElementTree => {
    for (const group of groups) {
      const item = group?.items(sequence)[0];
      if (item !== undefined) return item;
    }
    return tree;
  };
  const isSigned = image.pixelRepresentation === 1;
  const modality = readModality(macro(PIXEL_VALUE_TRANSFORMATION), isSigned);
  const voi = macro(FRAME_VOI_LUT);
  const window = readWindow(voi);
  const isOutputSigned = isSigned || (modality.kind === 'rescale' && modality.intercept < 0);
  const voiItem = voi.items(VOI_LUT_SEQUENCE)[0];
  const voiTable = voiItem && readLookupTable(voiItem, LUT_DESCRIPTOR, LUT_DATA, isOutputSigned);
  const padding = readPadding(tree, isSigned);
  const isPalette = image.photometricInterpretation === 'PALETTE COLOR';
  const palette = isPalette ? readPalette(tree, isSigned) : undefined;
  const shape = tree.text(PRESENTATION_LUT_SHAPE);
  return {
    modality,
    ...(window && { window }),
    ...(voiTable && { voiTable }),
    isInverse: image.photometricInterpretation === 'MONOCHROME1' || shape === 'INVERSE',
    ...(padding && { padding }),
    ...(palette && { palette }),
    pixelAspect: readPixelAspect(tree, macro(PIXEL_MEASURES)),
  };
}

function readModality(item: ElementTree, isSigned: boolean): DisplayAttributes['modality'] {
  const tableItem = item.items(MODALITY_LUT_SEQUENCE)[0];
  const table = tableItem && readLookupTable(tableItem, LUT_DESCRIPTOR, LUT_DATA, isSigned);
  if (table !== undefined) return { kind: 'table', table };
  const slope = item.decimals(RESCALE_SLOPE)[0] ?? 1;
  // A slope of 0 would make every image one grey.
  return {
    kind: 'rescale',
    slope: slope === 0 ? 1 : slope,
    intercept: item.decimals(RESCALE_INTERCEPT)[0] ?? 0,
  };
}

function readWindow(item: ElementTree): Window | undefined {
  const center = item.decimals(WINDOW_CENTER)[0];
  const width = item.decimals(WINDOW_WIDTH)[0];
  if (center === undefined || width === undefined) return undefined;
  const name = parseWindowFunction(item.text(VOI_LUT_FUNCTION) ?? '') ?? 'LINEAR';
  const window = { center, width, function: name };
  return isWindowUsable(window) ? window : undefined;
}

/** Pixel Padding Value and Range Limit are stored like the pixels (PS3.3 C.7.5.1.1.2). */
function readPadding(tree: ElementTree, isSigned: boolean): DisplayAttributes['padding'] {
  const read = (tag: number): number | undefined => {
    const value = tree.short(tag);
    return value !== undefined && isSigned && value > 0x7fff ? value - 0x10000 : value;
  };
  const value = read(PIXEL_PADDING_VALUE);
  if (value === undefined) return undefined;
  const limit = read(PIXEL_PADDING_RANGE_LIMIT) ?? value;
  return { from: Math.min(value, limit), to: Math.max(value, limit) };
}

/** Extremer ratios are errors, not pictures. */
const MAX_PIXEL_ASPECT = 10;

function readPixelAspect(tree: ElementTree, measures: ElementTree): number {
  // The ratio is written as two IS, the spacing as two DS: row spacing (vertical) first in both.
  const [vertical, horizontal] =
    [
      tree.decimals(PIXEL_ASPECT_RATIO),
      measures.decimals(PIXEL_SPACING),
      tree.decimals(IMAGER_PIXEL_SPACING),
    ].find((pair) => pair.length >= 2) ?? [];
  const aspect = (vertical ?? 1) / (horizontal ?? 1);
  return aspect >= 1 / MAX_PIXEL_ASPECT && aspect <= MAX_PIXEL_ASPECT ? aspect : 1;
}
