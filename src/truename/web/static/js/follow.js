/** Reads again what a page shows as long as something waits and somebody can see it, and asks a slow server less often. */

const REST_TIMES = 4; // a page that takes long to come is asked for less often,
const REST_MS = 30_000; // but not because one answer was held up

export class Follower {
  #waits;
  #read;
  #interval;
  #connection;
  #following = false;

  /**
   * `waits`: whether there is something to follow. `read`: read it again; resolves with whether there was an answer.
   * `interval`: milliseconds to rest at least, by how often it was read before. `connection` hears what came of each.
   */
  constructor({waits, read, interval, connection}) {
    this.#waits = waits;
    this.#read = read;
    this.#interval = interval;
    this.#connection = connection;
  }

  /** Follow until nothing waits, or who follows is `leaving`; once, however often it is called. */
  async follow(leaving) {
    if (this.#following) {
      return;
    }
    this.#following = true;
    let took = 0;
    for (let times = 0; this.#waits() && !leaving.aborted; times += 1) {
      await pause(Math.max(this.#interval(times), Math.min(REST_TIMES * took, REST_MS)));
      await seen(leaving);
      if (!leaving.aborted) {
        took = await this.#readOnce(leaving);
      }
    }
    this.#following = false;
  }

  /** How long that took. */
  async #readOnce(leaving) {
    const begun = performance.now();
    const answered = await this.#read();
    if (!leaving.aborted) {
      this.#connection.polled(answered);
    }
    return performance.now() - begun;
  }
}

const pause = (ms) => new Promise((resolve) => {
  setTimeout(resolve, ms);
});

/** Wait, without a timer, until somebody can see the page or nobody needs it any more. */
async function seen(leaving) {
  while (document.hidden && !leaving.aborted) {
    await new Promise((resolve) => {
      const over = new AbortController();
      const once = {signal: over.signal};
      const look = () => {
        over.abort();
        resolve();
      };
      document.addEventListener('visibilitychange', look, once);
      leaving.addEventListener('abort', look, once);
    });
  }
}
