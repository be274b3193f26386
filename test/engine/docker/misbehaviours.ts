import { type Misbehaviour, sendAnswer, text } from '../../fixtures/stand-in-engine.ts';

/** Whether what is asked for has been done when the answer goes wrong. `may`: whoever asked can't know. */
export interface BadAnswer {
  readonly isDone: boolean;
  readonly misbehaviour: Misbehaviour;
}

const html = '<html><body><h1>502 Bad Gateway</h1></body></html>';

const send =
  (status: number, contentType: string, body: string): Misbehaviour =>
  (response, work) => {
    work();
    sendAnswer(response, { status, contentType, body: Buffer.from(body) });
  };

const done = (misbehaviour: Misbehaviour): BadAnswer => ({ isDone: true, misbehaviour });
const undone = (misbehaviour: Misbehaviour): BadAnswer => ({ isDone: false, misbehaviour });

/** Answers that never come, or only in part. */
export const cutAnswers: Readonly<Record<string, BadAnswer>> = {
  'ends before it asks anybody': undone(response => response.destroy()),
  'ends without a head': done((response, work) => {
    work();
    response.destroy();
  }),
  'ends in the head': done((response, work) => {
    work();
    response.socket?.end('HTTP/1.1 200 OK\r\nContent-Le');
  }),
  'ends in the body': done((response, work) => {
    const { status, body, contentType } = work();
    response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': body.length + 1 });
    response.write(body, () => response.destroy());
  }),
  'ends in the middle of a chunk': done((response, work) => {
    const { status, body, contentType } = work();
    response.writeHead(status, { 'Content-Type': contentType });
    response.write(body, () => response.destroy());
  }),
  'is not HTTP': done((response, work) => {
    work();
    response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n');
  }),
};

/** Answers that do not end. */
export const endlessAnswers: Readonly<Record<string, BadAnswer>> = {
  'does not begin': undone(() => undefined),
  'stalls after it was done': done((_response, work) => {
    work();
  }),
  'stalls in the body': done((response, work) => {
    const { status, body, contentType } = work();
    response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': body.length + 1 });
    response.write(body);
  }),
};

/** Whole answers that are no answers. */
export const wrongAnswers: Readonly<Record<string, BadAnswer>> = {
  'is cut cleanly': done((response, work) => {
    const answer = work();
    sendAnswer(response, { ...answer, body: answer.body.subarray(0, Math.floor(answer.body.length / 2)) });
  }),
  'is empty': done(send(200, 'application/json', '')),
  'is a web page': done(send(200, 'text/html', html)),
  'is null': done(send(200, 'application/json', 'null')),
  'is false': done(send(200, 'application/json', 'false')),
  'is a number': done(send(200, 'application/json', '0')),
  'is a text': done(send(200, 'application/json', '""')),
  'is another object': done(send(200, 'application/json', '{"message":"hello"}')),
  'is a list of others': done(send(200, 'application/json', '[null,1,{"ID":7}]')),
};

/** Errors that are not the Engine's own words on what was asked for. */
export const errorAnswers: Readonly<Record<string, BadAnswer>> = {
  'is an error of the Engine': undone(response =>
    sendAnswer(response, {
      status: 500,
      contentType: 'application/json',
      body: Buffer.from('{"message":"rpc error: code = Internal desc = something"}'),
    }),
  ),
  'is an error of a proxy': undone(response => sendAnswer(response, text(502, html))),
  'is an error of a proxy that has passed it on': done((response, work) => {
    work();
    sendAnswer(response, text(504, html));
  }),
  'is an error in plain words': undone(response => sendAnswer(response, text(500, 'boom'))),
  'is no error of the Engine, but of a proxy that does not know the path': undone(response =>
    sendAnswer(response, text(404, html)),
  ),
  'leads elsewhere': undone(response => {
    response.writeHead(301, { Location: 'http://nowhere.invalid/' }).end();
  }),
};

/** @param maxBytes of an answer that is read */
export function tooLarge(maxBytes: number): BadAnswer {
  return done((response, work) => {
    work();
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const chunk = Buffer.alloc(64 * 1024, ' ');
    let left = maxBytes * 4;
    const more = () => {
      for (; left > 0 && !response.destroyed; left -= chunk.length) {
        if (!response.write(chunk)) {
          response.once('drain', more);
          return;
        }
      }
    };
    more();
  });
}
