import { routes } from '../src/http/routes.ts';
import { table } from './table.ts';

const forceRow = [
  '`force`',
  '`false`',
  'Confirms that nothing of the service runs any more on the nodes that are down. Admins only: else 422 `force_not_allowed`.',
] as const;

/** The part of the reference of HTTP that is about actions, a section for each route. */
export function actionSections(): string {
  return `## Update a service
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

The platforms of the image go into the service's placement in the same write, as with \`docker service update --image\`. If none
of the nodes that the service's constraints allow can run the image, nothing is written: \`no_matching_platform\`, with the platforms of both.

## Clean a service
\`POST ${routes.cleanService.path}\` with \`serviceName\`, \`waitRes\` and \`token\` runs the service's label \`swarm-utils.clean.exec\` in all its containers.
Its one step is \`exec\`, with the output of every container. Give it the time-out, and the pending one, once; with \`exec.parallel=false\` once for
each container; plus the lock's and extra time-outs.

## Clean a node
\`POST ${routes.cleanNode.path}\`

${table(
  ['field', 'default', 'meaning'],
  [
    [
      '`nodeName`',
      'required',
      'Host name or id. Of several entries of one host name the one that is not down counts; if there are more, 422 `ambiguous_name` names them.',
    ],
    ['`dryRun`', '`false`', 'Only list what would go; change nothing.'],
    ['`waitRes`', '`true`', 'As for an update.'],
    ['`token`', '-', 'Instead of the header.'],
  ],
)}

Its steps are \`containers\`, \`images\`, \`build-cache\` and, where the node's labels have one, \`exec\`, in that order, each also when the one before it failed;
labels can leave one out. What goes and what stays: [labels.md](labels.md). Each step says so in its message, and in \`removal\`:
\`{kind, isDryRun, removed: [{id, names, sizeBytes}], removedCount, refused: [{id, names, reason}], keptCount, reclaimedBytes}\`.

- \`reclaimedBytes\` is what the disk has got back. For images it is the difference of what the Engine says that all of them take, before and after: layers
  that remaining images share are not counted, \`sizeBytes\` of a single image does count them. It is absent where it could not be measured in time, and for
  containerd's image store before Docker 28.2, which leaves the compressed layers out.
- \`refused\` is what was chosen and is still there, with the Engine's reason. What is in use again, or has another name by now, is no failure: the step
  has a warning \`not_removed\` that names it. Anything else fails the step with the error \`not_removed\`. What had gone already is neither.
- A node that is down, drained or paused can run no helper. The answer is 424 \`node_unavailable\`, not a success: nothing was done.
- One helper service on the node reads all lists from its Engine's API and one removes, in the order of the steps, 25 requests at a time, each time with its
  part's time-out in whole seconds. So \`durationMs\` of the first step has the time of these helpers, and those after it have little. A dry run has the first helper alone.
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
\`POST ${routes.backupService.path}\` does what the labels under \`swarm-utils.backup.\` say.

${table(
  ['field', 'default', 'meaning'],
  [
    ['`serviceName`', 'required', 'The whole name.'],
    forceRow,
    ['`waitRes`', '`true`', 'As for an update.'],
    ['`token`', '-', 'Instead of the header.'],
  ],
)}

Its steps:

| step | what it does |
| --- | --- |
| \`locate\` | finds the nodes that hold the volumes, before anything is touched; one that is not there is \`volume_not_found\`, a cluster volume (CSI) \`unsupported_volume\` |
| \`exec\` | the label's text in every running task's container |
| \`stop\` | where the label says so: scales to 0 and waits until no task is left on any node, for as long at least as \`stop_grace_period\` gives them |
| \`upload\` | writes each volume from each node that holds it |
| \`start\` | back to the replicas it had, *whatever came between*; but not while an old task may still run (\`not_stopped\`): then swarm-utils starts it by itself as soon as that has ended |
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
      'Host name or id of the node to restore to, with or without the volume so far. Admins only: else 422 `node_not_allowed`.',
    ],
    [
      '`drill`',
      '`false`',
      'Restore into scratch volumes, count files and bytes, remove them; the service is not touched. Also `?drill=true` in the query.',
    ],
    forceRow,
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

`;
}
