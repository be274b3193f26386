import { signGithubWebhook } from '../fixtures/webhooks.ts';
import type { LoadJob } from './load.ts';
import { sendAll } from './load-client.ts';

process.once('message', async (job: LoadJob) => {
  const requests = Array.from({ length: job.count }, (_, index) => makeRequest(job, job.firstNumber + index));
  process.send?.(await sendAll(job.port, requests, job.connections));
  process.disconnect();
});

function makeRequest({ port, path, event, payload, secret }: LoadJob, number: number): Buffer {
  const after = number.toString(16).padStart(40, 'c');
  const { headers, body } = signGithubWebhook({ event, payload: { ...payload, after }, secret });
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    accept: '*/*',
    ...headers,
    'content-length': body.length,
  }).map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`), body]);
}
