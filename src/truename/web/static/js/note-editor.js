/**
 * Saves the text of a note without leaving the page. What could not be saved stays in its field, with the reason, and
 * no page is left with an unsaved text by mistake.
 *
 * Tells who it stands in: `note-saved`, and `note-dropped` when the text is given up; both may be prevented, else it
 * goes where the form without script would lead.
 */

import {ask, posted, refusal, root} from './notes.js';
import {refusalOn, within} from './pages.js';
import {saidOf} from './telling.js';

const SAVE_MS = 90_000; // a long text over a slow line
const CONFIG_MS = 15_000;

class NoteEditor extends HTMLElement {
  #leaving = new AbortController();
  #given = null; // the text that is on its way with the form
  #left = false;

  connectedCallback() {
    this.#leaving = new AbortController();
    const {signal} = this.#leaving;
    this.addEventListener('submit', (event) => this.#submit(event), {signal});
    this.addEventListener('click', (event) => this.#cancel(event), {signal});
    this.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target === this.field) {
        this.#submitOnce(this.querySelector('form'));
      }
    }, {signal});
    globalThis.addEventListener('pageshow', (event) => {
      if (event.persisted) { // back again: what was given is here once more
        this.#given = null;
        this.#open();
      }
    }, {signal});
    for (const touching of ['pointerdown', 'keydown']) { // though it is on its way: perhaps that was stopped
      this.addEventListener(touching, (event) => {
        if (this.#given !== null && event.target === this.field) {
          this.#open();
        }
      }, {signal});
    }
    for (const leaving of ['beforeunload', 'sign-in']) {
      globalThis.addEventListener(leaving, (event) => {
        if (this.unsaved) {
          event.preventDefault();
        }
      }, {signal});
    }
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  get field() {
    return this.querySelector('textarea');
  }

  /** Whether there is a text that would be lost with this page. */
  get unsaved() {
    const changed = this.field !== null && this.field.value !== this.field.defaultValue;
    const given = this.#left || (this.#given !== null && this.field.value === this.#given);
    return !given && (changed || this.dataset.unsaved !== undefined);
  }

  /** A key that is held down, or pressed again, saves no second note. */
  #submitOnce(form) {
    if (!form.querySelector('button').disabled) {
      form.requestSubmit();
    }
  }

  async #submit(event) {
    event.stopPropagation();
    event.preventDefault();
    const form = event.target;
    this.#given = null;
    this.#open(false);
    this.#say('');
    const sent = 'version' in form.elements ? this.#send(form) : this.#give(form);
    await sent.catch(() => this.#say(this.dataset.lost));
    this.#open(this.#given === null && !this.#left);
  }

  /** What is typed while a text is on its way would be lost when it has arrived. */
  #open(open = true) {
    this.querySelector('button').disabled = !open;
    if (this.field !== null) {
      this.field.readOnly = !open;
    }
  }

  /** A new note has a page to come, so the browser sends it; but not to the sign-in, where the text would be gone. */
  async #give(form) {
    if (sizeOf(form) > Number(this.dataset.most ?? Infinity)) {
      await this.#giveLarge();
      return;
    }
    const signal = within(CONFIG_MS, this.#leaving.signal);
    const {status, body} = await ask(fetch, `${root}/api/config`, {signal});
    if (status === 200) {
      this.#given = this.field.value;
      form.submit();
    } else {
      this.#refused(status, body);
    }
  }

  /** As programs send it, in which a letter of three bytes takes three and not nine. */
  async #giveLarge() {
    const signal = within(SAVE_MS, this.#leaving.signal);
    const {status, body} = await ask(fetch, `${root}/api/notes`, {...posted({text: this.field.value}), signal});
    if (status === 201) {
      this.#left = true;
      location.assign(`${root}/notes/${body.id}`);
    } else {
      this.#refused(status, body);
    }
  }

  #refused(status, body) {
    if (status === 401) {
      this.#askToSignIn();
    } else {
      this.#say(saidOf(refusal(status, body), this.dataset));
    }
  }

  async #send(form) {
    const signal = within(SAVE_MS, this.#leaving.signal);
    const body = new URLSearchParams(new FormData(form));
    body.delete('after'); // the note alone is answer enough
    const answer = await fetch(form.action, {method: 'POST', body, headers: {Accept: 'text/html'}, signal});
    const arrived = new URL(answer.url).pathname;
    if (answer.redirected) {
      await answer.body?.cancel();
      if (arrived === `${root}/login`) {
        this.#askToSignIn();
      } else {
        this.#leave('note-saved');
      }
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const again = page.querySelector('note-editor');
    if (again === null) {
      this.#say(saidOf(refusalOn(page, answer.status), this.dataset));
    } else {
      this.#askAgain(document.importNode(again, true));
    }
  }

  /** The same editor with what is the matter, as the server has it. It still leads back to where this one does. */
  #askAgain(again) {
    again.dataset.back = this.dataset.back;
    again.querySelector('.editor-cancel').href = this.dataset.back;
    this.replaceWith(again);
    again.field?.focus({preventScroll: true});
    again.querySelector('[role="alert"]')?.scrollIntoView({block: 'nearest'});
  }

  #askToSignIn() {
    const link = document.createElement('a');
    link.href = `${root}/login`;
    link.target = '_blank';
    link.rel = 'noopener';
    link.textContent = this.dataset.signIn;
    this.#say(`${this.dataset.signedOut} `, link);
  }

  #cancel(event) {
    if (event.target.closest('.editor-cancel') && isPlain(event)) {
      event.preventDefault();
      this.#leave('note-dropped');
    }
  }

  #leave(how) {
    this.#left = true;
    if (this.dispatchEvent(new Event(how, {bubbles: true, cancelable: true}))) {
      location.assign(this.dataset.back);
    }
  }

  #say(...what) {
    this.querySelector('.editor-said').replaceChildren(...what);
  }
}

/** How many bytes a form takes on its way, in which every line ends with CR LF. */
function sizeOf(form) {
  const data = new FormData(form);
  data.set('text', data.get('text').replace(/\r?\n/g, '\r\n'));
  return new URLSearchParams(data).toString().length;
}

/** Whether a click wants what it points to here, and not in another tab. */
export const isPlain = (event) => event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

customElements.define('note-editor', NoteEditor);
