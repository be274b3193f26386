/** A route of the server, for the router and for the reference. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** What it answers when all goes well. */
  readonly answers: string;
}

const operation = 'the operation';

/** Every route but the webhooks', which are `/webhooks/<provider>`. */
export const routes = {
  updateService: { method: 'POST', path: '/api/update/service', answers: operation },
  cleanService: { method: 'POST', path: '/api/clean/service', answers: operation },
  cleanNode: { method: 'POST', path: '/api/clean/node', answers: operation },
  cleanNodes: {
    method: 'POST',
    path: '/api/clean/nodes',
    answers: '`{operations: […], skipped: […], refused: […]}`, for admins',
  },
  backupService: { method: 'POST', path: '/api/backup/service', answers: operation },
  restoreService: { method: 'POST', path: '/api/restore/service', answers: operation },
  backups: {
    method: 'GET',
    path: '/api/backups',
    answers: '`{backups: […]}` of a service, newest first: what can be restored',
  },
  explain: { method: 'POST', path: '/api/explain', answers: 'the decision and every reason; nothing runs' },
  operations: { method: 'GET', path: '/api/operations', answers: '`{operations: […]}`, newest first' },
  operation: { method: 'GET', path: '/api/operations/:id', answers: operation },
  operationEvents: {
    method: 'GET',
    path: '/api/operations/:id/events',
    answers: 'its progress as server-sent events',
  },
  services: { method: 'GET', path: '/api/services', answers: '`{services: […]}`' },
  service: { method: 'GET', path: '/api/services/:name', answers: 'the service' },
  nodes: { method: 'GET', path: '/api/nodes', answers: '`{nodes: […]}`, for admins' },
  schedule: {
    method: 'GET',
    path: '/api/schedule',
    answers: '`{timeZone, entries: […]}`: what the clock starts, and what came of it',
  },
  healthz: { method: 'GET', path: '/healthz', answers: '200 as long as the process lives' },
  readyz: {
    method: 'GET',
    path: '/readyz',
    answers: '200 when the swarm can be changed and nothing is stopping; 503 with why not, and what to do',
  },
} as const satisfies Readonly<Record<string, Route>>;

/** Where a provider's webhooks go. */
export function webhookRoute(provider: string): Route {
  return {
    method: 'POST',
    path: `/webhooks/${provider}`,
    answers: '202 `{operations: [{id, action, serviceName}]}`',
  };
}
