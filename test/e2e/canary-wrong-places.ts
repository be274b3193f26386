import type { Answer } from './api-client.ts';
import { labelSecrets } from './canary-services.ts';
import { canarySecrets } from './deployment.ts';
import type { Stage } from './stage.ts';

/**
 * Tokens where they do not belong: in every field, header and path that somebody might mix up.
 * @param keep is given every answer
 * @param jwts more of them
 */
export async function sendTokensToWrongPlaces(
  { lab, deployment: { api } }: Stage,
  keep: (answer: Promise<Answer>) => Promise<Answer>,
  jwts: readonly string[],
): Promise<void> {
  const { adminToken } = canarySecrets;
  const label = labelSecrets['swarm-utils.update.token'];
  for (const token of [adminToken, label, ...jwts, 'canary-nobody-knows-this-e1']) {
    const post = (body: object | string, credential?: string, headers?: Record<string, string>) =>
      keep(api.post('/api/update/service', body, credential, headers));
    await post({ serviceName: token });
    await post({ serviceName: token }, adminToken);
    await post({ serviceName: 'strict', image: token }, token);
    await post({ serviceName: 'hooks', image: `${lab.registry.address}/${token}:1` }, token);
    await post({ serviceName: 'hooks', image: `${lab.images.app['2']}-${token}` }, token);
    await post({ serviceName: 'hooks', [token]: '' }, label);
    await post({ serviceName: 'hooks', isForce: token, waitRes: token }, label);
    await post({ serviceName: 'hooks', password: token }, label);
    await post({ serviceName: 'hooks', token: { token } });
    await post({ serviceName: 'hooks', token: `${token}x` });
    await post(`{"serviceName": "hooks", "token": "${token}`);
    await post(token);
    await post({ serviceName: 'hooks' }, undefined, { authorization: `Basic ${btoa(`x:${token}`)}` });
    await post({ serviceName: 'hooks' }, undefined, { authorization: `token ${token}` });
    await post({ serviceName: 'hooks' }, undefined, { authorization: `Bearer ${token} ${token}` });
    await post({ serviceName: 'hooks' }, undefined, { 'private-token': token, cookie: `token=${token}` });
    await post({ serviceName: 'hooks', token }, 'canary-another-e2');
    const query = encodeURIComponent(token);
    for (const path of [
      `/api/services?token=${query}`,
      `/api/services?label=${query}`,
      `/api/services?label=swarm-utils.update.token=${query}`,
      `/api/services/${query}`,
      `/api/operations?serviceName=${query}`,
      `/api/operations/${query}`,
      `/api/operations/${query}/events`,
      `/api/backups?serviceName=${query}`,
      `/api/backups?${query}`,
      `/api/schedule?${query}`,
      `/healthz?token=${query}`,
      `/api/operations?${query}`,
      `/${query}`,
    ]) {
      await keep(api.get(path));
      await keep(api.get(path, adminToken));
    }
    await keep(
      api.post('/api/explain', { action: 'update', serviceName: 'hooks', claims: { token } }, adminToken),
    );
  }
}
