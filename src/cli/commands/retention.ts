import { z } from 'zod';
import { adminRequest } from '../admin-request.ts';
import { type CliCommand, type DaemonOptions, describeCommand, withDaemonOptions } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import { resolveDaemonAddress } from '../daemon-client.ts';
import type { DaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import {
  createPainter,
  formatBytes,
  formatCount,
  formatDuration,
  printJson,
  renderTable,
} from '../output.ts';
import { parseLimitArgument } from '../parse.ts';

/** A preview walks over every study that may be due. */
const PREVIEW_TIMEOUT_MS = 600_000;

const countSchema = z.object({ studies: z.number(), instances: z.number(), bytes: z.number() });
const previewSchema = z.object({
  counts: z.object({ remove: countSchema, protected: countSchema, notDue: countSchema }),
  protectedBy: z.record(z.string(), z.number()),
  studies: z.array(
    z.object({
      customer: z.string(),
      studyInstanceUid: z.string(),
      instances: z.number(),
      bytes: z.number(),
      lastReceivedAt: z.string(),
      verdict: z.string(),
      why: z.string().optional(),
      protectedBy: z.array(z.object({ name: z.string(), reason: z.string() })).optional(),
    }),
  ),
});
const statusSchema = z.object({
  isActive: z.boolean(),
  lastRun: z
    .object({
      at: z.string(),
      studies: z.number(),
      instances: z.number(),
      bytes: z.number(),
      protected: z.number(),
    })
    .optional(),
  lastError: z.string().optional(),
  removals: z.number(),
  unfinished: z.number(),
});
const removalsSchema = z.object({
  removals: z.array(
    z.object({
      customer: z.string(),
      studyInstanceUid: z.string(),
      why: z.string(),
      movedTo: z.string().optional(),
      instances: z.number(),
      bytes: z.number(),
      removedAt: z.string(),
      filesDeleted: z.boolean(),
    }),
  ),
});

interface RetentionOptions extends DaemonOptions {
  readonly dryRun?: true;
  readonly run?: true;
  readonly limit: number;
  readonly json?: true;
}

/** `retention`: what is removed by rule, what would be, and what stays and why. */
export const retentionCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'retention',
      group: 'Studies',
      summary: 'show what retention removed, or would remove',
      description:
        'Shows where the removal of old studies stands, and the studies that were removed. With --dry-run, lists what a run\nwould remove now and why each study that is due is kept; nothing is changed. With --run, a run starts at once.',
      examples: [
        ['retention', 'what was removed'],
        ['retention --dry-run', 'what would be removed now'],
      ],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .option('--dry-run', 'list what would go, and why what is due stays')
      .option('--run', 'start a run now')
      .option('-n, --limit <count>', 'studies to list', parseLimitArgument, 50)
      .option('--json', 'print JSON')
      .action(async (options: RetentionOptions) => {
        if (options.dryRun && options.run)
          throw new CliError('give --dry-run or --run, not both', { exitCode: EXIT_CODES.usage });
        const daemon = resolveDaemonAddress(options, context.env);
        if (options.run) await startRun(context, daemon, options);
        else if (options.dryRun) await preview(context, daemon, options);
        else await show(context, daemon, options);
        finish(EXIT_CODES.ok);
      });
  },
};

async function startRun(
  context: CliContext,
  daemon: DaemonAddress,
  options: RetentionOptions,
): Promise<void> {
  const schema = z.object({ started: z.boolean() });
  const answer = await adminRequest(daemon, { path: '/api/retention/run', method: 'POST', schema });
  if (options.json) printJson(context.stdout, answer);
  else context.stdout.write('A run was started; "avara-ingest retention" shows what it removed\n');
}

async function preview(context: CliContext, daemon: DaemonAddress, options: RetentionOptions): Promise<void> {
  const found = await adminRequest(daemon, {
    path: `/api/retention/preview?limit=${options.limit}`,
    schema: previewSchema,
    timeoutMs: PREVIEW_TIMEOUT_MS,
  });
  const { stdout } = context;
  if (options.json) {
    printJson(stdout, found);
    return;
  }
  const paint = createPainter(stdout, context.env);
  const { counts, studies } = found;
  stdout.write(
    `${formatCount(counts.remove.studies)} studies (${formatBytes(counts.remove.bytes)}) would be removed; ` +
      `${formatCount(counts.protected.studies)} are due and must stay; nothing was changed\n`,
  );
  const due = studies.filter(({ verdict }) => verdict !== 'not-due');
  if (due.length === 0) return;
  const rows = due.map((study) => [
    study.verdict === 'remove' ? paint('yellow', 'remove') : paint('green', 'keep'),
    study.customer,
    study.studyInstanceUid,
    formatCount(study.instances),
    formatBytes(study.bytes),
    formatDuration(Date.now() - Date.parse(study.lastReceivedAt)),
    study.protectedBy?.map(({ reason }) => reason).join('; ') ?? `due by ${study.why ?? ''}`,
  ]);
  stdout.write(
    renderTable(
      [
        { title: 'WOULD' },
        { title: 'CUSTOMER' },
        { title: 'STUDY' },
        { title: 'IMAGES', align: 'right' },
        { title: 'SIZE', align: 'right' },
        { title: 'AGE', align: 'right' },
        { title: 'WHY' },
      ],
      rows,
      paint,
    ),
  );
}

async function show(context: CliContext, daemon: DaemonAddress, options: RetentionOptions): Promise<void> {
  const status = await adminRequest(daemon, { path: '/api/retention', schema: statusSchema });
  const { removals } = await adminRequest(daemon, {
    path: `/api/removals?limit=${options.limit}`,
    schema: removalsSchema,
  });
  const { stdout } = context;
  if (options.json) {
    printJson(stdout, { ...status, latest: removals });
    return;
  }
  const paint = createPainter(stdout, context.env);
  stdout.write(status.isActive ? 'Retention is on' : 'Retention is off: nothing is removed by rule');
  stdout.write(`; ${formatCount(status.removals)} studies are no longer here\n`);
  if (status.unfinished > 0)
    stdout.write(`${formatCount(status.unfinished)} of them have files still to be deleted\n`);
  if (status.lastError !== undefined) stdout.write(`${paint('red', status.lastError)}\n`);
  if (removals.length === 0) return;
  const rows = removals.map((removal) => [
    `${formatDuration(Date.now() - Date.parse(removal.removedAt))} ago`,
    removal.customer,
    removal.studyInstanceUid,
    formatCount(removal.instances),
    formatBytes(removal.bytes),
    removal.movedTo === undefined ? removal.why : `moved to ${removal.movedTo}`,
  ]);
  stdout.write(
    renderTable(
      [
        { title: 'REMOVED' },
        { title: 'CUSTOMER' },
        { title: 'STUDY' },
        { title: 'IMAGES', align: 'right' },
        { title: 'SIZE', align: 'right' },
        { title: 'WHY' },
      ],
      rows,
      paint,
    ),
  );
}
