import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../../test/support/recording-logger.ts';
import { temporaryIndex } from '../../../test/support/temporary-index.ts';
import { uid } from '../../dicom/uid.ts';
import { customerKey } from '../study/instance.ts';
import { createReportLoop } from './report-loop.ts';
import type { ReportFileSet, ReportSource, SendReport } from './report-loop.ts';

const study = { customer: customerKey('city'), studyInstanceUid: uid('1.2.3') };
const event = (eventId: string, changes: object = {}) => ({
  eventId,
  reportId: 'rep_1',
  avaraStudyId: 'stu_1',
  signers: [study.customer],
  isCritical: false,
  presignedUrl: 'https://files.example/r',
  study,
  ...changes,
});

function setUp() {
  const { reports } = temporaryIndex();
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const saved: ReportFileSet[] = [];
  const sent: string[] = [];
  const source: ReportSource = {
    findStudy: () => Promise.resolve({ kind: 'permanent', error: 'not here' }),
    download: () => Promise.resolve({ kind: 'done', value: { pdf: Buffer.from('%PDF-1'), isLatest: false } }),
  };
  const send: SendReport = (job) => {
    sent.push(`${job.target} v${job.report.version}`);
    return Promise.resolve({ kind: 'done', value: 'ok' });
  };
  const parts = { source, send };
  const loop = createReportLoop({
    records: reports,
    source: {
      findStudy: (job) => parts.source.findStudy(job),
      download: (job, key) => parts.source.download(job, key),
    },
    files: {
      save: (report) => Promise.resolve(void saved.push(report)),
      readPdf: () => Promise.resolve(Buffer.from('%PDF-1')),
    },
    targetsOf: () => ['folder', 'pacs'],
    send: (job, pdf) => parts.send(job, pdf),
    clock,
    logger,
    random: () => 0.5,
  });
  loop.start();
  const accept = async (given: ReturnType<typeof event>) => {
    const acceptance = await reports.accept(given, clock.now());
    loop.wake();
    await clock.advanceAsync(100);
    await clock.advanceAsync(100);
    return acceptance;
  };
  return { reports, clock, logger, loop, saved, sent, parts, accept };
}

