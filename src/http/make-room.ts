import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** From this share of the cap on, nobody keeps a connection without using it. */
const CROWDED = 7 / 8;

/**
 * Caps the connections of a server, so that who does nothing with theirs can't lock the others out. When there are many,
 * idle ones are closed as others come; when the last place is taken, so is the connection that has owed the rest of
 * its request, or the next one, for longest. Whoever has sent all of a request keeps its connection until it is answered.
 */
export function capConnections(server: Server, maxConnections: number): void {
  server.maxConnections = maxConnections;
  /** By when they last began or ended something, oldest first; with the request that is being received or answered. */
  const connections = new Map<Socket, IncomingMessage | undefined>();
  const move = (socket: Socket, request?: IncomingMessage) => {
    connections.delete(socket);
    connections.set(socket, request);
  };

  function makeRoom(newest: Socket): void {
    for (const [socket, request] of connections) {
      if (socket !== newest && !request?.complete) {
        socket.destroy();
        return;
      }
    }
  }

  server.on('connection', (socket: Socket) => {
    move(socket);
    socket.once('close', () => connections.delete(socket));
    // Counts those that were just destroyed no more; their `close` comes later.
    server.getConnections((_error, count) => {
      if (count >= maxConnections * CROWDED) {
        server.closeIdleConnections();
      }
      if (count >= maxConnections) {
        makeRoom(socket);
      }
    });
  });
  server.prependListener('request', (request, response) => {
    const { socket } = request;
    move(socket, request);
    response.once('close', () => {
      // Another request may have followed without waiting for the answer.
      if (connections.get(socket) === request) {
        move(socket);
      }
    });
  });
}
