// notes.js against a server and a clock that the test holds: no network, no waiting. `node --test` runs them.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {Clock} from './clock.mjs';

const {calibrateAsync, calibrateNote, calibrateSync, signIn} = await import(process.env.NOTES_JS);

const HASH = 'c9e15763f722f23e98a29decdfae341b98d53056';
const SUBMIT = '/api/calibrate/async';
const STATUS = '/api/calibrate/status/task%201';

const json = (status, body) => new Response(JSON.stringify(body), {status, headers: {'Content-Type': 'application/json'}});
const html = (status) => new Response('<!doctype html><p>x', {status, headers: {'Content-Type': 'text/html'}});
const never = Symbol('an answer that does not come');

/** A server with a list of answers for each path; the last one is given for ever. */
class Server {
  asked = [];
  open = 0;
  most = 0;

  constructor(answers) {
    this.answers = answers;
  }

  polls() {
    return this.asked.filter(({path}) => path === STATUS).length;
  }

  fetch = async (path, options = {}) => {
    this.asked.push({path, options});
    this.open += 1;
    this.most = Math.max(this.most, this.open);
    try {
      const answers = this.answers[path];
      assert.ok(answers, `nobody should ask for ${path}`);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      await new Promise((resolve) => setImmediate(resolve));
      if (answer === never) {
        await new Promise((_, reject) => {
          options.signal.addEventListener('abort', () => reject(options.signal.reason));
        });
      }
      if (answer instanceof Error) {
        throw answer;
      }
      return answer.clone();
    } finally {
      this.open -= 1;
    }
  };
}

const PENDING = json(200, {task_id: 'task 1', status: 'pending'});
const RUNNING = json(200, {task_id: 'task 1', status: 'running', info_hash: HASH, attempt: 1});
const NAMED = json(200, {task_id: 'task 1', status: 'completed', info_hash: HASH, result: 'A true name.mkv'});

/** A calibration that has begun, and what becomes of it in `end`. */
function begun(statuses, submits = [PENDING]) {
  const clock = new Clock();
  const server = new Server({[SUBMIT]: submits, [STATUS]: statuses});
  const end = {};
  const heard = [];
  const answered = [];
  const {setTimeout, clearTimeout} = clock;
  const told = {told: (status) => heard.push(status), heard: (one) => answered.push(one)};
  calibrateAsync(HASH, {fetch: server.fetch, setTimeout, clearTimeout}, told).then(
    (name) => {
      end.name = name;
    },
    (error) => {
      end.error = error;
    },
  );
  return {clock, server, end, heard, answered};
}

/** Where the page goes while `work` runs. */
async function going(work, here = {pathname: '/notes', search: '?after=5'}) {
  const went = [];
  globalThis.location = {...here, assign: (url) => went.push(url)};
  try {
    await work();
  } finally {
    delete globalThis.location;
  }
  return went;
}

test('it stands on globalThis, too', () => {
  assert.equal(globalThis.calibrateAsync, calibrateAsync);
});

test('the hash is handed over as JSON with the session', async () => {
  const {clock, server} = begun([RUNNING]);
  await clock.pass(0);
  const {path, options} = server.asked[0];
  assert.equal(path, SUBMIT);
  assert.equal(options.method, 'POST');
  assert.equal(options.headers['Content-Type'], 'application/json');
  assert.equal(options.credentials, 'same-origin');
  assert.deepEqual(JSON.parse(options.body), {info_hash: HASH});
});

test('one poll a second, until the name is there', async () => {
  const {clock, server, end, heard} = begun([RUNNING, RUNNING, NAMED]);
  await clock.pass(999);
  assert.equal(server.polls(), 0);
  for (const polls of [1, 2]) {
    await clock.pass(polls === 1 ? 1 : 1000);
    assert.equal(server.polls(), polls);
    assert.deepEqual(end, {});
  }
  await clock.pass(1000);
  assert.deepEqual(end, {name: 'A true name.mkv'});
  assert.deepEqual(heard, ['pending', 'running', 'running', 'completed']);
  assert.equal(clock.running, 0);
  await clock.pass(120000);
  assert.equal(server.polls(), 3);
});

