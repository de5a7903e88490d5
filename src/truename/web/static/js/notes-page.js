/**
 * Makes a note of the page live: its buttons ask without leaving the page, and while something waits, the server's own
 * rendering of the note is read again and takes the place of what stands here.
 */

import {calibrateAsync, calibrateNote, calibrateSync, root, signIn} from './notes.js';

const OFTEN_MS = 1000;
const SELDOM_MS = 5000;
const OFTEN_TIMES = 60;

class TruenameNote extends HTMLElement {
  #leaving = new AbortController();
  #following = false;

  connectedCallback() {
    this.#leaving = new AbortController();
    const {signal} = this.#leaving;
    this.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#press(event.target, event.submitter);
    }, {signal});
    for (const time of this.querySelectorAll('time')) {
      time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {dateStyle: 'medium', timeStyle: 'short'});
    }
    if (this.#waits()) {
      this.#follow();
    }
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  async #press(form, button) {
    const magnet = button?.closest('.magnet');
    const buttons = magnet ? [button] : [...this.querySelectorAll('button')];
    buttons.forEach((one) => (one.disabled = true));
    this.#say('');
    try {
      await (magnet ? this.#askOne(magnet) : this.#askAll(form));
    } catch (error) {
      this.#say(error.message);
    }
    buttons.forEach((one) => (one.disabled = false));
    await this.#read();
    if (magnet?.querySelector('.magnet-why')) {
      this.#say(''); // it stands there now
    }
    if (this.#waits()) {
      this.#follow();
    }
  }

  async #askOne(magnet) {
    const told = (status) => this.#mark(magnet, status);
    told('pending');
    const ask = this.dataset.mode === 'sync' ? calibrateSync : calibrateAsync;
    await ask(magnet.dataset.magnet, globalThis, {told}).catch((error) => {
      if (error.message !== '轮询超时') {
        throw error;
      }
    });
  }

  async #askAll(form) {
    this.querySelectorAll('.magnet').forEach((magnet) => this.#mark(magnet, 'pending'));
    if (this.dataset.mode === 'sync') {
      await calibrateNote(this.dataset.note);
      return;
    }
    const answer = await fetch(form.action, {
      method: 'POST',
      body: new URLSearchParams(new FormData(form)),
      redirect: 'manual',
      headers: {Accept: 'application/json'},
    }).catch(() => null);
    if (answer?.type !== 'opaqueredirect') {
      const body = await answer?.json().catch(() => ({}));
      throw new Error(body?.error ?? this.dataset.lost);
    }
  }

  #mark(magnet, status) {
    const word = this.dataset[status];
    if (word !== undefined && magnet.dataset.state !== status) {
      magnet.dataset.state = status;
      magnet.querySelector('.magnet-state').textContent = word;
      magnet.querySelector('.magnet-why')?.remove();
    }
  }

  #say(text) {
    const said = this.querySelector('.note-said');
    if (said !== null) {
      said.textContent = text;
    }
  }

  #waits() {
    return this.querySelector('[data-state="pending"], [data-state="running"]') !== null;
  }

  /** Read again as long as something waits; often at first. */
  async #follow() {
    if (this.#following) {
      return;
    }
    this.#following = true;
    const {signal} = this.#leaving;
    for (let times = 0; this.#waits() && !signal.aborted; times += 1) {
      await pause(times < OFTEN_TIMES ? OFTEN_MS : SELDOM_MS);
      if (!signal.aborted && !document.hidden) {
        await this.#read();
      }
    }
    this.#following = false;
  }

  async #read() {
    const {signal} = this.#leaving;
    const url = `${root}/notes/${this.dataset.note}`;
    const answer = await fetch(url, {headers: {Accept: 'text/html'}, signal}).catch(() => null);
    if (answer?.redirected) {
      this.#leaving.abort();
      signIn();
    } else if (answer?.status === 404) {
      this.remove();
    } else if (answer?.ok) {
      const page = await answer.text().catch(() => '');
      const fresh = new DOMParser().parseFromString(page, 'text/html').getElementById(this.id);
      if (fresh !== null && !signal.aborted) {
        this.#show(document.importNode(fresh, true));
      }
    }
  }

  /** Only what differs is put in, so that focus and selection stay where they are. */
  #show(fresh) {
    this.#swap('.note-text', this, fresh);
    const now = [...fresh.querySelectorAll('.magnet')];
    const before = [...this.querySelectorAll('.magnet')];
    if (now.map(hashOf).join() !== before.map(hashOf).join()) {
      this.#swap('form, .hint', this, fresh);
      return;
    }
    now.forEach((magnet, index) => {
      const old = before[index];
      const arrived = magnet.dataset.state === 'completed' && old.dataset.state !== 'completed';
      old.dataset.state = magnet.dataset.state;
      this.#swap('.magnet-names', old, magnet);
      this.#swap('.magnet-state', old, magnet);
      if (arrived) {
        announce(`${old.querySelector('.magnet-state').textContent}: ${old.querySelector('.magnet-name').textContent}`);
      }
    });
  }

  #swap(selector, here, fresh) {
    const old = here.querySelector(selector);
    const now = fresh.querySelector(selector);
    if (old !== null && now !== null && !old.isEqualNode(now)) {
      old.replaceWith(now);
    }
  }
}

const hashOf = (magnet) => magnet.dataset.hash;

const pause = (ms) => new Promise((resolve) => {
  setTimeout(resolve, ms);
});

/** Names that arrive are told to those who listen to the page. */
function announce(text) {
  const line = document.createElement('p');
  line.textContent = text;
  document.querySelector('#news')?.append(line);
}

customElements.define('truename-note', TruenameNote);
