/** What became of a question to a registry. */
export type RegistryFault = 'image_not_found' | 'registry_unauthorized' | 'registry_unreachable';

interface RegistryWords {
  readonly fault: RegistryFault;
  readonly words: RegExp;
  /** What the Engine says in so many words, by release; addresses and names shortened. */
  readonly said: Readonly<Record<string, string>>;
  /** What helps, where the code alone does not say it; `REGISTRY` stands for its host. */
  readonly advice?: string;
}

/** The Engine repeats what a registry answered, all of it. What it means is said at its beginning. */
const MAX_WORDS = 2000;

const get = 'Get "https://registry.test/v2/": ';
const untrusted = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
const trust =
  'Give the certificate of its authority to every manager and every node that is to pull from it, as ' +
  '/etc/docker/certs.d/REGISTRY/ca.crt';

/**
 * What the Engine says of a registry that it could not ask, or that gave no image. The first row that fits counts: the
 * words of registries come after those of the way to them, for `unknown authority` is no unknown image.
 */
export const registryWords: readonly RegistryWords[] = [
  {
    fault: 'registry_unreachable',
    words: /x509: .*(?:signed by unknown authority|unknown certificate authority)/,
    said: {
      '20.10': `${get}x509: certificate signed by unknown authority`,
      '20.10.24 to 29': get + untrusted,
    },
    advice: `The registry's certificate is not trusted. ${trust}.`,
  },
  {
    fault: 'registry_unreachable',
    words: /x509: .*(?:cannot validate|is valid for|not valid for any names|legacy Common Name)/,
    said: {
      '20.10 to 29':
        `${get}tls: failed to verify certificate: x509: cannot validate certificate for 10.0.0.1 because it doesn't ` +
        'contain any IP SANs; x509: certificate is valid for a.test, not registry.test',
    },
    advice: "The registry's certificate does not name the address that the image is asked for by.",
  },
  {
    fault: 'registry_unreachable',
    words: /x509: /,
    said: {
      '20.10 to 29': `${get}x509: certificate has expired or is not yet valid: current time … is after …`,
    },
    advice:
      "The registry's certificate is not valid: renew it, and see that the clock of the manager is right.",
  },
  {
    fault: 'registry_unreachable',
    words: /server gave HTTP response to HTTPS client/,
    said: { '20.10 to 29': `${get}http: server gave HTTP response to HTTPS client` },
    advice:
      "The registry speaks HTTP without TLS: give it a certificate, or list it in `insecure-registries` of every node's " +
      'daemon.json.',
  },
  {
    fault: 'registry_unreachable',
    words:
      /Client\.Timeout|context deadline exceeded|TLS handshake timeout|i\/o timeout|connection timed out/,
    said: {
      '20.10': `${get}context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
      '23 to 29': `${get}net/http: request canceled (Client.Timeout exceeded while awaiting headers)`,
      '20.10 to 29': `${get}net/http: TLS handshake timeout; dial tcp 10.0.0.1:443: i/o timeout`,
    },
    advice: 'The registry did not answer the manager in time.',
  },
  {
    fault: 'registry_unreachable',
    words: /tls: |(?:^|: )(?:unexpected )?EOF$/,
    said: { '20.10 to 29': `${get}remote error: tls: handshake failure; ${get}EOF` },
    advice:
      'The registry ended the connection before there was an answer: it may expect another TLS or none.',
  },
  {
    fault: 'registry_unreachable',
    words: /no such host|dial tcp: lookup /,
    said: {
      '20.10 to 29':
        `${get}dial tcp: lookup registry.test on 10.0.0.53:53: no such host; dial tcp: lookup registry.test: ` +
        'Temporary failure in name resolution',
    },
    advice: 'The manager finds no address for the name of the registry.',
  },
  {
    fault: 'registry_unreachable',
    words: /connection refused|connection reset|no route to host|network is unreachable/,
    said: { '20.10 to 29': `${get}dial tcp 10.0.0.1:443: connect: connection refused` },
    advice: 'Nothing answers the manager there.',
  },
  {
    fault: 'registry_unreachable',
    words: /toomanyrequests|too many requests|pull rate limit/i,
    said: { '20.10 to 29': 'toomanyrequests: You have reached your pull rate limit.' },
    advice: 'The registry limits how much is asked of it: try again later, or give it a login.',
  },
  {
    fault: 'registry_unauthorized',
    words:
      /unauthorized|denied|no basic auth credentials|authentication (?:is )?required|incorrect username/i,
    said: {
      '20.10 to 29, without a login':
        'Head "https://registry.test/v2/acme/shop/manifests/1": no basic auth credentials; unauthorized',
      '20.10 to 29, with a wrong one':
        'Head "https://registry.test/v2/acme/shop/manifests/1": unauthorized: incorrect username or password; denied',
      '20.10 to 29, of a registry that has no code for it': 'unknown: Authentication is required',
      '29 with the containerd image store':
        'failed to resolve reference "registry.test/acme/shop:1": pull access denied, repository does not exist or may ' +
        'require authorization: authorization failed: no basic auth credentials',
    },
  },
  {
    fault: 'registry_unreachable',
    words: /unexpected HTTP status: 5|(?:unknown|parsing HTTP \d+ response body): .*</,
    said: {
      '20.10 to 29':
        'received unexpected HTTP status: 500 Internal Server Error; unknown: <html><body>404 page not found</body></html>',
    },
    advice: 'What answers there is in trouble, or is no registry.',
  },
  {
    fault: 'image_not_found',
    words: /(?:manifest|name|blob) unknown|not found|no such (?:image|manifest)/i,
    said: {
      '20.10 to 29': 'manifest unknown; name unknown; manifest unknown: manifest unknown',
      '29 with the containerd image store':
        'failed to resolve reference "registry.test/acme/shop:1": registry.test/acme/shop:1: not found',
    },
  },
];

/**
 * What it means that the Engine has no image from a registry, by its status and its words. What is not understood is a
 * registry that could not be asked.
 * @param status of the Engine's answer
 */
export function readRegistryWords(
  status: number | undefined,
  text: string,
): { readonly fault: RegistryFault; readonly advice?: string | undefined } {
  if (status === 404) {
    return { fault: 'image_not_found' };
  }
  if (status === 401 || status === 403) {
    return { fault: 'registry_unauthorized' };
  }
  const said = text.slice(0, MAX_WORDS);
  const { fault, advice } = registryWords.find(({ words }) => words.test(said)) ?? {
    fault: 'registry_unreachable',
  };
  return { fault, advice };
}
