import { LabError } from './lab-error.ts';

/** Throws `not-supported`, with what is needed, where this machine or this user cannot have a lab. */
export function requirePrivileges(): void {
  const reasons = [
    ...(process.platform === 'linux' ? [] : [`this is ${process.platform}`]),
    ...(process.getuid?.() === 0 ? [] : ['this user is not root']),
  ];
  if (reasons.length > 0) {
    throw new LabError(
      'not-supported',
      `The lab needs root on Linux (Debian 12 or later), for it runs Docker daemons in network namespaces; ` +
        `${reasons.join(', ')}. What needs no lab still runs: npm run test:unit`,
    );
  }
}
