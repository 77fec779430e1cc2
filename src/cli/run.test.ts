import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProgram, run } from './run.ts';
import type { CliContext } from './context.ts';

let folder: string;
let config: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  config = join(folder, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({
      avara: { apiKey: '${env:KEY}', webhookSecret: '${env:HOOK}' },
      customers: { city: { expressCustomerId: `cus_${'0'.repeat(32)}` } },
      routes: [
        { calledAe: 'CITY', customer: 'city', callingAe: ['CT1'] },
        { calledAe: 'TOWN', customer: 'city' },
      ],
    }),
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function contextOf(
  argv: string[],
  env: CliContext['env'] = {},
): { context: CliContext; out: string[]; err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  const context: CliContext = {
    argv,
    env,
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    process: { onSignal: () => undefined, onFatal: () => undefined, exit: () => undefined },
  };
  return { context, out, err };
}

async function avaraIngest(argv: string[], env: CliContext['env'] = {}): Promise<Outcome> {
  const { context, out, err } = contextOf(argv, env);
  const code = await run(context);
  return { code, out: out.join(''), err: err.join('') };
}

const NAMES = createProgram(contextOf([]).context, () => undefined).commands.map((command) => command.name());

describe('help', () => {
  it('lists every command of this version', async () => {
    const { code, out } = await avaraIngest(['--help']);
    expect(code).toBe(0);
    for (const name of NAMES) expect(out).toMatch(new RegExp(`^  ${name} .*\\w`, 'm'));
    expect(NAMES).toEqual(
      expect.arrayContaining(['serve', 'check', 'status', 'retry', 'complete', 'route', 'echo']),
    );
  });

  it.each(NAMES)('of %s has options, examples and exit codes', async (name) => {
    const { code, out, err } = await avaraIngest([name, '--help']);
    expect(code).toBe(0);
    expect(err).toBe('');
    expect(out).toMatch(new RegExp(`^Usage: avara-ingest ${name}`));
    expect(out).toContain(`\n  avara-ingest ${name}`);
    expect(out).toMatch(/Exit codes:\n {2}0 {2}\w/);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  it('goes to stderr with exit code 2 where no command is given', async () => {
    const { code, out, err } = await avaraIngest([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: avara-ingest');
  });

  it('--version prints the version alone', async () => {
    const { code, out } = await avaraIngest(['--version']);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as unknown });
  });
});

describe('a wrong command line ends with 2, an error and a hint on stderr', () => {
  it.each([
    [['rout'], "unknown command 'rout'\n(Did you mean route?)", 'avara-ingest --help'],
    [['route'], "required option '--called <ae>' not specified", 'avara-ingest route --help'],
    [
      ['serve', '--cofnig', 'x'],
      "unknown option '--cofnig'\n(Did you mean --config?)",
      'avara-ingest serve --help',
    ],
    [
      ['route', '--called', 'SEVENTEEN_LETTERS'],
      'An AE title has 1 to 16 printable ASCII characters.',
      'route --help',
    ],
    [['route', '--called', 'A', '--from', '10.1'], 'Give an IP address', 'route --help'],
    [['echo', '10.20.1.5', '--called', 'A'], 'Give HOST:PORT', 'echo --help'],
    [['complete', '1.2.x'], 'A UID has at most 64 digits and dots', 'complete --help'],
    [['status', '--limit', '0'], 'Give a number from 1 to 1000', 'status --help'],
    [['retry'], 'give either a Study Instance UID or --all', 'retry --help'],
  ])('%j', async (argv, message, hint) => {
    const { code, out, err } = await avaraIngest(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^error: /);
    expect(err).toContain(message);
    expect(err).toMatch(/^hint: /m);
    expect(err).toContain(hint);
  });
});

describe('a configuration that cannot be used ends with 2', () => {
  it('and names the variable that is missing, and where to set it', async () => {
    const { code, err } = await avaraIngest(['check', '--config', config], { KEY: 'sk_live_x' });
    expect(code).toBe(2);
    expect(err).toContain('avara.webhookSecret = "${env:HOOK}": the environment variable HOOK is not set');
    expect(err).toContain('hint: set the variables in this shell too');
  });

  it('and names the file that is missing', async () => {
    const { code, err } = await avaraIngest(['serve', '--config', join(folder, 'nope.json')]);
    expect(code).toBe(2);
    expect(err).toContain(`${join(folder, 'nope.json')} has 1 problem\n  cannot be read: it does not exist`);
    expect(err).toContain('hint: name the file with --config');
  });

  it('and lists the problems as JSON where that is wanted', async () => {
    const { code, out } = await avaraIngest(['check', '--json', '--config', config], { KEY: 'sk_live_x' });
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ path: 'avara.webhookSecret' }] });
  });
});

describe('route', () => {
  it('tells the customer and why, without the daemon’s secrets', async () => {
    const { code, out } = await avaraIngest([
      'route',
      '--called',
      'CITY',
      '--calling',
      'CT1',
      '--config',
      config,
    ]);
    expect(code).toBe(0);
    expect(out).toContain('✔ city  routes[0]: called AE title CITY, calling AE title is listed\n');
    expect(out).toContain('– routes[1]  city: called TOWN');
  });

  it('ends with 1 for a sender that would be rejected, and tells how the modality sees it', async () => {
    const { code, out } = await avaraIngest([
      'route',
      '--called',
      'CITY',
      '--calling',
      'US1',
      '--config',
      config,
    ]);
    expect(code).toBe(1);
    expect(out).toContain('✖ rejected');
    expect(out).toContain('A-ASSOCIATE-RJ: calling-ae-title-not-recognized');
    expect(out).toContain('calling AE title "US1" is not CT1');
  });

  it('prints the decision and every rule as JSON', async () => {
    const { out } = await avaraIngest(['route', '--called', 'TOWN', '--config', config, '--json']);
    expect(JSON.parse(out)).toMatchObject({
      decision: { kind: 'admitted', customer: 'city', route: 1 },
      routes: [
        { route: 0, isMatch: false },
        { route: 1, isMatch: true, isChosen: true },
      ],
    });
  });
});

describe('colour', () => {
  const argv = (): string[] => ['route', '--called', 'TOWN', '--config', config];
  it('is left out where the output is no terminal', async () => {
    expect((await avaraIngest(argv())).out).not.toContain('\u001b[');
  });
  it('is there when forced, unless NO_COLOR is set', async () => {
    expect((await avaraIngest(argv(), { FORCE_COLOR: '1' })).out).toContain('\u001b[32m✔');
    expect((await avaraIngest(argv(), { FORCE_COLOR: '1', NO_COLOR: '1' })).out).not.toContain('\u001b[');
  });
});
