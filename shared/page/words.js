// What the page says, in plain words.

const REFUSALS = {
  bad_json: 'The server did not understand the message.',
  bad_request: 'The server did not accept this.',
  too_large: 'The message is too long.',
  unknown_action: 'The server does not know how to do this.',
  unauthorized: 'You are not signed in any more.',
  forbidden: 'You may not do this here.',
  no_room: 'There is no such room.',
  not_member: 'This room is for members only.',
  muted: 'You are muted in this room.',
  banned: 'You are banned from this room.',
  room_full: 'The room is full. Try again later.',
  conflict: 'The message got mixed up with another one.',
  not_found: 'The message is not there any more.',
  stale_epoch: 'The room was started anew.',
  below_floor: 'Older messages were removed.',
  replaced: 'You are chatting in another window.',
  kicked: 'A moderator ended your visit.',
  rate_limited: 'You are writing too fast. It is sent in a moment.',
  early: 'An earlier message is missing.',
  unregistered: 'The server is getting to know you again.',
  unavailable: 'The server cannot store messages right now. Trying again.',
  internal: 'The server made a mistake. Trying again.',
};

/** A refusal in a sentence, with the request id that helps the operator to find it. */
export function explain({ code, request, message }) {
  const sentence = REFUSALS[code] ?? message ?? 'Something went wrong.';
  return request ? `${sentence} (request ${request})` : sentence;
}

/** `3 messages`. */
export function count(number, one, many) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/** `10:42`. */
export function clockTime(at) {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

/** `Today`, `Yesterday`, `Monday, 3 March`. */
export function day(at, now = Date.now()) {
  const date = new Date(at);
  if (date.toDateString() === new Date(now).toDateString()) return 'Today';
  if (date.toDateString() === new Date(now - 86_400_000).toDateString()) return 'Yesterday';
  const year = date.getFullYear() === new Date(now).getFullYear() ? undefined : 'numeric';
  return date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', year });
}
