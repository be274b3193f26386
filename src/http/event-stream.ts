import type { Request, Response } from 'express';
import type { OperationEvent, Operations } from '../engine/operations.ts';
import { answerHeaders } from './answer-headers.ts';

/** A reader that leaves this much unread is cut off: memory is for operations. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/**
 * Streams what happens to an operation as server-sent events: first as it is, then every event, `finished` last. A
 * reader that comes back gets the present state again, so its `Last-Event-ID` needs no looking at. It may leave at any
 * time; the operation goes on.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @returns whether the operation is known; when not, nothing has been sent
 */
export function streamOperation(
  request: Request,
  response: Response,
  options: { readonly operations: Operations; readonly id: string; readonly heartbeatMs: number },
): boolean {
  if (options.operations.get(options.id) === undefined) {
    return false;
  }
  response.writeHead(200, {
    ...answerHeaders,
    'Content-Type': 'text/event-stream',
    'X-Accel-Buffering': 'no',
  });
  if (request.method === 'HEAD') {
    response.end();
    return true;
  }
  response.flushHeaders();
  let lastId = 0;
  let unsubscribe: (() => void) | undefined;
  const heartbeat = setInterval(() => write(response, ': still here\n\n'), options.heartbeatMs);
  const stop = () => {
    clearInterval(heartbeat);
    unsubscribe?.();
  };
  response.on('close', stop);
  unsubscribe = options.operations.watch(options.id, event => {
    lastId += 1;
    write(response, formatEvent(lastId, event));
    if (event.type === 'finished') {
      clearInterval(heartbeat);
      response.end();
    }
  });
  if (response.writableEnded || response.destroyed) {
    stop();
  }
  return true;
}

function formatEvent(id: number, event: OperationEvent): string {
  // JSON has no raw line breaks, so one data line is the whole event.
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(dataOf(event))}\n\n`;
}

function dataOf(event: OperationEvent): object {
  switch (event.type) {
    case 'status':
    case 'finished':
      return event.operation;
    case 'step':
      return event.step;
    case 'progress':
      return { step: event.step, message: event.message };
  }
}

function write(response: Response, text: string): void {
  if (response.writableEnded || response.destroyed) {
    return;
  }
  response.write(text);
  if (response.writableLength > MAX_UNREAD_BYTES) {
    response.destroy();
  }
}
