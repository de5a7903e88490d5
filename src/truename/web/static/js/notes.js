/**
 * Asking for names from a page: hand a hash over and poll, or wait for the synchronous route.
 *
 * Touches no document. What it needs of the browser are its arguments, so that Node can run it.
 *
 * Errors have a `kind`: `refused`, their message is the server's own words; `lost`, there was no answer; `unreadable`, what
 * answered with `status` did not speak as this server does; `late`, a minute was not enough, the task goes on.
 */

const INTERVAL_MS = 1000;
const LIMIT_MS = 60000;
const ACTIVE = ['pending', 'running'];
const ENDED = ['failed', 'timeout', 'cancelled'];
// For those who have no words of their own; pages have, and tell errors apart by their kinds.
const LATE = '轮询超时';
const LOST = '无法连接服务器';
const UNREADABLE = '服务器的回答无法理解';

/** The path under which the application is: this file lies at static/js/notes.js there. */
export const root = import.meta.url.startsWith('http') ? new URL('../..', import.meta.url).pathname.slice(0, -1) : '';

/**
 * The name of an info-hash, or of a magnet with its trackers, by a task that is polled: each poll a second after the
 * answer to the last.
 *
 * Rejects with the server's words: at once when the task is refused; when it ended without a name; when it is unknown
 * twice in a row; and with 轮询超时 after a minute, though the task goes on (`lost` when not even that was answered). A poll
 * that gets lost, or an answer that cannot be read, is asked for again. No timer outlives the promise. `told` hears each
 * status on the way, `heard` after each poll whether there was an answer.
 */
export function calibrateAsync(
  infoHash,
  {fetch, setTimeout, clearTimeout} = globalThis,
  {told = () => {}, heard = () => {}} = {},
) {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const {signal} = over;
    let next;
    let taken = false;
    let unknown = 0;

    function settle(how, what) {
      clearTimeout(next);
      clearTimeout(limit);
      over.abort();
      how(what);
    }

    async function submit() {
      const {status, body} = await ask(fetch, `${root}/api/calibrate/async`, {...posted({info_hash: infoHash}), signal});
      if (signal.aborted) {
        return;
      }
      if (status !== 200 || typeof body.task_id !== 'string') {
        settle(reject, refusal(status, body));
        return;
      }
      taken = true;
      if (ACTIVE.includes(body.status) || body.status === 'completed') {
        told(body.status);
      }
      if (body.status === 'completed') {
        await poll(body.task_id);
      } else {
        next = setTimeout(poll, INTERVAL_MS, body.task_id);
      }
    }

    async function poll(taskId) {
      const {status, body} = await ask(fetch, `${root}/api/calibrate/status/${encodeURIComponent(taskId)}`, {signal});
      if (signal.aborted) {
        return;
      }
      heard(status !== 0);
      unknown = status === 404 ? unknown + 1 : 0;
      if (unknown === 2 || isFinalRefusal(status)) {
        settle(reject, refusal(status, body));
      } else if (status === 200 && isNamed(body)) {
        told(body.status);
        settle(resolve, body.result);
      } else if (status === 200 && ENDED.includes(body.status)) {
        told(body.status);
        settle(reject, trouble('refused', typeof body.error === 'string' ? body.error : body.status, status));
      } else {
        if (status === 200 && ACTIVE.includes(body.status)) {
          told(body.status);
        }
        next = setTimeout(poll, INTERVAL_MS, taskId);
      }
    }

    const limit = setTimeout(() => settle(reject, trouble(taken ? 'late' : 'lost', LATE)), LIMIT_MS);
    submit();
  });
}

/** Whether an answer tells that a task has its name, and the name. */
function isNamed(body) {
  return body.status === 'completed' && typeof body.result === 'string';
}

/** The name of an info-hash, by the route that answers when the task has ended, or after a minute. */
export async function calibrateSync(infoHash, {fetch} = globalThis) {
  const {status, body} = await ask(fetch, `${root}/api/calibrate`, posted({info_hash: infoHash}));
  if (status === 200 && isNamed(body)) {
    return body.result;
  }
  throw status === 200 && ACTIVE.includes(body.status) ? trouble('late', LATE, status) : refusal(status, body);
}

/** What came of all magnets of a note, by the synchronous route. */
export async function calibrateNote(noteId, {fetch} = globalThis) {
  const {status, body} = await ask(fetch, `${root}/api/calibrate/${noteId}`, posted({}));
  if (status !== 200 || !Array.isArray(body.results)) {
    throw refusal(status, body);
  }
  return body;
}

/** Whoever is not signed in goes to the sign-in, and comes back here; unless a page prevents `sign-in`, for a text is unsaved. */
export function signIn({location} = globalThis) {
  const mayLeave = globalThis.dispatchEvent?.(new Event('sign-in', {cancelable: true})) ?? true;
  if (location && mayLeave) {
    const here = location.pathname.slice(root.length) + (location.search ?? '');
    location.assign(`${root}/login?next=${encodeURIComponent(here)}`);
  }
  return mayLeave;
}

/**
 * Status and JSON object of an answer, and whether it `leads` elsewhere (which is seen with `redirect: 'manual'` alone, and
 * has no status); status 0 when there was none, an empty body when it is no JSON object.
 */
export async function ask(fetch, url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, {credentials: 'same-origin', ...options, headers: {Accept: 'application/json', ...options.headers}});
  } catch {
    return {status: 0, body: {}, leads: false};
  }
  const {status, type} = answer;
  const leads = type === 'opaqueredirect';
  try {
    const body = await answer.json();
    return {status, body: body !== null && typeof body === 'object' ? body : {}, leads};
  } catch {
    return {status, body: {}, leads};
  }
}

/** The options of a request that posts JSON. */
export function posted(body) {
  return {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)};
}

/** Asking again does not help then. A 404 may be a server that is just starting, and 429 says itself to try again. */
function isFinalRefusal(status) {
  return status >= 400 && status < 500 && status !== 404 && status !== 408 && status !== 429;
}

/** What is wrong with an answer that is not the one that was hoped for. */
export function refusal(status, body) {
  if (status === 401) {
    signIn();
  }
  if (status === 0) {
    return trouble('lost', LOST);
  }
  if (typeof body.error === 'string') {
    return trouble('refused', body.error, status);
  }
  return trouble('unreadable', `${UNREADABLE}（${status}）`, status);
}

/** `status`: that of the answer, 0 when there was none. */
function trouble(kind, message, status = 0) {
  return Object.assign(new Error(message), {kind, status});
}

globalThis.calibrateAsync = calibrateAsync;
