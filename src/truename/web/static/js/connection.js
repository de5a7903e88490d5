/**
 * Says on a page that follows what the server does that the server cannot be reached, and takes that back.
 *
 * Each part of a page that asks again and again has its own count of answers that did not come.
 */

const MISSED = 2; // one may be chance

const line = document.querySelector('#lost');

export class Connection {
  #missed = 0;

  answered() {
    this.#missed = 0;
    line.textContent = '';
  }

  /** What came of a poll. With an answer all parts of the page are told, by `reached`: what they said of the server is over. */
  polled(answered) {
    if (answered) {
      this.answered();
      globalThis.dispatchEvent(new Event('reached'));
      return;
    }
    this.#missed += 1;
    if (this.#missed === MISSED) {
      line.textContent = line.dataset.said;
    }
  }
}
