/** The buttons of the notes page. Names and errors are strangers' words: they only ever become text. */

import {calibrate} from './notes.js';

document.addEventListener('click', (event) => {
  const button = event.target.closest('.magnet .calibrate');
  if (button) {
    void press(button, button.closest('.magnet'));
  }
});

async function press(button, magnet) {
  const state = magnet.querySelector('.state');
  button.disabled = true;
  magnet.classList.remove('named', 'unnamed');
  state.textContent = '校准中…';
  try {
    const name = await calibrate(magnet.dataset.infoHash);
    magnet.querySelector('.name').textContent = visible(name);
    magnet.classList.add('named');
    state.textContent = '已校准';
  } catch (error) {
    magnet.classList.add('unnamed');
    state.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

/** A name in which nothing can hide: control, bidirectional and zero-width characters are shown as marks. */
function visible(name) {
  return name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0);
    return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}
