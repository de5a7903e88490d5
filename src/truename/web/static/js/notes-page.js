/**
 * Makes a note of the page live: its buttons ask without leaving the page, and while something waits, the server's own
 * rendering of the note is read again and takes the place of what stands here. A text that is being edited is left alone.
 */

import {Connection} from './connection.js';
import {Follower} from './follow.js';
import {graft} from './graft.js';
import {localise} from './moments.js';
import {isPlain} from './note-editor.js';
import {calibrateAsync, calibrateNote, calibrateSync, refusal, signIn} from './notes.js';
import {fetched, post, sent} from './pages.js';
import {announce, saidOf, unsay} from './telling.js';

const OFTEN_MS = 1000;
const SELDOM_MS = 5000;
const OFTEN_TIMES = 60;
const AT_ONCE = 6; // so many notes that wait are asked for as often as one

class TruenameNote extends HTMLElement {
  #leaving = new AbortController();
  #connection = new Connection();
  #follower = new Follower({
    waits: () => this.#waits() && !this.#over,
    read: () => this.#read(),
    interval: (times) => (times < OFTEN_TIMES ? OFTEN_MS : SELDOM_MS) * Math.max(1, waitingNotes() / AT_ONCE),
    connection: this.#connection,
  });
  #stale = false; // what stands here could not be read again
  #turn = 0; // of readings that were begun
  #shown = 0; // the newest of those that have arrived
  #marked = []; // magnets that were asked for, each with what stood there before
  #over = false; // signed out, or deleted while something is being written: nothing more to follow

  connectedCallback() {
    this.#leaving = new AbortController();
    const {signal} = this.#leaving;
    this.addEventListener('submit', (event) => {
      event.preventDefault();
      if (isBusy(event.submitter)) {
        return;
      }
      const remove = event.target.closest('.note-delete') !== null;
      void (remove ? this.#delete(event.target) : this.#press(event.target, event.submitter));
    }, {signal});
    this.addEventListener('click', (event) => {
      const link = event.target.closest('.note-edit');
      if (link !== null && isPlain(event)) {
        event.preventDefault();
        void this.#edit(link);
      }
    }, {signal});
    this.addEventListener('keydown', (event) => {
      const open = event.key === 'Escape' && event.target.closest('.note-delete[open]');
      if (open) {
        open.open = false;
        open.querySelector('summary').focus();
      }
    }, {signal});
    globalThis.addEventListener('sign-in', () => (this.#over = true), {signal});
    globalThis.addEventListener('reached', () => unsay(this.#said, words.lost), {signal});
    this.addEventListener('note-saved', (event) => this.#edited(event, words.saved), {signal});
    this.addEventListener('note-dropped', (event) => this.#edited(event, ''), {signal});
    localise(this);
    if (this.#waits()) {
      void this.#follow();
    }
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  async #press(form, button) {
    this.#over = false;
    if (button?.name === 'send') {
      await this.#send(form, button);
      return;
    }
    const magnet = button?.closest('.magnet');
    const stop = button?.name === 'stop';
    const buttons = stop ? [] : magnet ? [button] : [...this.querySelectorAll('.note-magnets button')];
    const over = busy(buttons);
    this.#say('');
    try {
      await (stop ? this.#post(form, button) : magnet ? this.#askOne(magnet) : this.#askAll(form));
    } catch (error) {
      this.#say(saidOf(error, words));
    }
    over();
    await this.#read();
    if (stop) {
      magnet.querySelector('.magnet-ask').focus({preventScroll: true});
    } else {
      unsay(this.#said, magnet?.querySelector('.magnet-why')?.textContent); // it stands there now
    }
    if (this.#waits()) {
      void this.#follow();
    }
  }

  /** Give a magnet to another program; the server says what came of it. */
  async #send(form, button) {
    const over = busy([button]);
    this.#say('');
    const {status, body, leads} = await sent(form, button);
    if (leads) {
      signIn();
    } else {
      this.#say(body.said ?? saidOf(refusal(status, body), words));
    }
    over();
  }

  async #askOne(magnet) {
    const told = (status) => this.#mark(magnet, status);
    const heard = (answered) => this.#connection.polled(answered);
    const ask = this.dataset.mode === 'sync' ? calibrateSync : calibrateAsync;
    await this.#asking([magnet], () => ask(magnet.dataset.magnet, globalThis, {told, heard}));
  }

  async #askAll(form) {
    await this.#asking([...this.querySelectorAll('.magnet')], async () => {
      if (this.dataset.mode === 'sync') {
        const {results} = await calibrateNote(this.dataset.note);
        this.#say(results.find(({code}) => code === 'too_many')?.error ?? '');
      } else {
        await this.#post(form);
      }
    });
  }

  /** They wait from now on; but when nobody knows whether they do, they stand as they were. */
  async #asking(magnets, ask) {
    this.#marked = magnets.map((magnet) => [magnet, magnet.cloneNode(true)]);
    magnets.forEach((magnet) => this.#mark(magnet, 'pending'));
    try {
      await ask();
    } catch (error) {
      if (['lost', 'unreadable'].includes(error.kind)) {
        this.#unmark();
      }
      throw error;
    }
  }

  #unmark() {
    this.#marked.forEach(([magnet, before]) => this.#showMagnet(magnet, before));
    this.#marked = [];
  }

  /** A note that was deleted elsewhere meanwhile is no trouble; the next reading tells. */
  async #post(form, button) {
    await post(form, button).catch((error) => {
      if (error.status !== 404) {
        throw error;
      }
    });
  }

  /** What became of it is read from the server: a session that had ended deletes nothing. */
  async #delete(form) {
    this.#over = false;
    const over = busy([form.querySelector('button')]);
    try {
      await this.#post(form);
    } catch (error) {
      this.#say(saidOf(error, words));
    }
    over();
    await this.#read();
  }

  async #edit(link) {
    if (this.#editor !== null) {
      this.#editor.field?.focus();
      return;
    }
    if (isBusy(link)) {
      return;
    }
    const over = busy([link]);
    this.#say('');
    const page = await this.#fetched(link.href).catch((error) => this.#say(saidOf(error, words)));
    over();
    const editor = page?.querySelector('note-editor');
    if (editor && this.#editor === null) {
      this.querySelector('.note-text').before(document.importNode(editor, true));
      this.classList.add('editing');
      this.#editor.field?.focus({preventScroll: true});
    }
  }

  get #editor() {
    return this.querySelector('note-editor');
  }

  async #edited(event, text) {
    event.preventDefault();
    this.#over = false;
    await this.#read();
    if (text !== '') {
      announce(news, [text]);
    }
    this.#editor?.remove();
    this.classList.remove('editing');
    this.querySelector('.note-edit').focus({preventScroll: true});
    if (this.#waits()) {
      void this.#follow();
    }
  }

  #mark(magnet, status) {
    const word = words[status];
    if (word !== undefined && magnet.dataset.state !== status) {
      magnet.dataset.state = status;
      magnet.querySelector('.magnet-state').textContent = word;
      magnet.querySelectorAll('.magnet-why, .magnet-watch').forEach((one) => one.remove());
    }
  }

  get #said() {
    return this.querySelector('.note-said');
  }

  #say(text) {
    this.#said.textContent = text;
  }

  #waits() {
    return this.#stale || this.dataset.waiting !== '0' || this.querySelector('[data-state="pending"], [data-state="running"]') !== null;
  }

  /** Whether there was an answer. */
  async #read() {
    this.#turn += 1;
    const turn = this.#turn;
    let page = null;
    try {
      page = this.#over ? null : await this.#fetched(this.dataset.page);
    } catch (error) {
      if (error.kind === 'signedOut') { // and what is being written keeps the page
        this.#unmark();
        this.#say(saidOf(error, words));
        return true;
      }
      this.#stale = true;
      return false;
    }
    if (turn < this.#shown) {
      return true;
    }
    this.#shown = turn;
    this.#stale = false;
    this.#connection.answered();
    const fresh = page?.getElementById(this.id);
    if (fresh && !this.#leaving.signal.aborted) {
      this.#show(document.importNode(fresh, true));
    }
    return true;
  }

  #fetched(url) {
    return fetched(url, {signal: this.#leaving.signal, gone: () => this.#gone()});
  }

  /** Follow as long as something waits; often at first. */
  #follow() {
    return this.#follower.follow(this.#leaving.signal);
  }

  /** The note was deleted, here or elsewhere. What is being written in it can still be saved as a new one. */
  #gone() {
    if (this.#editor?.unsaved) {
      this.#over = true;
      return;
    }
    const next = this.nextElementSibling ?? this.previousElementSibling;
    announce(news, [words.deleted]);
    this.remove();
    if (next?.matches('truename-note')) {
      next.querySelector('.note-when a').focus({preventScroll: true});
    } else if (document.querySelector('truename-note') === null) {
      location.assign(document.querySelector('.bar-name').href);
    }
  }

  /** Only what differs is put in, so that focus, selection and open folds stay as they are. */
  #show(fresh) {
    localise(fresh);
    this.dataset.waiting = fresh.dataset.waiting;
    this.#swapIn('.note-text', ['.note-first', '.note-rest', '.fold > summary', '.fold > a'], fresh);
    const before = [...this.querySelectorAll('.magnet')];
    const now = [...fresh.querySelectorAll('.magnet')];
    const besides = (note) => [...note.querySelectorAll('.note-magnets :is(.unread, .hint)')]
      .map(({textContent}) => textContent).join();
    if (now.map(hashOf).join() !== before.map(hashOf).join() || besides(fresh) !== besides(this)) {
      swap('.note-magnets', this, fresh);
      return;
    }
    swap('.note-count', this, fresh);
    const told = now.map((magnet, index) => this.#showMagnet(before[index], magnet)).filter(({text}) => text !== '');
    announce(news, told.filter(({named}) => named).map(({text}) => text), words.arrived);
    announce(news, told.filter(({named}) => !named).map(({text}) => text), words.ended);
    this.#marked = [];
  }

  /** What there is to tell of a magnet: its name, if it has just come, or that there is none to come. */
  #showMagnet(old, magnet) {
    const [before, now] = [old.dataset.state, magnet.dataset.state];
    const named = !isNamed(before) && isNamed(now);
    const ended = isActive(before) && !isActive(now) && !isNamed(now);
    old.dataset.state = magnet.dataset.state;
    old.dataset.magnet = magnet.dataset.magnet;
    graft(old.querySelector('.magnet-names'), magnet.querySelector('.magnet-names'));
    swap('.magnet-state', old, magnet);
    old.querySelector('.magnet-ask').textContent = magnet.querySelector('.magnet-ask').textContent;
    const [state, name] = ['.magnet-state', '.magnet-name'].map((part) => old.querySelector(part).textContent);
    return {named, text: named || ended ? `${state}: ${name}` : ''};
  }

  /** The parts one by one when both have the same ones, else all of it. */
  #swapIn(selector, parts, fresh) {
    const [here, there] = [this, fresh].map((one) => one.querySelector(selector));
    if (parts.every((part) => (here.querySelector(part) === null) === (there.querySelector(part) === null))) {
      parts.forEach((part) => swap(part, here, there));
    } else {
      here.replaceWith(there);
    }
  }
}

const news = document.querySelector('#news');
const words = news.dataset;

const isNamed = (state) => ['completed', 'known'].includes(state);

const isActive = (state) => ['pending', 'running'].includes(state);

const waitingNotes = () => document.querySelectorAll('truename-note:not([data-waiting="0"])').length;

const hashOf = (magnet) => magnet.dataset.hash;

/** Buttons whose press is being dealt with, and what ends that. A browser takes the focus from one that it disables. */
function busy(buttons) {
  buttons.forEach((one) => one.setAttribute('aria-disabled', 'true'));
  return () => buttons.forEach((one) => one.removeAttribute('aria-disabled'));
}

const isBusy = (button) => button?.getAttribute('aria-disabled') === 'true';

function swap(selector, here, fresh) {
  const old = here.querySelector(selector);
  const now = fresh.querySelector(selector);
  if (old !== null && now !== null && !old.isEqualNode(now)) {
    old.replaceWith(now);
  }
}

customElements.define('truename-note', TruenameNote);
