import { formatBytes } from '../src/cli/output.ts';
import { formatNumber, type Table, type Verdict } from './table.ts';
import type { ServerName } from './web-servers.ts';

export interface WebResult {
  readonly title: string;
  readonly clients: number;
  readonly server: ServerName;
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  /** The client was near its limit. */
  readonly isClientBusy: boolean;
}

const METADATA_BUDGET = 10;
const OBJECT_BUDGET = 0.4;

export function webTables(
  results: readonly WebResult[],
  rss: ReadonlyMap<ServerName, number>,
  objects: number,
): Table[] {
  return [
    {
      title: `HTTP, a study of ${objects} CT of 526 kB`,
      columns: [
        { title: 'request' },
        { title: 'clients', align: 'right' },
        { title: 'server' },
        { title: 'per second', align: 'right' },
        { title: 'ms each', align: 'right' },
        { title: 'MB/s', align: 'right' },
        { title: 'avara-ingest : this', align: 'right' },
      ],
      rows: results.map((result) => {
        const ratio = result.server === 'avara-ingest' ? undefined : ratioTo(results, result);
        return [
          result.title,
          String(result.clients),
          result.server,
          `${formatNumber(result.perSecond)}${result.isClientBusy ? '*' : ''}`,
          formatNumber((1000 * result.clients) / result.perSecond),
          formatNumber(result.megabytesPerSecond),
          ratio === undefined ? '' : `${formatNumber(ratio)} : 1`,
        ];
      }),
    },
    {
      title: 'Memory',
      columns: [{ title: 'server' }, { title: 'peak RSS', align: 'right' }],
      rows: [...rss].map(([name, bytes]) => [name, formatBytes(bytes)]),
    },
  ];
}

export function webVerdicts(results: readonly WebResult[]): Verdict[] {
  const judge = (work: string, title: string, clients: number, peer: ServerName, budget: number): Verdict => {
    const other = results.find(
      (one) => one.title === title && one.clients === clients && one.server === peer,
    );
    const ratio = other && ratioTo(results, other);
    return {
      work,
      budget: `≥ ${budget} × ${peer}`,
      measured: ratio === undefined ? undefined : `${formatNumber(ratio)} ×`,
      isMet: ratio === undefined ? undefined : ratio >= budget,
    };
  };
  return [
    judge('study metadata, warm', 'study metadata, warm', 1, 'Orthanc', METADATA_BUDGET),
    judge('object GET, 1 client', 'object URL', 1, 'nginx', OBJECT_BUDGET),
    judge('object GET, 8 clients', 'object URL', 8, 'nginx', OBJECT_BUDGET),
  ];
}

/** Our rate over that of a peer in the same case. */
function ratioTo(results: readonly WebResult[], peer: WebResult): number | undefined {
  const ours = results.find(
    ({ title, clients, server }) =>
      server === 'avara-ingest' && title === peer.title && clients === peer.clients,
  );
  return ours && ours.perSecond / peer.perSecond;
}