test('a name that is known comes without a second of waiting', async () => {
  const {clock, server, end} = begun([NAMED], [json(200, {task_id: 'task 1', status: 'completed'})]);
  await clock.pass(0);
  assert.deepEqual(end, {name: 'A true name.mkv'});
  assert.equal(server.polls(), 1);
  assert.equal(clock.running, 0);
});

test('a known name whose first poll is lost comes a second later', async () => {
  const {clock, end} = begun([new TypeError('lost'), NAMED], [json(200, {task_id: 'task 1', status: 'completed'})]);
  await clock.pass(999);
  assert.deepEqual(end, {});
  await clock.pass(1);
  assert.deepEqual(end, {name: 'A true name.mkv'});
});

test('the same person asking again follows the same task', async () => {
  const {clock, end} = begun([NAMED], [json(200, {task_id: 'task 1', status: 'running', deduplicated: true})]);
  await clock.pass(1000);
  assert.deepEqual(end, {name: 'A true name.mkv'});
});

for (const [status, error] of [
  [400, 'info_hash 无效'],
  [403, '请求来自其他网站。'],
  [404, '这里没有内容。'],
  [413, '内容过大。'],
  [429, '请求过多，请稍后再试。'],
  [500, '服务器出错，详情见日志。'],
  [503, '校准功能已关闭。'],
]) {
  test(`a submit refused with ${status} rejects at once, in the server's words`, async () => {
    const {clock, server, end} = begun([NAMED], [json(status, {error, code: 'x'})]);
    await clock.pass(0);
    assert.equal(end.error.message, error);
    assert.equal(end.error.kind, 'refused');
    assert.equal(end.error.status, status);
    assert.ok(end.error instanceof Error);
    assert.equal(clock.running, 0);
    await clock.pass(120000);
    assert.equal(server.asked.length, 1);
  });
}

for (const [what, answer, kind] of [
  ['a page', html(200), 'unreadable'],
  ['a page that is an error', html(502), 'unreadable'],
  ['an empty object', json(200, {}), 'unreadable'],
  ['null', json(200, null), 'unreadable'],
  ['a list', json(200, [1]), 'unreadable'],
  ['an error that is no text', json(400, {error: {why: 'x'}}), 'unreadable'],
  ['a task without a good id', json(200, {task_id: 5, status: 'pending'}), 'unreadable'],
  ['an error that names a task', json(500, {task_id: 'task 1', status: 'pending'}), 'unreadable'],
  ['nothing at all', new TypeError('fetch failed'), 'lost'],
]) {
  test(`a submit answered with ${what} rejects at once, and nothing is polled`, async () => {
    const {clock, server, end} = begun([NAMED], [answer]);
    await clock.pass(0);
    assert.ok(end.error instanceof Error);
    assert.match(end.error.message, /服务器/);
    assert.equal(end.error.kind, kind);
    assert.equal(clock.running, 0);
    await clock.pass(120000);
    assert.equal(server.asked.length, 1);
  });
}

test('401 leads to the sign-in and back here, at the submit and at a poll', async () => {
  const unauthorized = json(401, {error: '未登录', code: 'unauthorized'});
  for (const [statuses, submits] of [[[NAMED], [unauthorized]], [[unauthorized], [PENDING]]]) {
    const went = await going(async () => {
      const {clock, end} = begun(statuses, submits);
      await clock.pass(1000);
      assert.equal(end.error.message, '未登录');
      assert.equal(clock.running, 0);
    });
    assert.deepEqual(went, ['/login?next=%2Fnotes%3Fafter%3D5']);
  }
});

