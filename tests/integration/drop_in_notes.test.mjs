// Tests of the example's notes.js with a server and a clock of their own: no network, no waiting. `node --test` runs them.

import assert from 'node:assert/strict';
import {test} from 'node:test';

const {calibrate, calibrateAsync, calibrateSync} = await import(process.env.NOTES_JS);

const HASH = 'c9e15763f722f23e98a29decdfae341b98d53056';
const STATUS = '/api/calibrate/status/task-1';

/** Timers that run when the test says so; what is still set can be counted. */
class Clock {
  now = 0;
  #next = 1;
  #timers = new Map();

  setTimeout = (callback, delay, ...args) => {
    this.#timers.set(this.#next, {at: this.now + delay, callback, args});
    return this.#next++;
  };

  clearTimeout = (id) => {
    this.#timers.delete(id);
  };

  get set() {
    return this.#timers.size;
  }

  /** Let time pass, in order, giving promises a turn after each timer. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await rest();
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) {
        break;
      }
      const [id, {at, callback, args}] = due;
      this.#timers.delete(id);
      this.now = at;
      callback(...args);
    }
    this.now = end;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Every promise that can go on has gone on: the server takes a turn for an answer, so this takes some more. */
async function rest() {
  for (let turns = 0; turns < 5; turns += 1) {
    await turn();
  }
}

const json = (status, body) => ({status, json: async () => body});
const html = (status) => ({status, json: async () => JSON.parse('<!doctype html>')});
const hang = Symbol('no answer yet');

/** A server whose answers are written down: a list per path, the last one for ever. It notes who asks at the same time. */
class Server {
  asked = [];
  atOnce = 0;
  most = 0;
  #answers;

  constructor(answers) {
    this.#answers = answers;
  }

  count(path) {
    return this.asked.filter((request) => request.path === path).length;
  }

  fetch = async (path, options = {}) => {
    this.asked.push({path, options});
    this.atOnce += 1;
    this.most = Math.max(this.most, this.atOnce);
    try {
      const answers = this.#answers[path];
      const answer = await (answers.length > 1 ? answers.shift() : answers[0]);
      await turn();
      if (answer === hang) {
        await new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(new Error('aborted'))));
      }
      if (answer instanceof Error) {
        throw answer;
      }
      return answer;
    } finally {
      this.atOnce -= 1;
    }
  };
}

const ACCEPTED = json(200, {task_id: 'task-1', status: 'pending'});
const running = json(200, {task_id: 'task-1', status: 'running', info_hash: HASH});
const completed = json(200, {task_id: 'task-1', status: 'completed', info_hash: HASH, result: 'A true name.mkv'});

/** A calibration begun on a server with these status answers; what became of it is in `outcome`. */
function begun(statuses, accepted = [ACCEPTED]) {
  const clock = new Clock();
  const server = new Server({'/api/calibrate/async': accepted, [STATUS]: statuses});
  const outcome = {};
  calibrateAsync(HASH, {fetch: server.fetch, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout}).then(
    (name) => Object.assign(outcome, {name}),
    (error) => Object.assign(outcome, {error}),
  );
  return {clock, server, outcome};
}

test('it is set on globalThis, too', () => {
  assert.equal(globalThis.calibrateAsync, calibrateAsync);
});

test('a task is submitted as JSON and polled once a second until its name is there', async () => {
  const {clock, server, outcome} = begun([running, running, completed]);
  await rest();
  const [{path, options}] = server.asked;
  assert.equal(path, '/api/calibrate/async');
  assert.equal(options.method, 'POST');
  assert.equal(options.headers['Content-Type'], 'application/json');
  assert.deepEqual(JSON.parse(options.body), {info_hash: HASH});
  await clock.pass(999);
  assert.equal(server.count(STATUS), 0);
  await clock.pass(1);
  assert.equal(server.count(STATUS), 1);
  await clock.pass(1000);
  assert.equal(server.count(STATUS), 2);
  assert.deepEqual(outcome, {});
  await clock.pass(1000);
  assert.deepEqual(outcome, {name: 'A true name.mkv'});
  assert.equal(clock.set, 0);
});

for (const [status, error] of [
  [400, 'info_hash 无效'],
  [429, '等待中的校准太多，请稍后再试'],
  [503, '校准功能已关闭'],
]) {
  test(`a submit refused with ${status} rejects at once and polls nothing`, async () => {
    const {clock, server, outcome} = begun([running], [json(status, {error, code: 'x'})]);
    await clock.pass(0);
    assert.equal(outcome.error.message, error);
    assert.equal(clock.set, 0);
    await clock.pass(120000);
    assert.equal(server.asked.length, 1);
  });
}

for (const [what, answer] of [
  ['an HTML error', html(500)],
  ['an HTML page', html(200)],
  ['no task id', json(200, {})],
  ['null', json(200, null)],
  ['an error and a task id', json(500, {task_id: 'task-1'})],
  ['no connection', new TypeError('fetch failed')],
]) {
  test(`a submit answered with ${what} rejects at once with a text`, async () => {
    const {clock, server, outcome} = begun([running], [answer]);
    await clock.pass(0);
    assert.ok(outcome.error instanceof Error);
    assert.match(outcome.error.message, /校准失败|无法连接服务器/);
    assert.equal(clock.set, 0);
    assert.equal(server.asked.length, 1);
  });
}

