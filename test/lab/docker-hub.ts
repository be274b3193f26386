/** Whether images can be pulled from Docker Hub. Where they cannot, the lab makes its own. */
export async function isDockerHubReachable(): Promise<boolean> {
  try {
    const response = await fetch('https://registry-1.docker.io/v2/', { signal: AbortSignal.timeout(4000) });
    await response.body?.cancel();
    return response.status === 401 || response.ok;
  } catch {
    return false;
  }
}
