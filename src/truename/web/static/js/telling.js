/** What a page that goes on living tells: what went wrong, what has come. Asks for nothing. */

const MAX_NEWS = 3;

/**
 * An error as the page says it: in the page's `words` (`lost`, `unreadable`) or in those of the server. Nothing when a task
 * just goes on, for it is seen where it stands.
 */
export function saidOf({kind, status, message}, words) {
  switch (kind) {
    case 'lost':
      return words.lost;
    case 'unreadable':
      return words.unreadable.replace('{status}', status);
    case 'signedOut':
      return words.signedOut;
    case 'late':
      return '';
    default:
      return message;
  }
}

/** Take back what is said in a place, if it is this. */
export function unsay(place, text) {
  if (place.textContent === text) {
    place.textContent = '';
  }
}

/** Tell what happens to those who listen to the page; what is too much at once in one sentence, `many`. */
export function announce(news, texts, many) {
  for (const text of texts.length > MAX_NEWS ? [many.replace('{count}', texts.length)] : texts) {
    const line = document.createElement('p');
    line.textContent = text;
    news.append(line);
  }
  while (news.childElementCount > MAX_NEWS) {
    news.firstElementChild.remove();
  }
}