test('a 401 goes to the login and rejects, at the submit and at a poll', async () => {
  const unauthorized = json(401, {error: '未登录', code: 'unauthorized'});
  for (const [statuses, accepted] of [[[running], [unauthorized]], [[unauthorized], [ACCEPTED]]]) {
    const went = [];
    globalThis.location = {pathname: '/notes', assign: (url) => went.push(url)};
    try {
      const {clock, outcome} = begun(statuses, accepted);
      await clock.pass(1000);
      assert.equal(outcome.error.message, '未登录');
      assert.deepEqual(went, ['/login?next=%2Fnotes']);
      assert.equal(clock.set, 0);
    } finally {
      delete globalThis.location;
    }
  }
});

test('an unknown task rejects when it is unknown twice in a row, not once', async () => {
  const unknown = json(404, {error: '任务不存在', code: 'not_found'});
  const {clock, server, outcome} = begun([unknown, running, unknown, html(502), unknown, unknown]);
  await clock.pass(5000);
  assert.deepEqual(outcome, {});
  await clock.pass(1000);
  assert.equal(outcome.error.message, '任务不存在');
  assert.equal(server.count(STATUS), 6);
  assert.equal(clock.set, 0);
});

for (const status of ['failed', 'timeout', 'cancelled']) {
  test(`${status} is final`, async () => {
    const {clock, server, outcome} = begun([json(200, {status, error: `it ended ${status}`, code: 'x'}), completed]);
    await clock.pass(1000);
    assert.equal(outcome.error.message, `it ended ${status}`);
    assert.equal(clock.set, 0);
    await clock.pass(120000);
    assert.equal(server.count(STATUS), 1);
  });
}

test('an answer that is none, or cannot be read, is asked for again', async () => {
  const {clock, outcome} = begun([new TypeError('fetch failed'), html(502), html(200), json(503, {error: 'x'}), json(429, {error: 'x'}), completed]);
  await clock.pass(6000);
  assert.deepEqual(outcome, {name: 'A true name.mkv'});
});

test('another refusal of a poll rejects with its text', async () => {
  const {clock, outcome} = begun([json(403, {error: '不接受来自其他网站的请求'})]);
  await clock.pass(1000);
  assert.equal(outcome.error.message, '不接受来自其他网站的请求');
  assert.equal(clock.set, 0);
});

test('after 60 000 ms it rejects with 轮询超时, not before, and asks no more', async () => {
  const {clock, server, outcome} = begun([running]);
  await clock.pass(59999);
  assert.deepEqual(outcome, {});
  await clock.pass(1);
  assert.equal(outcome.error.message, '轮询超时');
  assert.equal(clock.set, 0);
  const asked = server.asked.length;
  await clock.pass(120000);
  assert.equal(server.asked.length, asked);
});

test('no timer outlives the promise when it gives up between two polls', async () => {
  let accept;
  const {clock, server, outcome} = begun([running], [new Promise((resolve) => (accept = resolve))]);
  await clock.pass(300);
  accept(ACCEPTED);
  await clock.pass(59700);
  assert.equal(outcome.error.message, '轮询超时');
  assert.equal(server.count(STATUS), 59);
  assert.equal(clock.set, 0);
});

test('polls never overlap, and one that hangs is given up with the rest', async () => {
  const {clock, server, outcome} = begun([running, hang]);
  await clock.pass(30000);
  assert.equal(server.count(STATUS), 2);
  await clock.pass(30000);
  assert.equal(outcome.error.message, '轮询超时');
  await rest();
  assert.equal(server.atOnce, 0);
  assert.equal(server.most, 1);
  assert.equal(clock.set, 0);
});

test('a submit that hangs is given up after 60 000 ms', async () => {
  const {clock, server, outcome} = begun([running], [hang]);
  await clock.pass(60000);
  assert.equal(outcome.error.message, '轮询超时');
  await clock.pass(120000);
  assert.equal(server.asked.length, 1);
  assert.equal(clock.set, 0);
});

test('the synchronous way is one request', async () => {
  const server = new Server({'/api/calibrate': [json(200, {status: 'completed', result: 'A true name.mkv'})]});
  assert.equal(await calibrateSync(HASH, {fetch: server.fetch}), 'A true name.mkv');
  assert.deepEqual(JSON.parse(server.asked[0].options.body), {info_hash: HASH});
});

for (const [what, answer, message] of [
  ['a failure', json(200, {status: 'failed', error: '没有人持有该种子'}), '没有人持有该种子'],
  ['a time-out', json(200, {status: 'timeout', error: '超时'}), '超时'],
  ['a refusal', json(503, {error: '校准功能已关闭'}), '校准功能已关闭'],
  ['HTML', html(500), '校准失败（500）'],
]) {
  test(`the synchronous way rejects on ${what}`, async () => {
    const server = new Server({'/api/calibrate': [answer]});
    await assert.rejects(calibrateSync(HASH, {fetch: server.fetch}), {message});
  });
}

for (const [mode, path] of [
  ['async', '/api/calibrate/async'],
  ['sync', '/api/calibrate'],
  ['off', '/api/calibrate/async'],
]) {
  test(`with mode ${mode} a press asks ${path}`, async () => {
    const refused = json(503, {error: '校准功能已关闭'});
    const server = new Server({'/api/config': [json(200, {calibration_mode: mode})], [path]: [refused]});
    const clock = new Clock();
    await assert.rejects(calibrate(HASH, {...clock, fetch: server.fetch}), {message: '校准功能已关闭'});
    assert.deepEqual(server.asked.map((request) => request.path), ['/api/config', path]);
    assert.equal(clock.set, 0);
  });
}
