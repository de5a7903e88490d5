/** Makes a note of the page live: its buttons ask for names, and the text is read again when one has come. */

import {calibrateAsync, calibrateSync} from './notes.js';

class TruenameNote extends HTMLElement {
  #leaving = new AbortController();

  connectedCallback() {
    const {signal} = this.#leaving;
    for (const magnet of this.querySelectorAll('.magnet')) {
      const button = magnet.querySelector('.magnet-ask');
      button.hidden = this.dataset.mode === 'off';
      button.addEventListener('click', () => this.#name([magnet]), {signal});
    }
    this.querySelector('.note-ask')?.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#name([...this.querySelectorAll('.magnet')]);
    }, {signal});
    const waiting = [...this.querySelectorAll('.magnet')].filter((magnet) =>
      ['pending', 'running'].includes(magnet.querySelector('.magnet-state').dataset.state));
    if (waiting.length > 0 && this.dataset.mode !== 'off') {
      this.#name(waiting);
    }
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  async #name(magnets) {
    await Promise.all(magnets.map((magnet) => this.#ask(magnet)));
    await this.#readAgain();
  }

  async #ask(magnet) {
    const state = magnet.querySelector('.magnet-state');
    const button = magnet.querySelector('.magnet-ask');
    const words = {pending: this.dataset.waiting, running: this.dataset.running};
    const told = (status) => {
      state.dataset.state = status;
      state.textContent = words[status] ?? state.textContent;
    };
    button.disabled = true;
    told('pending');
    try {
      const ask = this.dataset.mode === 'sync' ? calibrateSync : calibrateAsync;
      const name = await ask(magnet.dataset.hash, globalThis, {root: this.dataset.root, told});
      state.dataset.state = 'completed';
      state.textContent = this.dataset.named;
      document.querySelector('#news').textContent = `${this.dataset.named} ${name}`;
    } catch (error) {
      state.dataset.state = 'failed';
      state.textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }

  /** The server's own rendering of this note takes the place of what stands here. */
  async #readAgain() {
    const answer = await fetch(location.href, {credentials: 'same-origin', headers: {Accept: 'text/html'}});
    if (!answer.ok) {
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.getElementById(this.id);
    if (fresh === null) {
      return;
    }
    this.querySelector('.note-text').textContent = fresh.querySelector('.note-text').textContent;
    for (const magnet of this.querySelectorAll('.magnet')) {
      const now = fresh.querySelector(`.magnet[data-hash="${magnet.dataset.hash}"] .magnet-name`);
      if (now !== null) {
        magnet.querySelector('.magnet-name').replaceWith(document.importNode(now, true));
      }
    }
  }
}

customElements.define('truename-note', TruenameNote);
