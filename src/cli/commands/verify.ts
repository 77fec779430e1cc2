import { loadConfig } from '../../config/load.ts';
import type { ProofEnd, ProofEvent } from '../../core/proof/finding.ts';
import type { EmitProof, ProofRequest } from '../../core/proof/proof-run.ts';
import { customerKey } from '../../core/study/instance.ts';
import { createLogger } from '../../observability/logger.ts';
import { linesOf, requestOf } from '../admin-stream.ts';
import { type CliCommand, type DaemonOptions, describeCommand, withDaemonOptions } from '../command.ts';
import { CliError, type CliContext } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import { parseCustomerArgument, parseRateArgument, parseSinceArgument, parseUidArgument } from '../parse.ts';
import { createProgressBar } from '../progress-bar.ts';
import { explainAloneFailure, runningDaemon } from '../running-daemon.ts';
import { findingText, proofProgressText, proofSummaryText } from '../verify-report.ts';

interface VerifyOptions extends DaemonOptions {
  readonly customer?: string;
  readonly study?: string;
  readonly since?: string;
  readonly offline?: true;
  readonly quick?: true;
  readonly repair?: true;
  readonly setAside?: true;
  readonly maxRate?: number;
  readonly json?: true;
}

/** Findings that a JSON document holds; the counts tell of the rest. */
const MAX_FINDINGS = 10_000;

/** `verify`: proves that acknowledged = stored = indexed = announced, or names the exceptions. */
export const verifyCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'verify',
      group: 'Studies',
      summary: 'prove that everything acknowledged is stored, indexed and announced',
      description:
        'Reads every stored file and compares its digest with the index and the ledger, looks for rows without files and\nfiles without rows, for studies that were never announced, and asks Avara whether each announced study is there under\nthe right Express customer. Names every exception. Changes nothing without --repair or --set-aside.\n\nRuns in the daemon where one is running, otherwise here.',
      examples: [
        ['verify', 'everything'],
        ['verify --since 24h --max-rate 20M', 'what came in the last day, at most 20 MB a second'],
        ['verify --customer city-medical --offline', 'one customer, without asking Avara'],
        ['verify --repair', 'repair what is certain; never deletes anything'],
      ],
      exitCodes: {
        0: 'proven: no exception (warnings are possible)',
        1: 'exceptions were found that are not repaired, or the verification was stopped',
        3: 'a daemon is running and does not answer',
      },
    });
    return withDaemonOptions(command)
      .option('--customer <key>', 'studies of this customer only', parseCustomerArgument)
      .option('--study <uid>', 'this study only', parseUidArgument)
      .option('--since <time>', 'what was received since, as 2026-03-01, 12h or 7d', parseSinceArgument)
      .option('--offline', 'do not ask Avara')
      .option('--quick', 'do not read the bytes: only whether each file is there with its size')
      .option('--repair', 'repair what is certain')
      .option('--set-aside', 'move damaged files to damaged/, so that they can be sent again')
      .option('--max-rate <rate>', 'bytes read per second and thread, as 20M', parseRateArgument)
      .option('--json', 'print JSON')
      .action(async (options: VerifyOptions) => {
        finish(await runVerify(options, context));
      });
  },
};

async function runVerify(options: VerifyOptions, context: CliContext): Promise<number> {
  const { stdout, stderr, env } = context;
  const isJson = options.json === true;
  const paint = createPainter(stdout, env);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    context.process.onSignal(signal, () => {
      stop.abort();
    });
  }
  const bar = createProgressBar(stderr, !isJson);
  const findings: ProofEvent[] = [];
  let end: ProofEnd | undefined;
  const startedAt = Date.now();
  const take = (event: ProofEvent): void => {
    switch (event.event) {
      case 'progress':
        bar.show(event.bytes, event.totalBytes, proofProgressText(event, Date.now() - startedAt));
        return;
      case 'finding':
        if (findings.length < MAX_FINDINGS) findings.push(event);
        if (!isJson) stdout.write(findingText(event, paint));
        return;
      case 'end':
        end = event;
    }
  };
  let where: string;
  try {
    where = await carryOut(options, context, stop.signal, take);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    where = '';
  } finally {
    bar.close();
  }
  if (end === undefined) {
    throw new CliError('the verification ended before its end', {
      exitCode: EXIT_CODES.failed,
      hint: 'narrow it with --customer, --study or --since',
    });
  }
  const { counts, result } = end;
  if (isJson) printJson(stdout, { result, counts, findings });
  else stdout.write(proofSummaryText(end, { where, elapsedMs: Date.now() - startedAt, paint }));
  return result === 'done' && counts.errors === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}

/** @returns where it was done, for people. */
async function carryOut(
  options: VerifyOptions,
  context: CliContext,
  signal: AbortSignal,
  take: (event: ProofEvent) => void,
): Promise<string> {
  const address = await runningDaemon(options, context);
  if (address !== undefined) {
    const body = JSON.stringify({
      customer: options.customer,
      study: options.study,
      since: options.since,
      offline: options.offline,
      quick: options.quick,
      repair: options.repair,
      setAside: options.setAside,
      maxBytesPerSecond: options.maxRate,
    });
    const response = await requestOf(address, '/api/verify', { method: 'POST', body, signal });
    for await (const event of linesOf<ProofEvent>(response)) take(event);
    return `in the daemon at ${address.url}`;
  }
  const config = loadConfig({ file: options.config, env: context.env });
  const { openProofAlone } = await import('../../app/proof-alone.ts');
  const logger = createLogger({
    level: 'error',
    destination: { write: (line) => context.stderr.write(line) },
  });
  let alone;
  try {
    const changes = [options.repair && '--repair', options.setAside && '--set-aside'].filter(Boolean);
    alone = await openProofAlone({
      config,
      logger,
      repair: options.repair === true,
      audited: changes.length === 0 ? undefined : ['verify', ...changes].join(' '),
    });
  } catch (error) {
    throw explainAloneFailure(error);
  }
  const emit: EmitProof = take;
  try {
    await alone.verifier.verify(requestOfOptions(options), signal, emit);
  } finally {
    await alone.close();
  }
  return 'here: no daemon is running';
}

function requestOfOptions(options: VerifyOptions): ProofRequest {
  const { customer, study, since } = options;
  return {
    selection: {
      ...(customer !== undefined && { customer: customerKey(customer) }),
      ...(study !== undefined && { studyInstanceUid: study }),
      ...(since !== undefined && { receivedSince: Date.parse(since) }),
    },
    offline: options.offline === true,
    quick: options.quick === true,
    repair: options.repair === true,
    setAside: options.setAside === true,
    maxBytesPerSecond: options.maxRate ?? 0,
  };
}
