/**
 * Calibrations from a page: hand one over and poll, or wait for the old synchronous route, as the server says.
 * Touches no document; what it needs of the browser are its arguments, so that Node can run it.
 */

const INTERVAL_MS = 1000;
const LIMIT_MS = 60000;
const FAILED = '校准失败';

/**
 * The true name of an info-hash, by a task that is polled once a second.
 *
 * Rejects with the server's own words: at once when the task is refused; when it ended without a name, be it failed,
 * out of time or cancelled; when it is unknown twice in a row; and with 轮询超时 after a minute. An answer that cannot
 * be read, or none at all, is no answer: it goes on asking. A poll begins only when the one before has ended.
 */
export function calibrateAsync(infoHash, {fetch, setTimeout, clearTimeout} = globalThis) {
  return new Promise((resolve, reject) => {
    const gone = new AbortController();
    let next = null;
    let limit = null;
    let unknown = 0;

    function settle(how, what) {
      clearTimeout(next);
      clearTimeout(limit);
      gone.abort();
      how(what);
    }

    async function poll(taskId) {
      const {status, body} = await ask(fetch, `/api/calibrate/status/${encodeURIComponent(taskId)}`, {signal: gone.signal});
      if (gone.signal.aborted) {
        return;
      }
      unknown = status === 404 ? unknown + 1 : 0;
      if (status === 200 && body.status === 'completed') {
        settle(resolve, body.result);
      } else if (status === 200 && ['failed', 'timeout', 'cancelled'].includes(body.status)) {
        settle(reject, new Error(body.error || FAILED));
      } else if (unknown === 2 || (status >= 400 && status < 500 && status !== 404 && status !== 429)) {
        settle(reject, refusal(status, body));
      } else {
        next = setTimeout(poll, INTERVAL_MS, taskId);
      }
    }

    async function begin() {
      const {status, body} = await ask(fetch, '/api/calibrate/async', {...posted(infoHash), signal: gone.signal});
      if (gone.signal.aborted) {
        return;
      }
      if (status !== 200 || typeof body.task_id !== 'string') {
        settle(reject, refusal(status, body));
      } else {
        next = setTimeout(poll, INTERVAL_MS, body.task_id);
      }
    }

    limit = setTimeout(() => settle(reject, new Error('轮询超时')), LIMIT_MS);
    begin();
  });
}

/** The true name of an info-hash, by the old route: one request that is answered when the script has ended. */
export async function calibrateSync(infoHash, {fetch} = globalThis) {
  const {status, body} = await ask(fetch, '/api/calibrate', posted(infoHash));
  if (status !== 200) {
    throw refusal(status, body);
  }
  if (body.status !== 'completed') {
    throw new Error(body.error || FAILED);
  }
  return body.result;
}

/** The way that the server's setting names: `async` or `sync`; with `off` the server says so itself. */
export async function calibrate(infoHash, {fetch, setTimeout, clearTimeout} = globalThis) {
  const {status, body} = await ask(fetch, '/api/config');
  if (status !== 200) {
    throw refusal(status, body);
  }
  const way = body.calibration_mode === 'sync' ? calibrateSync : calibrateAsync;
  return way(infoHash, {fetch, setTimeout, clearTimeout});
}

/** Status and JSON object of an answer; `{status: 0, body: {}}` when there is none, `body: {}` when it is no JSON. */
async function ask(fetch, url, options = {}) {
  let response;
  try {
    response = await fetch(url, {credentials: 'same-origin', ...options});
  } catch {
    return {status: 0, body: {}};
  }
  try {
    const body = await response.json();
    return {status: response.status, body: body !== null && typeof body === 'object' ? body : {}};
  } catch {
    return {status: response.status, body: {}};
  }
}

function posted(infoHash) {
  return {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({info_hash: infoHash}),
  };
}

/** The error of a refused request. Whoever is not logged in is sent to the login, and comes back here. */
function refusal(status, body) {
  const {location} = globalThis;
  if (status === 401 && location) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
  }
  return new Error(body.error || (status === 0 ? '无法连接服务器' : `${FAILED}（${status}）`));
}

globalThis.calibrateAsync = calibrateAsync;
