// A wire between the browser and the server that can be cut: what lives on it ends, and nothing new comes through.
import { connect, createServer } from "node:net";

export async function wire(url) {
  const target = new URL(url);
  const sockets = new Set();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) { near.destroy(); return; }
    const far = connect(Number(target.port), "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => { sockets.delete(one); other.destroy(); });
      one.pipe(other);
    }
  });
  await new Promise((done) => { server.listen(0, "127.0.0.1", done); });
  return {
    url: `http://localhost:${server.address().port}`,
    cut() { isCut = true; for (const one of sockets) one.destroy(); },
    mend() { isCut = false; },
    end() { this.cut(); server.close(); },
  };
}
