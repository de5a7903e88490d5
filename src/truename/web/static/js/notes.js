/**
 * Asking for names from a page: hand a hash over and poll, or wait for the synchronous route.
 *
 * Touches no document. What it needs of the browser are its arguments, so that Node can run it.
 */

const INTERVAL_MS = 1000;
const LIMIT_MS = 60000;
const ENDED = new Set(['failed', 'timeout', 'cancelled']);

/**
 * The name of an info-hash, by a task that is polled once a second, the next poll only after the last answer.
 *
 * Rejects with the server's words: at once when the task is refused, when it ended without a name, and when it is unknown
 * twice in a row; with 轮询超时 after a minute. No timer outlives the promise. `told` hears each status on the way.
 */
export async function calibrateAsync(infoHash, {fetch, setTimeout, clearTimeout} = globalThis, {root = '', told} = {}) {
  const leaving = new AbortController();
  let over;
  const tooLate = new Promise((_, reject) => {
    over = setTimeout(() => reject(new Error('轮询超时')), LIMIT_MS);
  });
  tooLate.catch(() => {});
  let pause;
  const rest = () => new Promise((resolve) => {
    pause = setTimeout(resolve, INTERVAL_MS);
  });
  try {
    return await Promise.race([tooLate, follow()]);
  } finally {
    clearTimeout(over);
    clearTimeout(pause);
    leaving.abort();
  }

  async function follow() {
    const {task_id: taskId, status: first} = await accepted(await post(fetch, `${root}/api/calibrate/async`, infoHash, leaving.signal), root);
    told?.(first);
    for (let unknown = 0; ;) {
      if (first !== 'completed') {
        await rest();
      }
      const answer = await get(fetch, `${root}/api/calibrate/status/${encodeURIComponent(taskId)}`, leaving.signal);
      unknown = answer?.status === 404 ? unknown + 1 : 0;
      if (answer === null || answer.status >= 500 || answer.status === 429 || unknown === 1) {
        await (first === 'completed' ? rest() : null);
        continue;
      }
      const body = await accepted(answer, root);
      told?.(body.status);
      if (body.status === 'completed') {
        return body.result;
      }
      if (ENDED.has(body.status)) {
        throw new Error(body.error);
      }
    }
  }
}

/** The name of an info-hash, by the route that answers when the task has ended. */
export async function calibrateSync(infoHash, {fetch} = globalThis, {root = ''} = {}) {
  const body = await accepted(await post(fetch, `${root}/api/calibrate`, infoHash), root);
  if (body.status !== 'completed') {
    throw new Error(body.error ?? '轮询超时');
  }
  return body.result;
}

function post(fetch, url, infoHash, signal) {
  return fetch(url, {
    method: 'POST',
    headers: {'Content-Type': 'application/json', Accept: 'application/json'},
    credentials: 'same-origin',
    body: JSON.stringify({info_hash: infoHash}),
    signal,
  });
}

/** The answer, or null when there was none: a poll that gets lost is not the end. */
async function get(fetch, url, signal) {
  try {
    return await fetch(url, {headers: {Accept: 'application/json'}, credentials: 'same-origin', signal});
  } catch {
    return null;
  }
}

/** The body of an answer that is good; otherwise an error in the server's words. 401 leads to the sign-in. */
async function accepted(answer, root) {
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) {
    const {location} = globalThis;
    location?.assign(`${root}/login?next=${encodeURIComponent(location.pathname)}`);
  }
  if (!answer.ok) {
    throw new Error(body.error ?? `HTTP ${answer.status}`);
  }
  return body;
}

globalThis.calibrateAsync = calibrateAsync;
