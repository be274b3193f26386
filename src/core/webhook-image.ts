import type { Delivery } from '../../providers/provider.ts';
import { type ImageReference, parseImageReference } from './image-reference.ts';

const PLACEHOLDER = /\{(\w+)\}/g;
const placeholders = ['sha', 'short_sha', 'tag', 'branch'] as const;
type Placeholder = (typeof placeholders)[number];

/** Whether a text is a template for an image reference: known placeholders only, and a reference once they are filled. */
export function isImageTemplate(text: string): boolean {
  const isKnown = [...text.matchAll(PLACEHOLDER)].every(([, name]) =>
    placeholders.some(known => known === name),
  );
  return isKnown && parseImageReference(text.replaceAll(PLACEHOLDER, 'x')) !== undefined;
}

/**
 * The image that a webhook asks for: its own, else that of the label `update.image`, else none, which means the running
 * reference resolved anew.
 * @returns `fault` when the event lacks what the label's template needs, or the result is no image reference
 */
export function imageForDelivery(
  delivery: Delivery,
  labelTemplate: string | undefined,
): { readonly image?: ImageReference } | { readonly fault: string } {
  const template = delivery.image ?? labelTemplate;
  if (template === undefined) {
    return {};
  }
  const text = delivery.image ?? fill(template, delivery);
  if (text === undefined) {
    return {
      fault: `The event ${delivery.event} does not carry what swarm-utils.update.image needs: ${template}.`,
    };
  }
  const image = parseImageReference(text);
  return image === undefined ? { fault: `${text} is no image reference.` } : { image };
}

function fill(template: string, delivery: Delivery): string | undefined {
  // The lengths that GitHub's docker/metadata-action and GitLab's CI_COMMIT_SHORT_SHA have.
  const shortLength = delivery.identity.provider === 'gitlab' ? 8 : 7;
  const values: Record<Placeholder, string | undefined> = {
    sha: delivery.sha,
    short_sha: delivery.sha?.slice(0, shortLength),
    tag: delivery.tag,
    branch: delivery.branch,
  };
  let isComplete = true;
  const text = template.replaceAll(PLACEHOLDER, (_, name: Placeholder) => {
    isComplete &&= values[name] !== undefined;
    return values[name] ?? '';
  });
  return isComplete ? text : undefined;
}