test('a page that holds an unsaved text is not left for the sign-in', async () => {
  for (const prevented of [true, false]) {
    const page = new EventTarget();
    page.addEventListener('sign-in', (event) => prevented && event.preventDefault());
    globalThis.dispatchEvent = (event) => page.dispatchEvent(event);
    const went = await going(() => signIn());
    delete globalThis.dispatchEvent;
    assert.equal(went.length, prevented ? 0 : 1);
  }
});

test('other refusals lead nowhere', async () => {
  const went = await going(async () => {
    const {clock} = begun([json(403, {error: 'x'})]);
    await clock.pass(1000);
  });
  assert.deepEqual(went, []);
});

test('without a page the sign-in is nobody\'s business', () => {
  signIn({});
});

test('404 twice in a row rejects; once, or with an answer between, does not', async () => {
  const unknown = json(404, {error: '任务不存在', code: 'not_found'});
  const {clock, server, end} = begun([unknown, RUNNING, unknown, RUNNING, unknown, unknown, NAMED]);
  await clock.pass(5000);
  assert.deepEqual(end, {});
  await clock.pass(1000);
  assert.equal(end.error.message, '任务不存在');
  assert.equal(clock.running, 0);
  await clock.pass(120000);
  assert.equal(server.polls(), 6);
});

test('two 404 with a lost poll between are not two in a row', async () => {
  const unknown = json(404, {error: '任务不存在', code: 'not_found'});
  const {clock, end} = begun([unknown, new TypeError('lost'), unknown, NAMED]);
  await clock.pass(4000);
  assert.deepEqual(end, {name: 'A true name.mkv'});
});

for (const status of ['failed', 'timeout', 'cancelled']) {
  test(`${status} is final, and its reason is what is said`, async () => {
    const {clock, server, end} = begun([json(200, {task_id: 'task 1', status, error: `so it ${status}`, code: 'x'}), NAMED]);
    await clock.pass(1000);
    assert.equal(end.error.message, `so it ${status}`);
    assert.equal(end.error.kind, 'refused');
    assert.equal(clock.running, 0);
    await clock.pass(120000);
    assert.equal(server.polls(), 1);
  });
}

test('whether there was an answer is told after each poll', async () => {
  const {clock, answered} = begun([new TypeError('fetch failed'), new TypeError('fetch failed'), html(502), NAMED]);
  await clock.pass(4000);
  assert.deepEqual(answered, [false, false, true, true]);
});

test('what gets lost, cannot be read, or is the server\'s trouble, is asked for again', async () => {
  const troubles = [
    new TypeError('fetch failed'),
    html(502),
    html(200),
    json(200, null),
    json(200, {}),
    json(200, {status: 'completed', result: null}),
    json(500, {error: 'x'}),
    json(503, {error: 'x'}),
    json(429, {error: 'x'}),
    json(408, {error: 'x'}),
  ];
  const {clock, server, end, heard} = begun([...troubles, NAMED]);
  await clock.pass(troubles.length * 1000);
  assert.deepEqual(end, {});
  await clock.pass(1000);
  assert.deepEqual(end, {name: 'A true name.mkv'});
  assert.equal(server.polls(), troubles.length + 1);
  assert.deepEqual(heard, ['pending', 'completed']);
});

test('a poll that is refused rejects', async () => {
  const {clock, end} = begun([json(403, {error: '没有权限。'}), NAMED]);
  await clock.pass(1000);
  assert.equal(end.error.message, '没有权限。');
  assert.equal(end.error.kind, 'refused');
  assert.equal(clock.running, 0);
});

test('after 60 000 ms it is 轮询超时, not a moment before, and nothing is asked any more', async () => {
  const {clock, server, end} = begun([RUNNING]);
  await clock.pass(59999);
  assert.deepEqual(end, {});
  await clock.pass(1);
  assert.equal(end.error.message, '轮询超时');
  assert.equal(end.error.kind, 'late');
  assert.equal(clock.running, 0);
  const asked = server.asked.length;
  await clock.pass(300000);
  assert.equal(server.asked.length, asked);
});

