// A clock that a test holds.

/** Timers that run when the test says so. */
export class Clock {
  now = 0;
  #last = 0;
  #timers = new Map();

  setTimeout = (callback, delay, ...more) => {
    this.#last += 1;
    this.#timers.set(this.#last, {at: this.now + delay, run: () => callback(...more)});
    return this.#last;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  get running() {
    return this.#timers.size;
  }

  /** Let time pass; whatever is due runs in its order, and what follows from it too. */
  async pass(ms) {
    const end = this.now + ms;
    await settled();
    for (let due = this.#due(end); due !== null; due = this.#due(end)) {
      const [id, timer] = due;
      this.#timers.delete(id);
      this.now = timer.at;
      timer.run();
      await settled();
    }
    this.now = end;
  }

  #due(end) {
    const due = [...this.#timers].filter(([, timer]) => timer.at <= end);
    return due.length === 0 ? null : due.reduce((first, other) => (other[1].at < first[1].at ? other : first));
  }
}

/** Whatever can go on without a timer has gone on. */
export async function settled() {
  for (let turns = 0; turns < 6; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
