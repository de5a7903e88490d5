/** What a script asks for as the browser would without it: a form that is sent, a page that is read. Errors are as in notes.js. */

import {ask, refusal, signIn} from './notes.js';

/** What came of a form; see `ask`. */
export function sent(form, button = null) {
  const body = new URLSearchParams(new FormData(form, button));
  return ask(fetch, form.action, {method: 'POST', body, redirect: 'manual'});
}

/** Send a form whose answer leads elsewhere when it went well. Rejects otherwise. */
export async function post(form, button = null) {
  const {status, body, leads} = await sent(form, button);
  if (!leads) {
    throw refusal(status, body);
  }
}

const READ_MS = 30_000;

/** A signal that also ends a request that takes longer. */
export function within(ms, signal) {
  return AbortSignal.any ? AbortSignal.any([signal, AbortSignal.timeout(ms)]) : signal;
}

/**
 * A page; null when there is none any more (`gone` hears that), or it is left for the sign-in. Rejects when there is
 * trouble, and when nobody is signed in and something keeps the page (`signedOut`).
 */
export async function fetched(url, {signal, gone}) {
  const {answer, text} = await read(url, signal);
  if (answer.redirected) {
    if (signIn()) {
      return null;
    }
    throw Object.assign(refusal(0, {}), {kind: 'signedOut'});
  }
  if (answer.status === 404) {
    gone();
    return null;
  }
  const page = new DOMParser().parseFromString(text, 'text/html');
  if (!answer.ok) {
    throw refusalOn(page, answer.status);
  }
  return page;
}

/** What is wrong, by a page that should have been another. */
export function refusalOn(page, status) {
  return refusal(status, {error: page.querySelector('[role="alert"]')?.textContent});
}

async function read(url, signal) {
  try {
    const answer = await fetch(url, {headers: {Accept: 'text/html'}, signal: within(READ_MS, signal)});
    return {answer, text: await answer.text()};
  } catch {
    throw refusal(0, {});
  }
}
