import type { Response } from 'express';

/** Answers with JSON. Express' own `json` looks at more than there is to see here, which webhooks by the thousand feel. */
export function sendJson(response: Response, status: number, body: object): void {
  // As text it goes out in one piece with the header.
  const text = JSON.stringify(body);
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}
