import type { ExecLabels } from '../labels.ts';
import type { ServiceWork } from '../step.ts';

/** The work of a label's text in the containers of a service. */
export function execWork(
  { script, shell, user }: ExecLabels,
  defaultShell: string,
): ServiceWork & { readonly kind: 'exec' } {
  return { kind: 'exec', shell: shell ?? defaultShell, script, ...(user !== undefined && { user }) };
}
