import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRedactor } from '../src/core/redactor.ts';
import { createLog } from '../src/log.ts';

const SECRET = 'p@ss "wörd"/+?';

function logInto(level: 'info' | 'debug' = 'info', secrets: readonly string[] = []) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({ level, redact: createRedactor(secrets), destination });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

describe('createRedactor', () => {
  const redact = createRedactor([SECRET, 'short', 'token-1', 'token-1-longer']);

  it('replaces a secret wherever it stands', () => {
    assert.equal(redact(`a ${SECRET}b${SECRET}`), 'a [redacted]b[redacted]');
    assert.equal(redact('nothing here'), 'nothing here');
  });

  it('replaces the longer of two secrets as a whole', () => {
    assert.equal(redact('token-1-longer token-1'), '[redacted] [redacted]');
  });

  it('leaves alone what is too short to be a secret', () => {
    assert.equal(redact('short'), 'short');
    assert.equal(createRedactor([])('anything'), 'anything');
  });

  it('finds a secret as JSON and URLs write it', () => {
    assert.equal(redact(JSON.stringify({ text: `x${SECRET}` })), '{"text":"x[redacted]"}');
    assert.equal(redact(`?q=${encodeURIComponent(SECRET)}`), '?q=[redacted]');
    assert.equal(redact(new URLSearchParams({ q: 'x' }).toString()), 'q=x');
  });

  it('finds a secret in base64, whatever stands before and after it', () => {
    const length = SECRET.length;
    for (const before of ['', 'u', 'us', 'user:', 'userx:']) {
      for (const after of ['', '!', '"}', '}}}']) {
        for (const encoding of ['base64', 'base64url'] as const) {
          const text = redact(Buffer.from(before + SECRET + after).toString(encoding));
          assert.match(text, /\[redacted\]/);
          // What is left of it holds less than one more character of the secret at each end.
          assert(text.length < length + before.length * 2 + after.length * 2 + 12);
          assert(!Buffer.from(text.replace('[redacted]', ''), encoding).toString().includes('wörd'));
        }
      }
    }
  });

  it('takes the characters of a pattern for what they are', () => {
    assert.equal(createRedactor(['a.*b[c]$^'])('a.*b[c]$^ aXXb[c]$^'), '[redacted] aXXb[c]$^');
  });

  it('is quick: a line of 600 characters among 100 secrets in well under a millisecond', () => {
    const redactLine = createRedactor(
      Array.from({ length: 100 }, (_, index) => `${index}-secret-${index * 7919}`),
    );
    const line = JSON.stringify({ message: 'lorem ipsum 12-secre '.repeat(28) });
    redactLine(line);
    const start = performance.now();
    for (let index = 0; index < 200; index += 1) {
      redactLine(line);
    }
    assert((performance.now() - start) / 200 < 1);
  });
});

describe('createLog', () => {
  it('writes one JSON object a line, with level and time as text', () => {
    const { log, lines, last } = logInto();
    log.info({ event: 'started', port: 3000 }, 'ready');
    log.debug('not shown');
    assert.equal(lines.length, 1);
    assert(lines[0]?.endsWith('}\n'));
    const { time, ...rest } = last();
    assert.deepEqual(rest, { level: 'info', event: 'started', port: 3000, msg: 'ready' });
    assert.equal(new Date(String(time)).toISOString(), time);
  });

  it('passes every line through the redactor', () => {
    const { log, lines } = logInto('info', [SECRET]);
    log.info({ [SECRET]: { deep: [SECRET] } }, SECRET);
    log.error({ err: new Error(SECRET, { cause: new Error(SECRET) }) });
    log.child({ name: SECRET }).info('x');
    assert(!lines.join('').includes('wörd'));
    assert.equal(lines.length, 3);
  });

  it('hides fields that are never to be logged', () => {
    const { log, last } = logInto();
    log.info({ token: 'x', headers: { a: 'y' }, request: { body: { z: 1 }, path: '/' } });
    assert.deepEqual([last().token, last().headers], ['[redacted]', '[redacted]']);
    assert.deepEqual(last().request, { body: '[redacted]', path: '/' });
  });

  it('shows an error with its code and causes', () => {
    const { log, last } = logInto();
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const cause = new AggregateError([refused], '');
    log.error({ err: new TypeError('fetch failed', { cause }) }, 'oh');
    assert.deepEqual(last().err, {
      type: 'TypeError',
      message: 'fetch failed',
      cause: {
        type: 'AggregateError',
        message: '',
        errors: [{ type: 'Error', code: 'ECONNREFUSED', message: 'connect' }],
      },
    });
  });

  it('shows what is thrown and no error, and ends with errors that are their own cause', () => {
    const { log, last } = logInto();
    log.error({ err: 'a text' });
    assert.deepEqual(last().err, { type: 'string', message: 'a text' });
    const circular = new Error('round');
    circular.cause = circular;
    log.error({ err: circular });
    assert.equal(JSON.stringify(last().err).match(/round/g)?.length, 6);
  });

  it('shows stacks from debug on only', () => {
    const quiet = logInto('info');
    quiet.log.error({ err: new Error('x') });
    assert(!('stack' in (quiet.last().err as object)));
    const loud = logInto('debug');
    loud.log.error({ err: new Error('x') });
    assert.match(String((loud.last().err as { stack: string }).stack), /log\.test\.ts/);
  });
});