describe('the report loop', () => {
  it('keeps a report and sends it on, once per event', async () => {
    const { saved, sent, accept, reports } = setUp();
    expect(await accept(event('e1'))).toBe('new');
    expect(await accept(event('e1'))).toBe('known');
    expect(saved.map(({ version }) => version)).toEqual([1]);
    expect(sent.sort()).toEqual(['folder v1', 'pacs v1']);
    expect(reports.totals()).toEqual({
      reports: { pending: 0, stored: 1, attention: 0 },
      outputs: { pending: 0, done: 2, attention: 0 },
    });
  });

  it('makes a version of what is new, and none of what is not', async () => {
    const { saved, accept, reports } = setUp();
    await accept(event('e1', { plainText: 'one' }));
    await accept(event('e2', { plainText: 'one' }));
    await accept(event('e3', { plainText: 'two' }));
    expect(saved.map(({ version, plainText }) => `${version} ${plainText ?? ''}`)).toEqual([
      '1 one',
      '2 two',
    ]);
    expect(reports.ofStudy(study)).toMatchObject([{ version: 2, plainText: 'two' }]);
  });

  it('takes events of one report in the order they came, also where the first has to wait', async () => {
    const { saved, accept, parts } = setUp();
    const working = parts.source;
    parts.source = { ...working, download: () => Promise.resolve({ kind: 'transient', error: 'down' }) };
    await accept(event('e1', { plainText: 'No finding.' }));
    parts.source = working;
    await accept(event('e2', { plainText: 'Addendum.' }));
    expect(saved.map(({ version, plainText }) => `${version} ${plainText ?? ''}`)).toEqual([
      '1 No finding.',
      '2 Addendum.',
    ]);
  });

  it('holds up no other report by one that waits', async () => {
    const { saved, accept, parts } = setUp();
    const working = parts.source;
    const down = { kind: 'transient', error: 'down' } as const;
    parts.source = {
      ...working,
      download: (job, key) => (job.reportId === 'rep_1' ? Promise.resolve(down) : working.download(job, key)),
    };
    await accept(event('e1'));
    await accept(event('e2'));
    await accept(event('e3'));
    await accept(event('e4', { reportId: 'rep_2' }));
    expect(saved.map(({ reportId }) => reportId)).toEqual(['rep_2']);
  });

  it('does not put an old text above a later one when an operator has it tried again', async () => {
    const { saved, accept, parts, reports, clock, loop } = setUp();
    const working = parts.source;
    parts.source = { ...working, download: () => Promise.resolve({ kind: 'permanent', error: 'too large' }) };
    await accept(event('e1', { plainText: 'No finding.' }));
    parts.source = working;
    await accept(event('e2', { plainText: 'Addendum.' }));
    await reports.retryAll(clock.now());
    loop.wake();
    await clock.advanceAsync(100);
    expect(saved.map(({ plainText }) => plainText)).toEqual(['Addendum.']);
    expect(reports.ofStudy(study)).toMatchObject([{ version: 1, plainText: 'Addendum.' }]);
    expect(reports.totals().reports).toEqual({ pending: 0, stored: 1, attention: 0 });
  });

  it('does not keep an old text with the PDF of a later event', async () => {
    const { saved, accept, parts } = setUp();
    const latest = { pdf: Buffer.from('%PDF-2'), isLatest: true };
    const working = parts.source;
    parts.source = { ...working, download: () => Promise.resolve({ kind: 'transient', error: 'down' }) };
    await accept(event('e1', { plainText: 'No finding.' }));
    parts.source = { ...working, download: () => Promise.resolve({ kind: 'done', value: latest }) };
    await accept(event('e2', { plainText: 'Addendum.' }));
    expect(saved.map(({ plainText, pdf }) => `${plainText ?? ''} ${pdf.toString()}`)).toEqual([
      'Addendum. %PDF-2',
    ]);
  });

  it('tries again for as long as it takes, and then goes on', async () => {
    const { saved, accept, parts, clock, sent } = setUp();
    const working = parts.source;
    parts.source = { ...working, download: () => Promise.resolve({ kind: 'transient', error: 'down' }) };
    await accept(event('e1'));
    for (let hours = 0; hours < 20; hours += 1) await clock.advanceAsync(3_600_000);
    expect(saved).toEqual([]);
    parts.source = working;
    parts.send = () => Promise.resolve({ kind: 'transient', error: 'PACS down' });
    await clock.advanceAsync(3_600_000);
    expect(saved).toHaveLength(1);
    parts.send = (job) => {
      sent.push(job.target);
      return Promise.resolve({ kind: 'done', value: 'ok' });
    };
    await clock.advanceAsync(3_600_000);
    expect(sent.sort()).toEqual(['folder', 'pacs']);
  });

  it('sends no version on before an earlier one, but for PACS, which file them by their UIDs', async () => {
    const { accept, parts, sent, clock } = setUp();
    const { send } = parts;
    parts.send = () => Promise.resolve({ kind: 'transient', error: 'down' });
    await accept(event('e1', { plainText: 'one' }));
    const outages = new Set(['folder v1', 'pacs v1']);
    parts.send = (job, pdf) =>
      outages.delete(`${job.target} v${job.report.version}`)
        ? Promise.resolve({ kind: 'transient', error: 'down' })
        : send(job, pdf);
    await accept(event('e2', { plainText: 'two' }));
    expect(sent).toEqual(['pacs v2']);
    await clock.advanceAsync(3_600_000);
    expect(sent.filter((one) => one.startsWith('folder'))).toEqual(['folder v1', 'folder v2']);
    expect(sent).toContain('pacs v1');
  });

  it('shows an operator what cannot be done, and does it after a retry', async () => {
    const { accept, parts, reports, clock, loop, logger } = setUp();
    const { send } = parts;
    parts.send = () => Promise.resolve({ kind: 'permanent', error: 'PACS takes no PDF' });
    await accept(event('e1'));
    expect(reports.problems(9)).toMatchObject([
      { reportId: 'rep_1', target: 'pacs', error: 'PACS takes no PDF' },
      { reportId: 'rep_1', target: 'folder' },
    ]);
    expect(logger.messages('error')).toHaveLength(2);
    parts.send = send;
    expect(await reports.retryAll(clock.now())).toBe(2);
    loop.wake();
    await clock.advanceAsync(100);
    await clock.advanceAsync(100);
    expect(reports.problems(9)).toEqual([]);
  });

  it('says so where the study of a report is not here', async () => {
    const { accept, reports, saved } = setUp();
    const unknown = event('e1');
    Reflect.deleteProperty(unknown, 'study');
    await accept(unknown);
    expect(saved).toEqual([]);
    expect(reports.problems(9)).toEqual([{ reportId: 'rep_1', error: 'not here' }]);
  });
});
