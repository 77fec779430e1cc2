import type { StudyAttributes } from './header.ts';

/** Longest term kept, in characters: longer ones are cut, and so are queries. */
const MAX_TERM_LENGTH = 64;
/** Names with more components than this are nonsense or an attack on the index. */
const MAX_TERMS = 24;

/**
 * Folds text for comparison: compatibility forms made one, case and accents dropped.
 * `Müller` and `MULLER` meet at `muller`; full-width letters meet their ASCII forms.
 */
export function foldText(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().normalize('NFC');
}

/** {@link foldText}, cut to what the index keeps of a term. */
export function foldForSearch(text: string): string {
  return foldText(text).trim().slice(0, MAX_TERM_LENGTH);
}

/** The words of a name, as its terms are made of them. */
export function nameWords(name: string): readonly string[] {
  return name.split(/[\^=\s,]+/).filter((word) => word !== '');
}

/** The folded terms by which a study is found: every name component, Patient ID, Accession Number. Patient data. */
export function searchTerms(attributes: StudyAttributes): readonly string[] {
  const terms = new Set<string>();
  for (const word of nameWords(attributes.PatientName ?? '')) terms.add(foldForSearch(word));
  for (const value of [attributes.PatientID, attributes.AccessionNumber])
    terms.add(foldForSearch(value ?? ''));
  terms.delete('');
  return [...terms].slice(0, MAX_TERMS);
}
