import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createViewerWatch } from '../../src/accounts/viewer-watch.ts';
import type { Viewer } from '../../src/auth/viewer.ts';
import { createAudience } from '../../src/database/changes.ts';
import { createProofs } from '../../src/database/proofs.ts';
import { RequestRefused } from '../../src/errors.ts';

// What lasts here are the watch's own timers: the time is moved by hand, and no machine is too busy for it.
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const VIEWER = { user: { id: 'ada' }, token: { id: 'laptop' } } as Viewer;
const REVOKED = new RequestRefused('AUTHENTICATION_FAILED');

/** A watch over one stream, whose line was proved just now and is silent from then on. */
async function watchOne({ judge }: { judge(): Promise<void> }) {
  const audience = createAudience();
  const proofs = createProofs();
  void proofs.prove(async (payload) => void proofs.takeIn(payload));
  const changes = { ...audience, areHeard: proofs.areGood, settle: async () => {}, close: async () => {} };
  const watch = createViewerWatch({ changes, isExpired: () => false, onFailure: () => {} });
  const ended = vi.fn<(refusal: RequestRefused) => void>();
  watch.watch({ viewer: () => VIEWER, judge, end: ended }, watch.epoch());
  return { ...audience, watch, ended };
}

describe('a stream', () => {
  it('ends as soon as it is told that its token is revoked, by no timer', async () => {
    let isRevoked = false;
    const { tell, ended } = await watchOne({
      judge: async () => {
        if (isRevoked) throw REVOKED;
      },
    });
    isRevoked = true;
    tell({ table: 'User', operation: 'UPDATE', id: 'ada' });
    await vi.advanceTimersByTimeAsync(0);
    expect(ended.mock.calls).toEqual([[REVOKED]]);
  });

  it.each([0, 50, 199, 333, 499])(
    'ends within a second where the line died without a word, and %d ms later its token was revoked',
    async (laterMs) => {
      let isRevoked = false;
      const { ended } = await watchOne({
        judge: async () => {
          // A look-up that takes its time.
          await new Promise((resolve) => setTimeout(resolve, 250));
          if (isRevoked) throw REVOKED;
        },
      });
      await vi.advanceTimersByTimeAsync(laterMs);
      isRevoked = true;
      await vi.advanceTimersByTimeAsync(1_000);
      expect(ended.mock.calls).toEqual([[REVOKED]]);
    },
  );

  it('ends within two seconds where its caller cannot be looked up either, though another’s look-up is stuck', async () => {
    const never = () => new Promise<void>(() => {});
    const { watch, ended } = await watchOne({ judge: never });
    await vi.advanceTimersByTimeAsync(590);
    const late = vi.fn<(refusal: RequestRefused) => void>();
    await vi.advanceTimersByTimeAsync(20);
    watch.watch({ viewer: () => VIEWER, judge: never, end: late }, watch.epoch());
    await vi.advanceTimersByTimeAsync(1_390);
    expect([ended.mock.calls, late.mock.calls]).toMatchObject([[[{ code: 'OVERLOADED' }]], [[{ code: 'OVERLOADED' }]]]);
  });
});
