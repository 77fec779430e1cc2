import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import {
  readRevocationLists,
  RevocationListError,
  revocationListState,
  subjectName,
  type RevocationList,
} from '../../platform/revocation-list.ts';
import type { CheckResult } from './check.ts';
import { failureText } from './check.ts';

const BASE = { id: 'revocation-lists', title: 'Revocation' };
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** TLS settings with revocation lists. */
export interface RevocationSettings {
  /** Where they stand in the configuration: `dimse.tls`. */
  readonly path: string;
  /** Files, PEM. */
  readonly crl?: readonly string[] | undefined;
  readonly ca?: string | undefined;
}

/**
 * Whether revocation lists can be read, are of now, and are there for every authority in "ca". Never rejects.
 * @param now wall clock, milliseconds since 1970.
 */
export async function checkRevocationLists(
  { path, crl, ca }: RevocationSettings,
  now: number,
): Promise<readonly CheckResult[]> {
  if (crl === undefined) return [];
  const read = await Promise.all(crl.map(readFileOfLists));
  const lists = read.flatMap((file) => file.lists);
  const problems = [
    ...read.flatMap(({ problem }) => problem ?? []),
    ...lists.flatMap((list) => judgeList(list, now) ?? []),
    ...(ca === undefined ? [] : await checkCoverage(path, ca, lists)),
  ];
  if (problems.length > 0) return problems;
  const ends = lists.flatMap(({ nextUpdateAt }) => nextUpdateAt ?? []);
  const until = ends.length === 0 ? 'no end' : timeText(Math.min(...ends));
  const count = lists.length === 1 ? 'one list' : `${lists.length} lists`;
  return [{ ...BASE, status: 'ok', detail: `${path}.crl: ${count}, good until ${until}` }];
}

type ListOfFile = RevocationList & { readonly file: string };

async function readFileOfLists(
  file: string,
): Promise<{ readonly lists: readonly ListOfFile[]; readonly problem?: CheckResult }> {
  try {
    const lists = readRevocationLists(await readFile(file, 'utf8'));
    return { lists: lists.map((list) => ({ file, ...list })) };
  } catch (error) {
    const isContent = error instanceof RevocationListError;
    const detail = isContent
      ? `${file} holds ${error.message}`
      : `${file} cannot be read (${failureText(error)})`;
    const advice = isContent
      ? 'Get the list of the authority again.'
      : 'Check the path in the configuration and the owner of the file.';
    return { lists: [], problem: { ...BASE, status: 'failed', detail, advice } };
  }
}

/** undefined: nothing to say. */
function judgeList({ file, ...list }: ListOfFile, now: number): CheckResult | undefined {
  const state = revocationListState(list, now);
  if (state === 'good' || list.nextUpdateAt === undefined) return undefined;
  const until = timeText(list.nextUpdateAt);
  if (state === 'over') {
    return {
      ...BASE,
      status: 'failed',
      detail: `${file}: out of date since ${until}; every certificate of its authority is refused`,
      advice: 'Put the current list of the authority into the file; no restart is needed.',
    };
  }
  return {
    ...BASE,
    status: 'warning',
    detail: `${file}: out of date from ${until} on`,
    advice: 'Put the next list of the authority into the file, and see that this happens by itself.',
  };
}

/** OpenSSL wants a list of every authority in a chain as soon as there is one list. */
async function checkCoverage(
  path: string,
  ca: string,
  lists: readonly RevocationList[],
): Promise<readonly CheckResult[]> {
  const issuers = new Set(lists.map(({ issuer }) => issuer));
  try {
    const authorities = [...(await readFile(ca, 'utf8')).matchAll(PEM_CERTIFICATE)].map(
      ([pem]) => new X509Certificate(pem),
    );
    const without = authorities.filter((authority) => !issuers.has(subjectName(authority)));
    const subjects = new Set(authorities.map(({ subject }) => subject));
    const rootless = authorities.filter(({ issuer }) => !subjects.has(issuer));
    return [
      ...without.map(({ subject }) => ({
        ...BASE,
        status: 'warning' as const,
        detail: `${path}.crl has no list of ${nameText(subject)}, which is in ${ca}: its certificates are refused`,
        advice: 'Add the list of that authority, or take it out of "ca".',
      })),
      ...rootless.map(({ subject, issuer }) => ({
        ...BASE,
        status: 'warning' as const,
        detail: `${ca} has ${nameText(subject)} without ${nameText(issuer)}, which signed it: whether it was revoked cannot be told, and certificates below it are refused`,
        advice: 'Put the authorities up to the root into "ca", and the list of each into "crl".',
      })),
    ];
  } catch {
    // What is wrong with "ca" is another check's to say.
    return [];
  }
}

/** `O=City Medical, CN=Root`, from lines as Node has them. */
function nameText(name: string): string {
  return name.split('\n').join(', ');
}

/** `2026-03-01 12:00 UTC`: lists are often good for hours only. */
function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
