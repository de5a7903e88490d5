/** Brings what the server says now into what stands on the page. Asks for nothing. */

/** Make one tree say what the other says, with as few new nodes as that takes. */
export function graft(old, now) {
  if (old === null || now === null || old.isEqualNode(now)) {
    return;
  }
  if (old.nodeName !== now.nodeName || old.childNodes.length !== now.childNodes.length) {
    old.replaceWith(now);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    old.data = now.data;
    return;
  }
  for (const name of new Set([...old.getAttributeNames(), ...now.getAttributeNames()])) {
    if (name === 'open') { // a fold is the reader's business
      continue;
    }
    if (now.hasAttribute(name)) {
      old.setAttribute(name, now.getAttribute(name));
    } else {
      old.removeAttribute(name);
    }
  }
  const inside = [...now.childNodes];
  [...old.childNodes].forEach((node, at) => graft(node, inside[at]));
}
