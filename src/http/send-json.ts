import type { ServerResponse } from 'node:http';
import { answerHeaders } from './answer-headers.ts';

/**
 * Answers with JSON and the headers of every answer, all at once. Express' own `json` looks at more than there is to see
 * here, which webhooks by the thousand feel.
 */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...answerHeaders,
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  // As text it goes out in one piece with the header.
  response.end(text);
}
