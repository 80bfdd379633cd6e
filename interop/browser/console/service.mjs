// A push service of a browser, as far as a server sees it: a place of HTTPS that takes what is for one subscription (RFC 8030),
// and what the browser would do with it (RFC 8291).
import { createECDH, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:https";

export async function pushService({ key, cert }) {
  const browser = createECDH("prime256v1");
  browser.generateKeys();
  const auth = randomBytes(16);
  const heard = [];
  const server = createServer({ key, cert }, (request, answer) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      heard.push({ path: request.url, headers: request.headers, told: JSON.parse(open(Buffer.concat(parts), browser, auth)) });
      answer.writeHead(201, { Location: "/m/1" }).end();
    });
  });
  await new Promise((done) => { server.listen(0, "127.0.0.1", done); });
  return {
    endpoint: `https://127.0.0.1:${server.address().port}/sub/one?a=b`,
    keys: { p256dh: browser.getPublicKey().toString("base64url"), auth: auth.toString("base64url") },
    heard,
    close: () => server.close(),
  };
}

/** RFC 8188 with the keys of RFC 8291 section 3.4, of one record. */
function open(body, browser, auth) {
  const [salt, length] = [body.subarray(0, 16), body[20]];
  const [sender, sealed] = [body.subarray(21, 21 + length), body.subarray(21 + length)];
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), browser.getPublicKey(), sender]);
  const secret = Buffer.from(hkdfSync("sha256", browser.computeSecret(sender), auth, info, 32));
  const derive = (name, bytes) => Buffer.from(hkdfSync("sha256", secret, salt, Buffer.from(`Content-Encoding: ${name}\0`), bytes));
  const cipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
  cipher.setAuthTag(sealed.subarray(-16));
  const plain = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
  return plain.subarray(0, plain.lastIndexOf(2)).toString();
}
