import { createServer, type Server } from 'node:http';
import express, { type Express, type RequestHandler } from 'express';
import helmet, { type HelmetOptions } from 'helmet';
import { RequestError } from '../core/errors.ts';
import { createAccess } from './access.ts';
import { createAuthenticate } from './authenticate.ts';
import { createErrorHandler } from './error-handler.ts';
import { TransportError } from './errors.ts';
import { createExplain } from './explain.ts';
import { createFailureLimit } from './failure-limit.ts';
import { checkHeaders } from './headers.ts';
import { createHealth } from './health.ts';
import { createOperationRoutes } from './operation-routes.ts';
import type { HttpOptions } from './options.ts';
import { jsonBody, webhookBody } from './read-body.ts';
import { type Route, routes, webhookRoute } from './routes.ts';
import { harden, serverLimits } from './server-limits.ts';
import { createServiceRoutes } from './service-routes.ts';
import { createStartOnce, type StartOnce } from './start-once.ts';
import { createUpdateService } from './update-service.ts';
import { createWebhookReceiver } from './webhooks.ts';

export type { HttpOptions };

// Answers are data, never a page. Whether there is TLS is for the proxy in front to know, and to say.
const securityHeaders: HelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
  },
  strictTransportSecurity: false,
};

/**
 * A server for everything, for the API or for the webhooks; each answers `/healthz` and `/readyz`. It does not listen
 * yet.
 */
export function createHttpServer(options: HttpOptions): Server {
  const app = createApp(options);
  const server = createServer(serverLimits, app);
  harden(server);
  // An unknown expectation is no reason for an answer in another form.
  server.on('checkExpectation', app);
  return server;
}

function createApp(options: HttpOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // Should this file's own error handler fail, Express answers without a stack.
  app.set('env', 'production');
  app.enable('case sensitive routing');
  app.set('trust proxy', options.trustProxy);
  app.set('query parser', 'simple');
  app.use(helmet(securityHeaders));
  app.use((request, response, next) => {
    response.locals.receivedAt = options.now();
    response.set('Cache-Control', 'no-store');
    checkHeaders(request);
    next();
  });
  addHealth(app, options);
  const startOnce = createStartOnce(options);
  // First those that come in the greatest numbers.
  if (options.routes !== 'api') {
    addWebhooks(app, options, startOnce);
  }
  if (options.routes !== 'webhooks') {
    addApi(app, options, startOnce);
  }
  app.use(() => {
    throw new RequestError('not_found', 'There is no such route.');
  });
  const countFailure = createFailureLimit(options.authFailureLimit);
  app.use(createErrorHandler({ log: options.log, countFailure }));
  return app;
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
  const access = createAccess(options.swarm, options.log);
  const shared = { ...options, access, authenticate, startOnce, tokens, heartbeatMs };
  const operations = createOperationRoutes(shared);
  const services = createServiceRoutes(shared);
  addRoute(app, routes.updateService, jsonBody(), createUpdateService(shared));
  addRoute(app, routes.explain, jsonBody(), createExplain(shared));
  addRoute(app, routes.operations, operations.list);
  addRoute(app, routes.operation, operations.one);
  addRoute(app, routes.operationEvents, operations.events);
  addRoute(app, routes.services, services.list);
  addRoute(app, routes.service, services.one);
}

/** A provider that is not configured has no route, and so is answered as one that does not exist. */
function addWebhooks(app: Express, options: HttpOptions, startOnce: StartOnce): void {
  const { providers, webhookDeadlineMs: deadlineMs = 9_000 } = options;
  const body = webhookBody();
  for (const [name, verifier] of providers.webhooks) {
    const receive = createWebhookReceiver({ ...options, verifier, startOnce, deadlineMs });
    addRoute(app, webhookRoute(name), body, receive);
  }
}

function addRoute(app: Express, { method, path }: Route, ...handlers: RequestHandler[]): void {
  const route = app.route(path);
  const allowed = method === 'GET' ? 'GET, HEAD' : 'POST';
  (method === 'GET' ? route.get(...handlers) : route.post(...handlers)).all((_request, response) => {
    response.set('Allow', allowed);
    throw new TransportError('method_not_allowed', `Only ${allowed} can be used here.`);
  });
}
