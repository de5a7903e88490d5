// What the pages that go on living have in common, with a document and a clock that the test holds. `node --test` runs them.

import assert from 'node:assert/strict';
import {afterEach, beforeEach, test} from 'node:test';

import {Clock, settled} from './clock.mjs';

const {Follower} = await import(new URL('follow.js', process.env.NOTES_JS));
const {calibrateAsync, calibrateNote, calibrateSync} = await import(process.env.NOTES_JS);
const {saidOf} = await import(new URL('telling.js', process.env.NOTES_JS));

const WORDS = {lost: 'Nobody is there.', unreadable: 'Somebody else is there ({status}).'};
const INTERVAL_MS = 1000;
const {setTimeout, performance} = globalThis;
let clock;

beforeEach(() => {
  clock = new Clock();
  globalThis.document = Object.assign(new EventTarget(), {hidden: false});
  globalThis.setTimeout = clock.setTimeout;
  Object.defineProperty(globalThis, 'performance', {configurable: true, value: {now: () => clock.now}});
});

afterEach(() => {
  delete globalThis.document;
  globalThis.setTimeout = setTimeout;
  Object.defineProperty(globalThis, 'performance', {configurable: true, value: performance});
});

/** Somebody begins to see the page, or no longer does. */
function see(seen) {
  document.hidden = !seen;
  document.dispatchEvent(new Event('visibilitychange'));
}

/** A page that waits until the test says otherwise; each reading takes `took` milliseconds, and brings `answered`. */
function followed({took = 0, answered = true} = {}) {
  const page = {waits: true, reads: [], polled: [], leaving: new AbortController()};
  const follower = new Follower({
    waits: () => page.waits,
    read: async () => {
      page.reads.push(clock.now);
      await (took && new Promise((resolve) => globalThis.setTimeout(resolve, took)));
      return answered;
    },
    interval: () => INTERVAL_MS,
    connection: {polled: (one) => page.polled.push(one)},
  });
  page.follow = () => follower.follow(page.leaving.signal);
  page.ended = page.follow();
  return page;
}

test('what waits is read an interval after the last answer, until it waits no more', async () => {
  const page = followed();
  await clock.pass(2999);
  assert.deepEqual(page.reads, [1000, 2000]);
  assert.deepEqual(page.polled, [true, true]);
  page.waits = false;
  await clock.pass(1000);
  await page.ended;
  assert.equal(clock.running, 0);
  assert.equal(page.reads.length, 3); // the one that was on its way
});

test('nothing is read when nothing waits, and everything once when many ask for it', async () => {
  const page = followed();
  void page.follow();
  void page.follow();
  await clock.pass(1000);
  assert.deepEqual(page.reads, [1000]);
  page.waits = false;
  await clock.pass(5000);
  await page.follow();
  assert.equal(clock.running, 0);
  page.waits = true;
  void page.follow();
  await clock.pass(1000);
  assert.equal(page.reads.length, 3);
});

test('a server that is slow is asked less often', async () => {
  const page = followed({took: 2000});
  await clock.pass(10_999);
  assert.deepEqual(page.reads, [1000]);
  await clock.pass(1);
  assert.deepEqual(page.reads, [1000, 11_000]);
});

test('what came of each reading is told', async () => {
  const page = followed({answered: false});
  await clock.pass(2000);
  assert.deepEqual(page.polled, [false, false]);
});

test('a page that nobody sees sleeps without a timer, and is read at once when it is seen', async () => {
  const page = followed();
  await clock.pass(1000);
  see(false);
  await clock.pass(1000);
  assert.equal(clock.running, 0);
  await clock.pass(600_000);
  assert.deepEqual(page.reads, [1000]);
  see(true);
  await settled();
  assert.deepEqual(page.reads, [1000, 602_000]);
  assert.equal(clock.running, 1);
});

test('a page that is left is not followed, whether it is seen or not', async () => {
  for (const seen of [true, false]) {
    const page = followed();
    see(seen);
    await clock.pass(seen ? 0 : 1000);
    page.leaving.abort();
    await clock.pass(1000);
    await page.ended;
    assert.deepEqual(page.reads, []);
    assert.deepEqual(page.polled, []);
    see(true);
  }
});

const json = (status, body) => async () => new Response(JSON.stringify(body), {status});
const HASH = 'c9e15763f722f23e98a29decdfae341b98d53056';

for (const [what, fetch, said] of [
  ['no answer', async () => { throw new TypeError('fetch failed'); }, 'Nobody is there.'],
  ['a page of somebody between', async () => new Response('<p>Bad Gateway', {status: 502}), 'Somebody else is there (502).'],
  ['a refusal', json(503, {error: 'Calibration is switched off.', code: 'off'}), 'Calibration is switched off.'],
]) {
  test(`${what} is said in the words of the page, or in those of the server`, async () => {
    const ways = [calibrateNote(1, {fetch}), calibrateSync(HASH, {fetch}), calibrateAsync(HASH, {...clock, fetch})];
    for (const way of ways) {
      const error = await way.then(() => assert.fail('there is no name'), (one) => one);
      assert.equal(saidOf(error, WORDS), said);
    }
  });
}

test('that a task just goes on is not said', async () => {
  const error = await calibrateSync(HASH, {fetch: json(200, {status: 'running'})}).catch((one) => one);
  assert.equal(saidOf(error, WORDS), '');
});
