import { providerNames, webhookEvents } from '../providers/provider.ts';
import {
  actionLabels,
  backupLabels,
  cleanLabels,
  grantLabels,
  type LabelDefinition,
  refProtectedLabel,
  updateLabels,
} from '../src/core/label-definitions.ts';
import { labelPrefix } from '../src/core/label-reader.ts';
import { nodeLabels } from '../src/core/node-label-definitions.ts';
import { table } from './table.ts';

/** The reference of the labels, from the definitions that also parse them. */
export function labelsPage(): string {
  const own = actionLabels('update');
  const ownClean = actionLabels('clean');
  const ownBackup = actionLabels('backup');
  const ownRestore = actionLabels('restore');
  const { container, image, builder } = nodeLabels.parts;
  const { execPre, execPost, ...what } = updateLabels;
  const { exec, ...backup } = backupLabels;
  const events = providerNames.map(name => [
    `\`${name}\``,
    webhookEvents[name].map(event => `\`${event}\``).join(', '),
  ]);
  return `# Labels

Labels of a service (\`deploy.labels\` in a stack file, \`docker service update --label-add\`) say who may do what to it, and
how. Labels of its containers say nothing. Whoever can write the labels of a service decides who may deploy it.

Everything under \`${labelPrefix}\` that is not listed here, or has a bad value, is a **fault**: it stands in the log within a
minute and in \`GET /api/services/<name>\`, and any fault under \`${labelPrefix}update.\` stops updates of the
service (422) until it is mended, likewise for \`clean\` and \`backup\`; one under \`backup.\` stops restores too, which go by these labels. A
bad \`token\` is nobody's, which its holder sees as 401.
A fault inside one provider's grant makes that grant void, and nothing else. A misspelt action
(\`udpate\`) or prefix (\`swarm_utils.\`) stops every action.

## Update: switch, plain token, time
${labelTable(Object.values(own))}

A plain token is stored as it is or as \`sha256:\` and what \`printf %s "$TOKEN" | sha256sum | cut -d' ' -f1\` prints.
Prefer the hash: labels can be read by everybody who can read the service.

## Update: who may
\`<provider>\` is \`github-org\`, \`github\` or \`gitlab\`. A grant needs \`repository\` or \`repository-id\`, *and* \`ref\` or \`environment\`; all that it
names must match, and what the platform did not say never matches. A grant for one provider never satisfies another.
Each action has grants of its own: the same labels with \`clean\`, \`backup\` or \`restore\` in place of \`update\` say who may do that.

${labelTable(placeholders([...Object.values(grantLabels('update', 'gitlab')), refProtectedLabel('update')]))}

- \`event\` is what started the pipeline. Default: \`push,workflow_dispatch,release\` on GitHub, \`push,web\` on GitLab. Pull and merge
  request events count only when they are named. \`pipeline\` and \`workflow_run\` must always say it, a \`job\`
  where the label is written (GitLab's jobs say it for merge requests alone: prefer \`pipeline\`). A \`deployment\` may leave it open, and must
  match where it says it.
- \`repository\` takes \`owner/*\` under \`github-org\` alone.
- \`repository-id\` is proved by OIDC tokens and by the organisation's webhook. Every other webhook proves the path alone, GitLab's signing tokens
  included, and only claims the id: it can narrow \`repository\` there, and not stand in for it.
- With \`environment\` alone, whoever can run a pipeline in that environment may deploy: protect it on the platform.
- \`ref-protected\` is for GitLab alone.

### Webhook events (\`on\`)
${table(['provider', 'events'], events)}

What an event is compared with: \`workflow_run\` and \`pipeline\` with the branch or tag they ran on and with what started *them*
(\`event\`); \`release\` with \`refs/tags/<tag>\`; \`deployment\` with its environment, or its ref when that is a branch or tag; \`push\` and
\`tag_push\` with their ref. \`package\` and \`registry_package\` carry no ref: they count only where \`image-allow\` gives the image a tag
pattern. Deleted refs, drafts, unsuccessful runs and runs of forks start nothing. Where GitLab's webhook does not say whether
the ref is protected, \`SWARM_UTILS_GITLAB_API_TOKEN\` lets swarm-utils ask GitLab; without it, \`ref-protected=false\` is needed.

## Update: what
${labelTable([what.imageAllow, what.image])}

- \`image-allow\`: a \`*\` stands for anything, so \`ghcr.io/acme*\` permits \`ghcr.io/acme-evil/x\`: write \`ghcr.io/acme/*\`.
- A digest that comes with a tag must be the tag's own where only a tag pattern permits the image.
- \`image\`: \`{sha}\`, \`{short_sha}\` (7 digits on GitHub, 8 on GitLab), \`{tag}\` and \`{branch}\` are filled from the event; an event that lacks
  one of them starts nothing.

## Update: registry login
${labelTable([what.registryAuth, what.registryUser, what.registryPassword, what.registryUrl])}

With \`registry.auth=true\` the three labels are taken as a whole, else the environment's login for that registry; none is an error.
Without \`registry.auth\` the environment's login is used where it has one for the image's registry; with \`false\`, none. A login only
ever goes to the registry that it was given for.

## Update: hooks
${labelTable([...Object.values(execPre), ...Object.values(execPost)])}

Both run in every running task's container, all at the same time: \`exec-pre\` in the old ones before the rollout, \`exec-post\` in the new
ones after it. The text is given to the shell in the container as one argument (\`docker exec CONTAINER SHELL -c TEXT\`), through
a helper service on the task's node; nothing else interprets it, and whoever can read the service can
read it: no secrets in it. A failing \`exec-pre\` stops the update, a failing \`exec-post\` makes it
\`failed\` although the new image runs.

A command that overruns its time-out is ended in the container too, with its children: told to end, and killed after five seconds. So is, before the next run,
what a swarm-utils that was killed left there and whose time is over; as long as that has time, or can't be ended, the next run is refused as \`still_running\`.
In the container the variable \`SWARM_UTILS_EXEC\` marks what belongs to it: what throws away its environment, leaves its session *and* loses its parent is not found.

## Clean
${labelTable([...Object.values(ownClean), ...Object.values(cleanLabels.exec), cleanLabels.parallel])}

Who may is written as for updates: \`${labelPrefix}clean.<provider>.…\`, \`on\` too. The text runs in every running task's container as a
hook does. One failure fails the operation, and the others still run. A container that ends before its turn or meanwhile is named and
fails nothing, unless it was the last. \`enable=true\` without \`exec\` is a fault. Without \`exec.timeout\` it is \`clean.timeout\`, and without
that the environment's. \`package\` and \`registry_package\` start no clean: they say nothing of a ref.

\`\`\`yaml
deploy:
  labels:
    swarm-utils.clean.enable: 'true'
    swarm-utils.clean.exec: find /var/cache/app -type f -mtime +7 -delete
    swarm-utils.clean.token: sha256:…
\`\`\`

## Backup
${labelTable([...Object.values(ownBackup), ...Object.values(exec), ...Object.values(backup)])}

Who may is written as for updates: \`${labelPrefix}backup.<provider>.…\`. \`enable=true\` needs \`volume-list-upload\`, \`exec\` or both. What they mean together:

- \`exec\` runs first, in every running task's container, while the service is up. If it fails nothing is stopped and nothing uploaded. So it is where no task
  runs, be it that the service is scaled to 0, and where a task has moved away from a volume that it mounts: the dump there would be an old one. With
  \`exec.required=false\` the backup is good without it, and warns. Where some tasks do not run, it warns: \`exec_not_run\`.
- \`stop=true\` scales the service to 0 for the upload, and afterwards, whatever happened, to what it had. Only services of the mode \`replicated\`
  can be stopped. Without it the volumes are read while the service writes to them: good for files that do not change, or for a dump.
- **Which volume where.** Names are those of \`docker volume ls\`: in a stack that is \`stack_volume\`. A volume is on one node, and every node has its
  own of that name. It is looked for on the nodes that tasks of the service run on, and on all nodes when none runs. One that the service
  mounts must be on each of these nodes, another one on one of them at least: what is missing is an error before anything is stopped.
  Volumes are mounted read-only, and never made by looking. A cluster volume (CSI) is refused (\`unsupported_volume\`): a helper cannot mount it.
- **Names.** One archive for each volume and node, \`<node>_<volume>_<id>.tar.gz\` in the folder \`<service>/\` of the bucket, with one \`id\`, the time in UTC, for all of
  one backup: \`shop_db/worker-1_shop_data_2026-11-22T03-00-00Z.tar.gz\`. With \`engine=restic\` it is a repository for each service, \`<service>/restic\`,
  with snapshots that have the node as host and the tags \`service=\`, \`volume=\` and \`backup=\`.
- \`target=local\` is the same in the volume \`swarm-utils-backups\` of the node that holds the data. It is made when it is needed, and lost with the node.
- **Where to.** Each \`s3.*\` label wins over its variable (\`SWARM_UTILS_S3_URL\` …). What neither says is missing, and named before anything runs. The labels are
  readable by everybody who can read the service: prefer the variables, which can be Docker secrets.
- **Retention.** After a backup was verified, what is older than \`retention-days\` goes, for each volume on each node, and never the newest. Nothing outside the
  service's own folder is touched, and in it nothing that has no such name.
- **Times.** \`timeout\` holds for every step that has none of its own.

\`\`\`yaml
deploy:
  labels:
    swarm-utils.backup.enable: 'true'
    swarm-utils.backup.exec: pg_dumpall -U postgres -f /dump/all.sql
    swarm-utils.backup.stop: 'true'
    swarm-utils.backup.volume-list-upload: shop_data,shop_dump
\`\`\`

## Restore
${labelTable(Object.values(ownRestore))}

Who may is written as for updates: \`${labelPrefix}restore.<provider>.…\`. What to restore, and from where, is what the labels of \`backup\` say, whether that is
enabled or not; \`enable=true\` without \`backup.volume-list-upload\` is a fault. Without \`timeout\` it is \`backup.volume-list-upload.timeout\`. A restore stops
the service, whatever \`backup.stop\` says; a drill does not. Give a pipeline \`restore\` only if it may put yesterday's data back: a grant
is good for a real restore, not for drills alone.

## Nodes
Labels of a node (\`docker node update --label-add\`) say whether, how and for whom its stopped containers, unused images and build cache are
removed. They are read as strictly: what is not listed is a fault, which stands in the log and in \`GET /api/nodes\`, and stops the clean of
that node (422). Nobody but admins and the node's own token can be let in; pipelines prove nothing about nodes.

${labelTable([nodeLabels.enable, nodeLabels.token, ...[container, image, builder].flatMap(part => Object.values(part)), nodeLabels.createdMinAge, nodeLabels.imageKeep, ...Object.values(nodeLabels.exec)])}

- **Containers** go when they have run and ended. Helpers' stay until their output was read. Those that were created and never started stay: one may hold
  volumes, or be started later. Only the swarm's own go, an hour after they were made, and others from \`created-min-age\` on where that is
  given: it must leave whatever makes containers the time to start them. Volumes stay, whatever used them.
- **Images** stay as long as a container of the node has or mounts them, running or not; a service names them by digest or tag (as it is, and as a rollback
  would make it, without tasks too); helpers run them (the Docker CLI, offen, restic, rclone); a pattern of \`image.keep\` names them; or another image that
  stays was built on them. The rest is removed by its names, one after the other, without force: what the Engine says is in use stays, and so does what has
  got another name since it was chosen.
- \`image.keep\` counts for every name that the node's image store still has. A name without a tag may have had any, so its repository is enough. Docker's own store
  keeps the repository of an image that lost its tag to a newer one; containerd's store keeps nothing of it, unless the swarm had pulled it.
- **Build cache** that nothing uses goes, as by \`docker builder prune\`.
- \`min-age\` counts from the creation of a container, the build of an image (not its pull), the last use of build cache.
  On nodes that **build** images give \`image.min-age\` the time that it takes until they are pushed.
- \`clean.exec\` runs last, in a helper of its own (\`SWARM_UTILS_DOCKER_CLI_IMAGE_NAME\`) with the node's Docker socket, and not in a dry run. Who may write
  labels of nodes is root on all of them.
`;
}

function placeholders(definitions: readonly LabelDefinition<unknown>[]): readonly LabelDefinition<unknown>[] {
  return definitions.map(definition => ({
    ...definition,
    key: definition.key.replace('update.gitlab.', 'update.<provider>.'),
    description: definition.description
      .replace(/ Default `push,web`\.$/, '')
      .replace(
        'Exact `ci_config_ref_uri`.',
        'Exact `workflow_ref` (GitHub) or `ci_config_ref_uri` (GitLab).',
      ),
    ...(definition.key.endsWith('.on') && {
      value: { ...definition.value, expects: 'events of the table below, with commas' },
    }),
  }));
}

function labelTable(definitions: readonly LabelDefinition<unknown>[]): string {
  const rows = definitions.map(({ key, value, description, isSecret }) => [
    `\`${labelPrefix}${key}\`${isSecret ? ' *(secret)*' : ''}`,
    value.expects,
    description,
  ]);
  return table(['label', 'value', 'meaning'], rows);
}
