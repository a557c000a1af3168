// How long to wait for what. Times are milliseconds; `random` gives a number from 0 up to 1.

/** Once a later entry is here: how long a missing one may still arrive by itself. */
export const HOLD_MS = 250;

/** An entry that our own reply names, or that a server without fan-out owes us, is fetched after this. */
export const OWED_MS = 2_000;

/** From here on it is unknown whether an action was carried out. */
export const UNANSWERED_MS = 30_000;

/** A socket that is not open by then never will be. */
export const OPEN_MS = 15_000;

/** A connection that stood this long ends the series of failed attempts. */
export const STABLE_MS = 5_000;

/** The pause before attempt number `attempt` (from 0): full jitter, 0.5 to 20 s. */
export function backoff(attempt, random) {
  const least = 500;
  const most = 20_000;
  const reach = Math.min(most, least * 2 ** Math.min(attempt, 16));
  return Math.min(most, least + random() * reach);
}

/** From one ping to the next: up to a tenth less than the server allows. */
export function pingPause(pingMs, random) {
  return pingMs * (1 - 0.1 * random());
}

/**
 * The age at which a connection is exchanged: 90 to 115 minutes, because API Gateway ends it at two
 * hours, and a minute before the server says it expires, but never within five minutes: a clock that
 * is wrong must not make a page reconnect all the time.
 */
export function rotationAge(expiresInMs, random) {
  const minutes = 60_000;
  const age = (90 + 25 * random()) * minutes;
  return Math.max(5 * minutes, Math.min(age, expiresInMs - minutes));
}
