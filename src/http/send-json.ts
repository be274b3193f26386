import type { Response } from 'express';

/** Answers with JSON. Express' own `json` looks at more than there is to see here, which webhooks by the thousand feel. */
export function sendJson(response: Response, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', bytes.length);
  response.end(bytes);
}
