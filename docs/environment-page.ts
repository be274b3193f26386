import type { Variable } from '../src/config-variable.ts';
import { variableGroups } from '../src/config-variables.ts';
import { table } from './table.ts';

/** The reference of the environment, from the table that also checks it. */
export function environmentPage(): string {
  const groups = variableGroups.map(({ title, variables }) => `## ${title}\n${variableTable(variables)}`);
  return `# Environment

What swarm-utils reads at start. Nothing is required: with nothing set, only the plain tokens in the labels of services
are good for anything. All faults are shown in one message, and the exit code is 1. An unknown \`SWARM_UTILS_*\` variable
is a fault too, so that a slip of the pen does not turn a protection off.

- **Secrets** (marked) can be given as \`<name>_FILE\`, the path of a file, such as \`/run/secrets/master-key\`. One line end at
  its end is dropped. Both at once is a fault, and so is a file that can't be read or is empty.
- An **empty** text counts as not set.
- **Milliseconds** are whole numbers, \`600_000\` or \`600000\`.
- Labels of a service win over the environment ([labels.md](labels.md)).

${groups.join('\n\n')}

## What turns what on
| provider | webhooks | OIDC tokens |
| --- | --- | --- |
| \`github\` | \`SWARM_UTILS_WEBHOOK_MASTER_KEY\` | \`SWARM_UTILS_OIDC_AUDIENCE\` |
| \`github-org\` | \`SWARM_UTILS_GITHUB_ORG_NAME\` and \`…_ORG_WEBHOOK_SECRET\` | \`SWARM_UTILS_GITHUB_ORG_NAME\` and \`SWARM_UTILS_OIDC_AUDIENCE\` |
| \`gitlab\` | \`SWARM_UTILS_WEBHOOK_MASTER_KEY\` or \`SWARM_UTILS_GITLAB_SIGNING_TOKENS\` | \`SWARM_UTILS_OIDC_AUDIENCE\` |

What is not configured answers 404. \`npm start --silent -- webhook-secret <github|gitlab> <repository>\` prints the webhook secret of a
repository, or of a group on GitLab; in the image: \`docker exec <container> node main.js webhook-secret github acme/shop\`.
`;
}

function variableTable(variables: Readonly<Record<string, Variable<unknown>>>): string {
  const rows = Object.entries(variables).map(([name, variable]) => [
    `\`${name}\`${variable.isSecret ? ' *(secret)*' : ''}`,
    variable.defaultText === undefined ? '-' : `\`${variable.defaultText}\``,
    variable.expects,
    variable.description,
  ]);
  return table(['variable', 'default', 'value', 'meaning'], rows);
}