test('a submit that gets no answer is given up then, too', async () => {
  const {clock, server, end} = begun([NAMED], [never]);
  await clock.pass(60000);
  assert.equal(end.error.message, '轮询超时');
  assert.equal(end.error.kind, 'lost'); // no task is known to go on
  await clock.pass(300000);
  assert.equal(clock.running, 0);
  assert.equal(server.open, 0);
  assert.equal(server.asked.length, 1);
});

test('polls never overlap; one that hangs holds back the next and is given up at the end', async () => {
  const {clock, server, end} = begun([RUNNING, never, NAMED]);
  await clock.pass(59999);
  assert.equal(server.polls(), 2);
  await clock.pass(1);
  assert.equal(end.error.message, '轮询超时');
  await clock.pass(300000);
  assert.equal(server.open, 0);
  assert.equal(server.most, 1);
  assert.equal(server.polls(), 2);
  assert.equal(clock.running, 0);
});

test('a hundred at once keep their timers apart', async () => {
  const many = Array.from({length: 100}, () => begun([RUNNING, NAMED]));
  for (const {clock, end} of many) {
    await clock.pass(2000);
    assert.deepEqual(end, {name: 'A true name.mkv'});
    assert.equal(clock.running, 0);
  }
});

test('the names of the promise are those of globalThis', async () => {
  const server = new Server({[SUBMIT]: [json(200, {task_id: 'task 1', status: 'completed'})], [STATUS]: [NAMED]});
  const {fetch} = globalThis;
  globalThis.fetch = server.fetch;
  try {
    assert.equal(await globalThis.calibrateAsync(HASH), 'A true name.mkv');
  } finally {
    globalThis.fetch = fetch;
  }
});

test('the synchronous way is one request', async () => {
  const server = new Server({'/api/calibrate': [NAMED]});
  assert.equal(await calibrateSync(HASH, {fetch: server.fetch}), 'A true name.mkv');
  assert.equal(server.asked.length, 1);
  assert.deepEqual(JSON.parse(server.asked[0].options.body), {info_hash: HASH});
});

for (const [what, answer, message, kind] of [
  ['a failure', json(200, {status: 'timeout', error: '没有人', code: 'no_peers'}), /^没有人$/, 'refused'],
  ['a task that goes on', json(200, {status: 'running'}), /^轮询超时$/, 'late'],
  ['a refusal', json(429, {error: '请求过多，请稍后再试。'}), /^请求过多/, 'refused'],
  ['an end without a name', json(200, {status: 'completed', result: null}), /服务器.*200/, 'unreadable'],
  ['a page', html(502), /服务器.*502/, 'unreadable'],
  ['a page that is none of an error', html(200), /服务器.*200/, 'unreadable'],
  ['nothing', new TypeError('fetch failed'), /无法连接服务器/, 'lost'],
]) {
  test(`the synchronous way rejects on ${what}`, async () => {
    const server = new Server({'/api/calibrate': [answer]});
    await assert.rejects(calibrateSync(HASH, {fetch: server.fetch}), {message, kind});
  });
}

test('a note is named by one request', async () => {
  const results = {success: true, total: 0, success_count: 0, fail_count: 0, results: []};
  const server = new Server({'/api/calibrate/5': [json(200, results)]});
  assert.deepEqual(await calibrateNote(5, {fetch: server.fetch}), results);
  assert.equal(server.asked.length, 1);
});

for (const [what, answer, kind] of [
  ['a refusal', json(404, {error: '这里没有内容。'}), 'refused'],
  ['a page', html(502), 'unreadable'],
  ['a page that is none of an error', html(200), 'unreadable'],
  ['nothing', new TypeError('fetch failed'), 'lost'],
]) {
  test(`a note is not named by ${what}`, async () => {
    const server = new Server({'/api/calibrate/5': [answer]});
    await assert.rejects(calibrateNote(5, {fetch: server.fetch}), {kind});
  });
}
