import { statusByCode } from '../src/http/errors.ts';
import { statusByErrorCode } from '../src/http/operation-answer.ts';
import { type Route, routes, webhookRoute } from '../src/http/routes.ts';
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

## Update a service
\`POST ${routes.updateService.path}\`

${table(
  ['field', 'default', 'meaning'],
  [
    ['`serviceName`', 'required', 'The whole name, `stack_service`.'],
    [
      '`image`',
      'the running one',
      'Reference with tag or digest. Without it the running reference is resolved anew.',
    ],
    ['`isForce`', '`false`', 'Recreate the tasks even when the image is the same.'],
    [
      '`waitRes`',
      '`true`',
      '`true`: answer with the verdict. `false`: answer 202 with the operation at once.',
    ],
    ['`token`', '-', 'Instead of the header.'],
  ],
)}

Without waiting, and asking until there is a verdict (reading an operation is 200 whatever its verdict):

\`\`\`sh
id=$(curl -sSf http://swarm-utils:3000${routes.updateService.path} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -d '{"serviceName": "shop_web", "image": "registry.example.com/shop/web:1.2.3", "waitRes": false}' | jq -r .id)
until status=$(curl -sSf "http://swarm-utils:3000/api/operations/$id" -H "Authorization: Bearer $TOKEN" | jq -r .status)
  [ "$status" != queued ] && [ "$status" != running ]; do sleep 2; done
[ "$status" = succeeded ] || [ "$status" = unchanged ]
\`\`\`

With \`Accept: text/event-stream\` the answer is the stream of its events. Who leaves early does not stop the operation.

\`\`\`sh
curl --fail-with-body http://swarm-utils:3000${routes.updateService.path} \\
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -d '{"serviceName": "shop_web", "image": "registry.example.com/shop/web:1.2.3"}'
\`\`\`

\`curl\` exits with an error unless the verdict is \`succeeded\` or \`unchanged\`. Give it, and every proxy between, as long as the update
can take: \`SWARM_UTILS_UPDATE_SERVICE_TIMEOUT\`, and the lock's, pending and extra time-outs beside it.

## Clean a service
\`POST ${routes.cleanService.path}\` with \`serviceName\`, \`waitRes\` and \`token\` runs the service's label \`swarm-utils.clean.exec\` in all its containers.
Its one step is \`exec\`, with the output of every container. Give it the time-out, and the pending one, once; with \`exec.parallel=false\` once for
each container; plus the lock's and extra time-outs.

## Clean a node
\`POST ${routes.cleanNode.path}\`

${table(
  ['field', 'default', 'meaning'],
  [
    ['`nodeName`', 'required', 'The whole host name. Two nodes of one name are cleaned by nobody (422).'],
    ['`dryRun`', '`false`', 'Only list what would go; change nothing.'],
    ['`waitRes`', '`true`', 'As for an update.'],
    ['`token`', '-', 'Instead of the header.'],
  ],
)}

Its steps are \`containers\`, \`images\`, \`build-cache\` and, where the node's labels have one, \`exec\`, in that order, each also when the one before it failed;
labels can leave one out. What goes and what stays: [labels.md](labels.md). Each step says so in its message, and in \`removal\`:
\`{kind, isDryRun, removed: [{id, names, sizeBytes}], removedCount, refused: [{id, names, reason}], keptCount, reclaimedBytes}\`.

- \`reclaimedBytes\` is as exact as the Docker CLI prints it. For images it is what \`docker system df\` says before and after: layers that remaining
  images share are not counted, \`sizeBytes\` of a single image does count them. It is absent where it could not be measured in time.
- \`refused\` is what the Engine did not let go. In use again, or gone already, is no failure; anything else is \`not_removed\`.
- A node that is down, drained or paused can run no helper. The answer is 424 \`node_unavailable\`, not a success: nothing was done.
- One helper service on the node reads all lists and one removes, command by command in the order of the steps, each with its part's time-out in whole
  seconds. So \`durationMs\` of the first step has the time of these helpers, and those after it have little. A dry run has the first helper alone.
- \`exec\` has a helper of its own, and \`exitCode\` and the last lines in \`helper\`. In a dry run it is \`skipped\`.

\`\`\`sh
curl --fail-with-body http://swarm-utils:3000${routes.cleanNode.path} \\
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"nodeName": "worker-1", "dryRun": true}'
\`\`\`

## Clean all nodes
\`POST ${routes.cleanNodes.path}\`, for admins

${table(
  ['field', 'default', 'meaning'],
  [
    ['`dryRun`', '`false`', 'As for one node, on each.'],
    ['`label`', 'all nodes', 'Only nodes with this label: `key` or `key=value`.'],
    ['`waitRes`', '`true`', '`false`: 202 with the queued operations.'],
    ['`token`', '-', 'Instead of the header.'],
  ],
)}

Each node has an operation of its own; \`SWARM_UTILS_PARALLEL_OPERATIONS\` of them run at the same time. The answer is \`{operations, skipped, refused}\`: 200 when all
operations succeeded and nothing was refused, 424 otherwise.

- \`skipped\`, \`[{nodeName, reason}]\`: nodes that are down, drained or paused, or have \`swarm-utils.clean.enable=false\`. They are no failure.
- \`refused\`, the same: nodes whose labels have faults.

\`\`\`sh
curl --fail-with-body http://swarm-utils:3000${routes.cleanNodes.path} \\
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"label": "zone=a"}'
\`\`\`

## Back up a service
\`POST ${routes.backupService.path}\` with \`serviceName\`, \`waitRes\` and \`token\` does what the labels under \`swarm-utils.backup.\` say. Its steps:

| step | what it does |
| --- | --- |
| \`locate\` | finds the nodes that hold the volumes, before anything is touched; one that is not there is \`volume_not_found\` |
| \`exec\` | the label's text in every running task's container |
| \`stop\` | where the label says so: scales to 0 and waits until no task is left on any node |
| \`upload\` | writes each volume from each node that holds it |
| \`start\` | back to the replicas it had, *whatever came between* |
| \`verify\` | reads from the store that what was written is there and whole |
| \`forget\` | removes what is older than the retention |

\`upload\` and \`verify\` say in \`volumes\` what became of each: \`[{node, volume, archive, sizeBytes, checksum}]\`. A backup that is
\`succeeded\` is in the store, whole, and the service runs. How it all fits together: [backups.md](backups.md).

## Restore a service
\`POST ${routes.restoreService.path}\`

${table(
  ['field', 'default', 'meaning'],
  [
    ['`serviceName`', 'required', 'The whole name.'],
    ['`volume`', 'all that the labels name', 'Only this one. Another one is 422 `volume_not_allowed`.'],
    [
      '`backup`',
      'the newest that has all volumes',
      'Id of a backup, as `2026-11-22T03-00-00Z`, or the name of one archive, or the id of a snapshot (8 digits at least).',
    ],
    [
      '`nodeName`',
      'where the data lives',
      'Node to restore to, with or without the volume so far. Admins only: else 422 `node_not_allowed`.',
    ],
    [
      '`drill`',
      '`false`',
      'Restore into scratch volumes, count files and bytes, remove them; the service is not touched. Also `?drill=true` in the query.',
    ],
    ['`waitRes`', '`true`', 'As for an update.'],
    ['`token`', '-', 'Instead of the header.'],
  ],
)}

Its steps are \`find\` (which backup, which node; nothing is touched), \`stop\`, \`fetch\` (unpacks beside the old content), \`swap\` (the new content takes the
place of the old, in all volumes or in none) and \`start\`. \`swap\` and \`start\` are done whatever came before, so a restore that fails changes
nothing. A drill is \`find\` and \`drill\`, with \`volumes: [{node, volume, archive, files, sizeBytes}]\`.

\`\`\`sh
curl --fail-with-body 'http://swarm-utils:3000${routes.restoreService.path}?drill=true' \\
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"serviceName": "shop_db"}'
\`\`\`

## Backups
\`GET ${routes.backups.path}?serviceName=shop_db\` shows who may back up or restore the service what there is, newest first:

\`\`\`jsonc
{
  "serviceName": "shop_db",
  "backups": [
    {
      "id": "2026-11-22T03-00-00Z", "createdAt": "2026-11-22T03:00:00.000Z",
      "isComplete": true, // has every volume that the labels name
      "archives": [{ "name": "worker-1_data_2026-11-22T03-00-00Z.tar.gz", "node": "worker-1", "volume": "data", "backup": "…", "sizeBytes": 51204 }]
    }
  ]
}
\`\`\`

It looks into the store by a helper service, which takes about a second; those who ask meanwhile share the answer. What goes wrong is
\`{"error": {"code", "message"}}\` with the status that an operation would have.

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

\`status\` is \`queued\`, \`running\`, \`succeeded\`, \`unchanged\` (that digest runs already, so nothing was done), \`failed\`, \`rolled_back\`,
\`timed_out\` or \`interrupted\` (swarm-utils ended in between). The steps of an update are \`resolve\`, \`exec-pre\`, \`rollout\`, \`exec-post\`; a step
with hooks has the output of its \`helper\`, a failed rollout that of the failed \`tasks\`. Operations are kept for 90 days.

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
