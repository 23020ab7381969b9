// Asks the command that serves this page. The token came after `#` of the link and stays in this page alone.

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
history.replaceState(null, "", location.pathname);

export class Failed extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } });
  } catch {
    throw new Failed(0, "The command that serves this page has ended. Start it again: vitrine catalog review");
  }
  if (!answer.ok) throw new Failed(answer.status, (await answer.text()).trim());
  return answer;
}

const item = (id) => `/api/item/${encodeURIComponent(id)}`;

export const queue = async () => (await ask("/api/queue")).json();
export const load = async (id) => (await ask(item(id))).json();
export const picture = async (id, which) => createImageBitmap(await (await ask(`${item(id)}/${which}`)).blob());

export async function save(id, correction) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(item(id), { method: "PUT", headers, body: JSON.stringify(correction) })).json();
}

export const hasToken = token !== "";
