import { statusByCode } from '../src/http/errors.ts';
import { statusByErrorCode } from '../src/http/operation-answer.ts';
import { type Route, routes, webhookRoute } from '../src/http/routes.ts';
import { actionSections } from './http-actions.ts';
import { table } from './table.ts';

/** The reference of the HTTP API, with the tables that also route and answer. */
export function httpPage(): string {
  const all: readonly Route[] = [...Object.values(routes), webhookRoute('<provider>')];
  return `# HTTP

${table(
  ['request', 'answer'],
  all.map(({ method, path, answers }) => [`\`${method} ${path}\``, answers]),
)}

Bodies are JSON (\`Content-Type: application/json\`, UTF-8, not compressed, at most 64 KiB; webhooks as
[providers.md](providers.md) says). Unknown fields, fields given twice and wrong types are 400, with every wrong field named.

A server has 512 connections, those that wait for an answer included. When they run short, idle ones are closed, and then those that owe the
rest of a request. The image's own health check asks \`health.sock\` in \`SWARM_UTILS_DATA_DIR\`, which nobody can crowd out.

## Credentials
\`Authorization: Bearer <token>\`, or \`token\` in the JSON body. A token is

- an **admin token** (\`SWARM_UTILS_ADMIN_TOKEN_LIST\`),
- a **plain token** of a service or node (label \`swarm-utils.<action>.token\`), or
- an **OIDC token** of a pipeline, when \`SWARM_UTILS_OIDC_AUDIENCE\` is set.

An OIDC token is good for one request that starts something: the same request again gets the same operation, another one 409. It can
be used for reading as often as it is valid, so that a pipeline can wait for its operation. GitHub's tokens are taken up to 10 minutes
after they were issued, GitLab's up to 65. A GitLab job that updates two services wants two \`id_tokens\`.

${actionSections().trim()}

## Operations
\`\`\`jsonc
{
  "id": "dbcc9c12-9f52-4064-a304-07212b6f97dd",
  "action": "update",
  "target": { "kind": "service", "id": "kl3dipyvoqki5ye61jeqbpc8z", "name": "shop_web" },
  "caller": { "kind": "workload", "provider": "github", "repository": "acme/shop", "ref": "refs/heads/main", "actor": "octocat" },
  "status": "rolled_back",
  "image": { "from": "…/shop/web:1.2.2@sha256:…", "to": "…/shop/web:1.2.3@sha256:…", "digest": "sha256:…" },
  "steps": [
    { "name": "resolve", "status": "succeeded", "startedAt": "2026-11-22T09:46:57.837Z", "durationMs": 19, "message": "…" },
    {
      "name": "rollout", "status": "failed", "startedAt": "…", "durationMs": 3201, "message": "…",
      "tasks": [{ "id": "…", "node": "worker-1", "state": "failed", "exitCode": 1, "error": "…", "logs": ["…"] }]
    }
  ],
  "createdAt": "…", "startedAt": "…", "timeoutMs": 170000, "finishedAt": "…",
  "error": { "code": "rolled_back", "message": "…" }
}
\`\`\`

\`status\` is \`queued\`, \`running\`, \`succeeded\`, \`unchanged\` (that tag and digest run already, so nothing was done), \`failed\`, \`rolled_back\`,
\`timed_out\` or \`interrupted\` (swarm-utils ended in between). The steps of an update are \`resolve\`, \`exec-pre\`, \`rollout\`, \`exec-post\`; a step
with hooks has the output of its \`helper\`, a failed rollout that of the failed \`tasks\`. Operations are kept for 90 days.

\`warnings\`, \`[{code, message}]\`, are what should be known although the operation did what it was to do. A step has its own, the operation those of all its
steps, and each is a line of the log at level \`warn\` (\`operation.warning\`). Without any the field is absent. Codes: \`not_removed\` (a clean left something
that it had chosen, because it is in use again), \`old_task_kept\` (an update left a task of the old image, where the swarm replaces none).

\`timeoutMs\` is how long the operation may take from \`startedAt\` on: the sum over its steps of (time-out of the step + \`SWARM_UTILS_PENDING_SERVICE_TIMEOUT\`) ×
how often it is done, plus \`SWARM_UTILS_EXTRA_TIMEOUT\`. An \`exec\` is done once for each task; \`upload\`, \`verify\`, \`fetch\`, \`swap\` and \`drill\` once for
each volume on each node. When it is used up no further step begins (\`timed_out\`), except those that put things in order again.
Before that, the operation waits for its turn for up to \`SWARM_UTILS_LOCK_TIMEOUT\`. Clients that wait should wait as long as both.

Events have the types \`status\`, \`step\`, \`progress\` and, last, \`finished\` with the operation. The stream itself is always 200.

\`GET ${routes.operations.path}\` takes \`limit\` (1 to 200, default 50) and \`serviceName\` or \`nodeName\`. Admins see all operations, others those of
services and nodes whose labels know them. In the list the \`logs\` of tasks and the names of what was removed are left out:
\`GET ${routes.operation.path}\` has them.

## Services
\`GET ${routes.services.path}\` and \`…/:name\` answer \`id\`, \`name\`, \`image\`, \`mode\`, \`replicas\`, \`updateStatus\`, the enabled \`actions\` and the label \`faults\`; no labels.
\`?label=key\` or \`key=value\` narrows the list. Nobody can filter by labels that may hold secrets.

## Nodes
\`GET ${routes.nodes.path}\` answers admins \`id\`, \`name\`, \`role\`, \`state\`, \`availability\`, what holds for its \`clean\` (labels over environment) and the
label \`faults\`; no labels. \`?label=key\` or \`key=value\` narrows the list.

\`engine\` has the \`version\` of the node's Docker Engine, and of the manager that is asked its \`imageStore\`, \`graphdriver\` or \`containerd\`: of
other nodes nobody there knows it. \`warnings\` are \`{code, message}\`: \`engine_too_old\` (before 20.10), \`engine_versions_differ\` (older than the
newest of the nodes that are not down), \`local_images_refused\` (29.6 refuses images that are in no registry; 29.7 does not).

## Schedule
\`GET ${routes.schedule.path}\` answers what the clock starts ([schedule.md](schedule.md)), and what came of it. Admins see all, others the entries of
services that their labels let them read. \`?limit=\` (1 to 100, default 10) is the number of \`runs\`.

\`\`\`jsonc
{
  "timeZone": "Europe/Berlin",
  "entries": [
    {
      "key": "common",               // or the action and the id of the service that has its own time
      "actions": [{ "action": "clean", "targetKind": "service" }, { "action": "clean", "targetKind": "node" }],
      "serviceName": "shop_web",     // not in the common run
      "expression": "0 0 3 * * *", "nextAt": "2026-11-23T02:00:00.000Z", "isRunning": false,
      "lastRun": { "scheduledAt": "…", "startedAt": "…", "finishedAt": "…", "status": "failed" },
      "missed": { "count": 1, "last": ["2026-11-21T02:00:00.000Z"] },
      "runs": [
        {
          "scheduledAt": "…", "startedAt": "…", "finishedAt": "…", "status": "failed",
          "results": [
            { "action": "clean", "target": { "kind": "service", "name": "shop_web" }, "status": "succeeded", "operation": "dbcc9c12-…" },
            { "action": "clean", "target": { "kind": "service", "name": "blog" }, "status": "refused", "message": "swarm-utils.clean.exce is unknown …" },
            { "action": "clean", "target": { "kind": "node", "name": "worker-2" }, "status": "skipped", "message": "The node is down." }
          ]
        }
      ]
    }
  ]
}
\`\`\`

A run is \`running\`, \`succeeded\`, \`failed\` (one of its operations did not succeed, or one was \`refused\`), \`skipped\` (the run before was still going;
\`count\` says how often), \`missed\` (\`count\` and the last \`times\`) or \`interrupted\`.

## Explain
\`POST ${routes.explain.path}\` takes the body of an action's own route and \`action\`: \`"update"\`, \`"clean"\`, \`"backup"\` or \`"restore"\`, decides, and answers
\`{allowed, action, serviceName, caller, reason?, findings: [{reason, message}]}\`. Nothing runs, and no token is used up. A pipeline learns why it is
denied where the labels name its repository; for services that do not, the answer is 404 as ever.

Admins can ask for others: \`claims\` is the payload of an OIDC token (GitHub: at least \`iss\`, \`repository\`, \`repository_id\`,
\`repository_owner\`, \`repository_owner_id\`, \`event_name\`), \`delivery\` a webhook in short:

\`\`\`json
{ "action": "update", "serviceName": "shop_web", "delivery":
  { "provider": "github", "event": "workflow_run", "repository": "acme/shop", "ref": "refs/heads/main", "startedBy": "push" } }
\`\`\`

## Webhooks
202 with the operations that were started; 200 with \`ignored\` and why for a verified event that starts nothing. The answer never waits for an
operation. A delivery that started something is remembered: sent again, it gets the same answer, and nothing runs twice.
A webhook starts every action whose grant names its event in \`on\`.
Webhooks that ask for the same while the service is being updated become one operation, which begins after that update, and not within half a
second of the first of them: GitHub announces one image by \`package\` and by \`registry_package\`.
How to set them up: [providers.md](providers.md).

## Errors
\`{"error": {"code", "message", "details"?}}\`. Whoever is not let in gets one answer for all causes, whoever asks for something that is not theirs
the same as for something that does not exist; the log says why.

${statusTable(statusByCode)}

An operation that did not succeed is itself the body, with its \`error.code\`:

${statusTable({ ...statusByErrorCode })}

409 and 429 carry \`Retry-After\`.
`;
}

function statusTable(statuses: Readonly<Record<string, number>>): string {
  const grouped = Map.groupBy(Object.entries(statuses), ([, status]) => status);
  const rows = [...grouped]
    .sort(([a], [b]) => a - b)
    .map(([status, entries]) => [`${status}`, entries.map(([code]) => `\`${code}\``).join(', ')]);
  return table(['status', 'codes'], rows);
}
