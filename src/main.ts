#!/usr/bin/env node
import { run } from './cli/run.ts';

// A reader that went away ("status | head") is no error of ours.
process.stdout.on('error', () => process.exit(1));

// The exit is explicit: a connection that some peer keeps open must not keep the process of a finished command.
const exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  process: {
    onSignal: (signal, listener) => void process.on(signal, listener),
    onFatal(listener) {
      process.on('uncaughtException', (error, origin) => listener(error, origin));
    },
    exit: (code) => process.exit(code),
  },
});
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))),
);
process.exit(exitCode);
