/**
 * Makes the lists of tasks live: buttons work without leaving the page, and as long as something is active the server's
 * own rendering of what is active here is read again and takes the place of what stands here. Rows keep their places.
 */

import {Connection} from './connection.js';
import {Follower} from './follow.js';
import {graft} from './graft.js';
import {localise} from './moments.js';
import {fetched, post} from './pages.js';
import {announce, saidOf, unsay} from './telling.js';

const MOST_AT_ONCE = 50; // as many as the server takes

class TruenameTasks extends HTMLElement {
  #leaving = new AbortController();
  #connection = new Connection();
  #follower = new Follower({
    waits: () => this.#waits() && !this.#over,
    read: () => this.#read(this.#active().slice(0, MOST_AT_ONCE)),
    interval: () => Number(this.dataset.interval),
    connection: this.#connection,
  });
  #over = false; // signed out: nothing more to follow
  #reading = Promise.resolve(true); // one after the other
  #busy = new WeakSet();

  connectedCallback() {
    this.#leaving = new AbortController();
    const {signal} = this.#leaving;
    this.addEventListener('submit', (event) => {
      if (!event.target.matches('.ask-unnamed, .tasks-do form')) { // which lead to another page
        event.preventDefault();
        void this.#press(event.target, event.submitter);
      }
    }, {signal});
    this.addEventListener('keydown', (event) => {
      const open = event.key === 'Escape' && event.target.closest('.sure[open]');
      if (open) {
        open.open = false;
        open.querySelector('summary').focus();
      }
    }, {signal});
    globalThis.addEventListener('sign-in', () => (this.#over = true), {signal});
    globalThis.addEventListener('reached', () => unsay(this.#said, this.dataset.lost), {signal});
    localise(this);
    void this.#follow();
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  async #press(form, button) {
    if (this.#busy.has(form)) {
      return;
    }
    this.#busy.add(form);
    this.#over = false;
    this.#say('');
    const row = form.closest('.task');
    try {
      await post(form, button);
    } catch (error) {
      this.#say(saidOf(error, this.dataset));
    }
    this.#busy.delete(form);
    await this.#read(row ? [...new Set([row, ...this.#active()])].slice(0, MOST_AT_ONCE) : null);
    if (row && button.name === 'retry' && 'first' in this.dataset) {
      await this.#read(null);
    }
    void this.#follow();
  }

  get #said() {
    return this.querySelector('.tasks-said');
  }

  #say(text) {
    this.#said.textContent = text;
  }

  #active() {
    return [...this.querySelectorAll('.task[data-active]')];
  }

  #waits() {
    return this.dataset.active !== '0' || this.#active().length > 0;
  }

  #follow() {
    return this.#follower.follow(this.#leaving.signal);
  }

  /** Read some rows again, and all that is told of the whole; without rows, the page. Whether there was an answer. */
  #read(rows) {
    this.#reading = this.#reading.then(async () => {
      const url = new URL(this.dataset.page, location.href);
      if (rows !== null) {
        url.searchParams.set('of', rows.map(({id}) => id.replace('task-', '')).join());
      }
      const {signal} = this.#leaving;
      let page = null;
      try {
        page = this.#over ? null : await fetched(url, {signal, gone: () => this.#gone()});
      } catch {
        return false;
      }
      this.#connection.answered();
      const fresh = page?.querySelector('truename-tasks');
      if (fresh && !signal.aborted) {
        this.#show(document.importNode(fresh, true), rows);
      }
      return true;
    });
    return this.#reading;
  }

  /** The batch is forgotten. */
  #gone() {
    this.dataset.active = '0';
    this.#active().forEach((row) => delete row.dataset.active);
  }

  /** Only what differs is put in, so that focus, selection and open folds stay as they are. */
  #show(fresh, asked) {
    localise(fresh);
    this.dataset.active = fresh.dataset.active;
    for (const part of ['.tasks-filter', '.tasks-do', '.batches', '.batch-progress', '.batch-do']) {
      graft(this.querySelector(part), fresh.querySelector(part));
    }
    const list = this.querySelector('.task-list');
    const rows = [...fresh.querySelectorAll('.task')];
    const ended = rows.map((row) => this.#showRow(row)).filter((text) => text !== '');
    const gone = asked?.filter(({id}) => !rows.some((row) => row.id === id)) ?? [];
    gone.forEach((row) => delete row.dataset.active); // forgotten, and so is what became of it
    if (asked === null && list !== null) {
      this.#putIn(list, rows);
    }
    announce(this.querySelector('.tasks-news'), ended, this.dataset.many);
  }

  /** What there is to tell of a row: how it has ended, if it has just done so. */
  #showRow(fresh) {
    const row = document.getElementById(fresh.id);
    if (row === null) {
      return '';
    }
    const ended = fresh.querySelector('[name="cancel"]') === null && row.querySelector('[name="cancel"]') !== null;
    const focused = row.querySelector('.task-do').contains(document.activeElement) ? document.activeElement.name : null;
    row.dataset.state = fresh.dataset.state;
    row.toggleAttribute('data-active', 'active' in fresh.dataset);
    for (const part of ['.task-what', '.task-state', '.task-do']) {
      graft(row.querySelector(part), fresh.querySelector(part));
    }
    if (focused !== null && !row.contains(document.activeElement)) { // never on something that one did not mean
      const same = row.querySelector(`.task-do [name="${focused}"]:enabled`);
      (same ?? row.querySelector('.task-do [name="retry"]:enabled') ?? row).focus({preventScroll: true});
    }
    return ended ? `${row.querySelector('.task-state').textContent}: ${row.querySelector('.task-what > *').textContent}` : '';
  }

  /** New rows come in where the page has them; of a batch the rows are those of the page. */
  #putIn(list, rows) {
    let before = null;
    for (const row of [...rows].reverse()) {
      const here = document.getElementById(row.id);
      if (here === null) {
        list.insertBefore(row, before);
      }
      before = here ?? row;
    }
    if (!('first' in this.dataset)) {
      const ids = new Set(rows.map(({id}) => id));
      [...list.children].filter(({id}) => !ids.has(id)).forEach((row) => row.remove());
    }
  }
}

customElements.define('truename-tasks', TruenameTasks);
