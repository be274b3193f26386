import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet, { type HelmetOptions } from 'helmet';

// Answers are data, never a page. Whether there is TLS is for the proxy in front to know, and to say.
const options: HelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
  },
  strictTransportSecurity: false,
};

/** The headers of every answer: helmet's, which depend on no request and are asked for once, and not to be kept. */
export const answerHeaders: Readonly<Record<string, string>> = {
  ...headersOfHelmet(),
  'Cache-Control': 'no-store',
};

/** What helmet sets, in helmet's own spelling. */
function headersOfHelmet(): Record<string, string> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => {
      headers[name] = value;
    },
    removeHeader: () => {},
  };
  helmet(options)({} as IncomingMessage, response as unknown as ServerResponse, error => {
    if (error !== undefined) {
      throw error;
    }
  });
  return headers;
}
