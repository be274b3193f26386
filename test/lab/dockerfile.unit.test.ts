import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { baseImageRecipe, baseImages } from './dockerfile.ts';

describe('the base images of a Dockerfile', () => {
  test('are those of its FROM lines that are no stages', () => {
    const dockerfile = `# syntax=docker/dockerfile:1
      FROM --platform=$BUILDPLATFORM node:24.21.0-bookworm-slim AS build
      RUN echo \\
        FROM nowhere
      FROM build AS test
      from scratch as empty
      FROM node:24.21.0-bookworm-slim
      COPY --from=build /a /b`;
    assert.deepEqual(baseImages(dockerfile), ['node:24.21.0-bookworm-slim']);
  });

  test('take arguments declared before the first of them', () => {
    const dockerfile = `ARG NODE=24.21.0
      ARG SUITE="trixie"
      FROM node:\${NODE}-$SUITE-slim
      FROM debian:\${OTHER:-bookworm}-slim
      ARG NODE=20
      FROM node:\${NODE}`;
    assert.deepEqual(baseImages(dockerfile), [
      'node:24.21.0-trixie-slim',
      'debian:bookworm-slim',
      'node:24.21.0',
    ]);
  });
});

describe('a base image made without Docker Hub', () => {
  test('is a release of Debian, with Node where the name says so', () => {
    assert.deepEqual(baseImageRecipe('node:24.21.0-bookworm-slim'), {
      suite: 'bookworm',
      nodeVersion: '24.21.0',
    });
    assert.deepEqual(baseImageRecipe('node:24-trixie'), { suite: 'trixie', nodeVersion: '24' });
    assert.deepEqual(baseImageRecipe('docker.io/library/node:24-slim'), {
      suite: 'bookworm',
      nodeVersion: '24',
    });
    assert.deepEqual(baseImageRecipe('debian:trixie-slim'), { suite: 'trixie' });
  });

  test('is refused for every other name', () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    for (const image of [
      'node:24-alpine',
      'node:24.21.0-alpine3.22',
      'node:lts-slim',
      'node',
      'alpine:3.22',
      'ghcr.io/acme/node:24-slim',
      `node:24-slim@${digest}`,
    ]) {
      assert.throws(() => baseImageRecipe(image), { code: 'image-failed' }, image);
    }
  });
});
