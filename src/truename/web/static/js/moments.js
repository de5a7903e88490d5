/** Moments as people here write them: a page without script has them in UTC. */
export function localise(tree) {
  for (const time of tree.querySelectorAll('time')) {
    const style = 'precise' in time.dataset ? {timeStyle: 'medium'} : {dateStyle: 'medium', timeStyle: 'short'};
    time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, style);
  }
}
