// Where the chat server is: `?endpoint=`, else `gatepost.json` beside the page.

/** The WebSocket URL. Rejects with an Error whose message is for the person. */
export async function findEndpoint(search = location.search) {
  const asked = new URLSearchParams(search).get('endpoint');
  if (asked) return webSocketUrl(asked, 'the address after ?endpoint=');
  let settings;
  try {
    const response = await fetch('gatepost.json', { cache: 'no-store' });
    if (!response.ok) throw new Error(`status ${response.status}`);
    settings = await response.json();
  } catch (error) {
    throw new Error(
      `The page does not know where the chat server is: gatepost.json beside it could not be read (${error.message}). ` +
        'It should say {"endpoint":"wss://…"}.',
    );
  }
  return webSocketUrl(settings?.endpoint, 'the endpoint in gatepost.json');
}

/** The URL for one connection of a guest. */
export function guestUrl(endpoint, { user, name }) {
  const url = new URL(endpoint);
  url.searchParams.set('user', user);
  url.searchParams.set('name', name);
  return url.href;
}

function webSocketUrl(text, what) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'ws:' && url?.protocol !== 'wss:') {
    throw new Error(`${what} is not a WebSocket address: it should begin with ws:// or wss://.`);
  }
  return url.href;
}
