import { createServer, type RequestListener, type Server } from 'node:http';
import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { RequestError } from '../core/errors.ts';
import { createAccess } from './access.ts';
import { createActionRoute } from './action-route.ts';
import { backupService, cleanNode, cleanService, restoreService, updateService } from './actions.ts';
import { createAuthenticate } from './authenticate.ts';
import { createBackupRoutes } from './backup-routes.ts';
import { createCleanNodes } from './clean-nodes.ts';
import { createClientAddress } from './client-address.ts';
import { type AnswerError, createAnswerError } from './error-handler.ts';
import { TransportError } from './errors.ts';
import { createExplain } from './explain.ts';
import { createFailureLimit } from './failure-limit.ts';
import { readHeaders } from './headers.ts';
import { createHealth } from './health.ts';
import { createNodeRoutes } from './node-routes.ts';
import { createOperationRoutes } from './operation-routes.ts';
import type { HttpOptions } from './options.ts';
import { createWebhookBodyReader, jsonBody } from './read-body.ts';
import { type Route, routes, webhookRoute } from './routes.ts';
import { createScheduleRoutes } from './schedule-routes.ts';
import { harden, serverLimits } from './server-limits.ts';
import { createServiceRoutes } from './service-routes.ts';
import { createStartOnce, type StartOnce } from './start-once.ts';
import { createWebhookTargets } from './webhook-targets.ts';
import { createWebhookReceiver, type WebhookReceiver } from './webhooks.ts';

export type { HttpOptions };

/**
 * A server for everything, for the API or for the webhooks; each answers `/healthz` and `/readyz`. It does not listen
 * yet.
 */
export function createHttpServer(options: HttpOptions): Server {
  const app = createApp(options.trustProxy);
  const answerError = createAnswerError({
    log: options.log,
    countFailure: createFailureLimit(options.authFailureLimit),
    addressOf: createClientAddress(app),
  });
  const startOnce = createStartOnce(options);
  const receivers = options.routes === 'api' ? new Map() : createReceivers(options, startOnce, answerError);
  addRoutes(app, options, startOnce, receivers, answerError);
  const listener = webhooksFirst(receivers, app);
  const server = createServer(serverLimits, listener);
  harden(server);
  // An unknown expectation is no reason for an answer in another form.
  server.on('checkExpectation', listener);
  return server;
}

/**
 * Webhooks come by the thousand, so the router need not look for those whose URL is just the one that was configured.
 * Whatever else leads to a webhook's route, and every other method, is the router's.
 */
function webhooksFirst(receivers: ReadonlyMap<string, WebhookReceiver>, app: Express): RequestListener {
  return (request, response) => {
    const receive = request.method === 'POST' ? receivers.get(request.url ?? '') : undefined;
    if (receive === undefined) {
      app(request, response);
    } else {
      // It answers every error itself. Should even that fail, there is nothing left to say.
      receive(request, response).catch(() => response.destroy());
    }
  };
}

function createApp(trustProxy: HttpOptions['trustProxy']): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Should this file's own error handler fail, Express answers without a stack.
  app.set('env', 'production');
  app.enable('case sensitive routing');
  app.set('trust proxy', trustProxy);
  app.set('query parser', 'simple');
  return app;
}

function addRoutes(
  app: Express,
  options: HttpOptions,
  startOnce: StartOnce,
  receivers: ReadonlyMap<string, WebhookReceiver>,
  answerError: AnswerError,
): void {
  app.use((request, _response, next) => {
    readHeaders(request);
    next();
  });
  addHealth(app, options);
  for (const [path, receive] of receivers) {
    addRoute(app, { method: 'POST', path }, receive);
  }
  if (options.routes !== 'webhooks') {
    addApi(app, options, startOnce);
  }
  app.use(() => {
    throw new RequestError('not_found', 'There is no such route.');
  });
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) =>
    answerError(error, request, response, routeOf(request)),
  );
}

function addHealth(app: Express, options: HttpOptions): void {
  const health = createHealth(options);
  addRoute(app, routes.healthz, health.live);
  addRoute(app, routes.readyz, health.ready);
}

function addApi(app: Express, options: HttpOptions, startOnce: StartOnce): void {
  const { providers, adminTokens, heartbeatMs = 15_000 } = options;
  const { tokens } = providers;
  const authenticate = createAuthenticate({ tokens, adminTokens });
  const access = createAccess(options.swarm, options.parsedTargets, options.log);
  const shared = { ...options, access, authenticate, startOnce, tokens, heartbeatMs };
  const operations = createOperationRoutes(shared);
  const services = createServiceRoutes(shared);
  const nodes = createNodeRoutes(shared);
  addRoute(app, routes.updateService, jsonBody(), createActionRoute(shared, updateService));
  addRoute(app, routes.cleanService, jsonBody(), createActionRoute(shared, cleanService));
  addRoute(app, routes.cleanNode, jsonBody(), createActionRoute(shared, cleanNode));
  addRoute(app, routes.cleanNodes, jsonBody(), createCleanNodes(shared));
  addRoute(app, routes.backupService, jsonBody(), createActionRoute(shared, backupService));
  addRoute(app, routes.restoreService, jsonBody(), createActionRoute(shared, restoreService));
  addRoute(app, routes.backups, createBackupRoutes(shared).list);
  addRoute(app, routes.explain, jsonBody(), createExplain(shared));
  addRoute(app, routes.operations, operations.list);
  addRoute(app, routes.operation, operations.one);
  addRoute(app, routes.operationEvents, operations.events);
  addRoute(app, routes.services, services.list);
  addRoute(app, routes.service, services.one);
  addRoute(app, routes.nodes, nodes.list);
  addRoute(app, routes.schedule, createScheduleRoutes(shared).show);
}

/**
 * What receives the webhooks of each provider, by path. A provider that is not configured has none, and so is answered
 * as one that does not exist.
 */
function createReceivers(
  options: HttpOptions,
  startOnce: StartOnce,
  answerError: AnswerError,
): ReadonlyMap<string, WebhookReceiver> {
  const { providers, webhookDeadlineMs: deadlineMs = 9_000 } = options;
  const readBody = createWebhookBodyReader();
  const targets = createWebhookTargets(options.swarm, options.parsedTargets);
  const shared = { ...options, startOnce, answerError, readBody, targets, deadlineMs };
  return new Map(
    [...providers.webhooks].map(([name, verifier]) => {
      const { method, path } = webhookRoute(name);
      return [path, createWebhookReceiver({ ...shared, verifier, route: `${method} ${path}` })];
    }),
  );
}

function addRoute(
  app: Express,
  { method, path }: Pick<Route, 'method' | 'path'>,
  ...handlers: RequestHandler[]
): void {
  const route = app.route(path);
  const allowed = method === 'GET' ? 'GET, HEAD' : 'POST';
  (method === 'GET' ? route.get(...handlers) : route.post(...handlers)).all((_request, response) => {
    response.set('Allow', allowed);
    throw new TransportError('method_not_allowed', `Only ${allowed} can be used here.`);
  });
}

/** The route's pattern; the path itself may hold anything. */
function routeOf(request: Request): string {
  const pattern: unknown = request.route?.path;
  return `${request.method} ${typeof pattern === 'string' ? pattern : '-'}`;
}
